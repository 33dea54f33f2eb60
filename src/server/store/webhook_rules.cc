#include "server/store/webhook_rules.h"

#include <algorithm>
#include <charconv>

#include "core/base/ascii.h"

namespace capsem::store {
namespace {

constexpr std::uint16_t kTlsPort = 443, kPlainPort = 80;
constexpr std::size_t kHostBytesMax = 253;

std::unexpected<Error> bad(std::string_view why) {
  return client_error("invalid_url", std::string(why));
}

bool letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool good_name(std::string_view host) {
  if (host.empty() || host.size() > kHostBytesMax || host.front() == '-') return false;
  return std::ranges::all_of(
      host, [](char c) { return letter_or_digit(c) || c == '.' || c == '-' || c == '_'; });
}

bool good_v6(std::string_view host) {
  if (host.empty() || host.size() > kHostBytesMax) return false;
  return std::ranges::all_of(host, [](char c) {
    return (c >= 'a' && c <= 'f') || (c >= '0' && c <= '9') || c == ':' || c == '.';
  });
}

// "host", "host:port", "[v6]:port" into `url`; its port is the scheme's own already.
Status read_authority(std::string_view text, WebhookUrl& url) {
  if (text.find('@') != std::string_view::npos) return bad("a user name has no place in a URL");
  const std::string lower = ascii_lower(text);
  std::string_view rest = lower;
  if (rest.starts_with('[')) {
    const std::size_t end = rest.find(']');
    if (end == std::string_view::npos || !good_v6(rest.substr(1, end - 1))) {
      return bad("the address in brackets is not one");
    }
    url.host = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
  } else {
    const std::size_t colon = rest.find(':');
    url.host = rest.substr(0, colon);
    if (!good_name(url.host)) return bad("the host is not a name");
    rest.remove_prefix(std::min(colon, rest.size()));
  }
  if (rest.empty()) return {};
  unsigned port = 0;
  const char* last = rest.data() + rest.size();
  const auto [end, fault] = std::from_chars(rest.data() + 1, last, port);
  if (rest.front() != ':' || fault != std::errc() || end != last || port == 0 || port > 65'535) {
    return bad("the port is not a number from 1 to 65535");
  }
  url.port = static_cast<std::uint16_t>(port);
  return {};
}

// Takes "https://" or "http://" off. False: neither.
bool take_scheme(std::string_view& text, WebhookUrl& url) {
  const auto starts = [&](std::string_view scheme) {
    return text.size() >= scheme.size() &&
           std::equal(scheme.begin(), scheme.end(), text.begin(), [](char a, char b) {
             return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b - 'A' + 'a') : b);
           });
  };
  for (const bool tls : {true, false}) {
    const std::string_view scheme = tls ? "https://" : "http://";
    if (!starts(scheme)) continue;
    text.remove_prefix(scheme.size());
    url.tls = tls;
    url.port = tls ? kTlsPort : kPlainPort;
    return true;
  }
  return false;
}

}  // namespace

std::string WebhookUrl::authority() const {
  std::string text = host.find(':') == std::string::npos ? host : "[" + host + "]";
  if (port != (tls ? kTlsPort : kPlainPort)) text.append(":").append(std::to_string(port));
  return text;
}

Result<WebhookUrl> parse_webhook_url(std::string_view text) {
  if (text.size() > kWebhookUrlBytesMax) return bad("the URL is too long");
  const bool printable = std::ranges::all_of(
      text, [](char c) { return c > ' ' && c < '\x7f' && c != '"' && c != '<' && c != '\\'; });
  if (!printable) return bad("a URL is printable ASCII without spaces");
  WebhookUrl url;
  if (!take_scheme(text, url)) return bad("a URL begins with https:// or http://");
  if (text.find('#') != std::string_view::npos) return bad("a fragment has no place in a URL");
  const std::size_t end = std::min(text.find_first_of("/?"), text.size());
  if (auto ok = read_authority(text.substr(0, end), url); !ok) return std::unexpected(ok.error());
  url.target = text.substr(end);
  if (!url.target.starts_with('/')) url.target.insert(0, "/");
  return url;
}

Result<WebhookRules> WebhookRules::make(std::vector<std::string> urls,
                                        const std::vector<std::string>& hosts) {
  WebhookRules rules;
  for (const std::string& text : urls) {
    auto url = parse_webhook_url(text);
    // The URL itself is not repeated: its path may be a secret of the receiver's.
    if (!url) return gateway_error("invalid_setting", "webhooks.urls: " + url.error().detail);
    rules.places_.push_back({url->tls, std::move(url->host), url->port});
  }
  for (const std::string& text : hosts) {
    std::string_view rest = text;
    WebhookUrl url;
    take_scheme(rest, url);
    if (auto ok = read_authority(rest, url); !ok) {
      return gateway_error("invalid_setting",
                           "webhooks.hosts: \"" + text + "\": " + ok.error().detail);
    }
    rules.places_.push_back({url.tls, std::move(url.host), url.port});
  }
  rules.urls_ = std::move(urls);
  return rules;
}

bool WebhookRules::callback_allowed(std::string_view text) const {
  const auto url = parse_webhook_url(text);
  if (!url) return false;
  return std::ranges::any_of(places_, [&](const Place& place) {
    return place.tls == url->tls && place.host == url->host && place.port == url->port;
  });
}

}  // namespace capsem::store
