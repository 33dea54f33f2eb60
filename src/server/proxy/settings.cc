#include "server/proxy/settings.h"

#include <charconv>
#include <utility>

#include "core/base/ascii.h"

namespace capsem::proxy {
namespace {

std::unexpected<Error> bad_url(std::string detail) {
  return gateway_error("invalid_base_url", std::move(detail));
}

bool is_host_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_';
}

bool is_ipv6_byte(char c) {
  return (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || (c >= '0' && c <= '9') || c == ':' ||
         c == '.';
}

// Splits "host:port", "[v6]:port" and both without a port.
Status read_authority(std::string_view text, BaseUrl& url) {
  if (text.empty()) return bad_url("the host is missing");
  // Never echoed: what stands before the '@' may be a password.
  if (text.find('@') != std::string_view::npos) return bad_url("user information is not allowed");

  std::string_view host, rest;
  const bool v6 = text.front() == '[';
  if (v6) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return bad_url("']' is missing after the IPv6 address");
    host = text.substr(1, close - 1);
    rest = text.substr(close + 1);
  } else {
    const auto colon = text.find(':');
    host = text.substr(0, colon);
    rest = colon == std::string_view::npos ? std::string_view() : text.substr(colon);
  }
  if (host.empty()) return bad_url("the host is missing");
  for (const char c : host) {
    if (!(v6 ? is_ipv6_byte(c) : is_host_byte(c))) {
      return bad_url("the host has a character that no host name has");
    }
  }
  url.host = host;
  if (rest.empty()) return {};
  if (rest.front() != ':') return bad_url("after the host only ':' and a port may follow");
  rest.remove_prefix(1);
  unsigned port = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), port);
  if (error != std::errc() || end != rest.data() + rest.size() || port == 0 || port > 65'535) {
    return bad_url("the port must be a number from 1 to 65535");
  }
  url.port = static_cast<std::uint16_t>(port);
  return {};
}

bool drop_suffix(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}

Status read_prefix(std::string_view path, BaseUrl& url) {
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte >= 0x7F || c == '\\') {
      return bad_url("the path has a character that must be percent-encoded");
    }
  }
  while (drop_suffix(path, "/")) {
  }
  // People paste what their SDK wants, which ends in the API's version; the client's own path
  // brings that version already.
  if (drop_suffix(path, "/v1beta") || drop_suffix(path, "/v1")) {
    while (drop_suffix(path, "/")) {
    }
  }
  url.prefix = path;
  return {};
}

std::unexpected<Error> bad_endpoint(const Error& error) {
  return gateway_error("invalid_endpoint", error.detail);
}

}  // namespace

std::string_view to_string(Provider provider) {
  switch (provider) {
    case Provider::OpenAi:
      return "openai";
    case Provider::Gemini:
      return "gemini";
    case Provider::Anthropic:
      break;
  }
  return "anthropic";
}

Result<BaseUrl> parse_base_url(std::string_view text) {
  const auto scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos) {
    return bad_url("a base URL begins with http:// or https://");
  }
  BaseUrl url;
  const std::string_view scheme = text.substr(0, scheme_end);
  if (same_ascii_letters(scheme, "https")) {
    url.tls = true;
    url.port = 443;
  } else if (same_ascii_letters(scheme, "http")) {
    url.tls = false;
    url.port = 80;
  } else {
    return bad_url("the scheme must be http or https");
  }
  const std::string_view rest = text.substr(scheme_end + 3);
  if (rest.find_first_of("?#") != std::string_view::npos) {
    return bad_url("a base URL has no query ('?') and no fragment ('#')");
  }
  const auto slash = rest.find('/');
  if (auto ok = read_authority(rest.substr(0, slash), url); !ok) return std::unexpected(ok.error());
  if (slash != std::string_view::npos) {
    if (auto ok = read_prefix(rest.substr(slash), url); !ok) return std::unexpected(ok.error());
  }
  return url;
}

Result<Endpoint> parse_endpoint(std::string_view text) {
  if (text.empty()) return Endpoint{};
  BaseUrl url;
  url.port = 0;
  if (auto ok = read_authority(text, url); !ok) return bad_endpoint(ok.error());
  if (url.port == 0) return gateway_error("invalid_endpoint", "the port is missing");
  return Endpoint{std::move(url.host), url.port};
}

}  // namespace capsem::proxy
