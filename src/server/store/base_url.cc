#include <algorithm>
#include <array>
#include <charconv>
#include <string>

#include "server/store/integrations.h"

namespace capsem::store {
namespace {

std::unexpected<Error> bad(std::string detail) {
  return client_error("invalid_request", "`base_url` " + std::move(detail));
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

bool is_host_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

bool is_ipv6_byte(char c) {
  return (c >= 'a' && c <= 'f') || (c >= '0' && c <= '9') || c == ':' || c == '.';
}

bool is_path_byte(char c) {
  return is_host_byte(c) || (c >= 'A' && c <= 'Z') || c == '/' || c == '~' || c == '+';
}

// What clouds call the service that hands credentials to whoever asks from inside.
constexpr std::array kMetadataHosts = {
    std::string_view("metadata"),
    std::string_view("metadata.google.internal"),
    std::string_view("metadata.goog"),
    std::string_view("instance-data"),
    std::string_view("instance-data.ec2.internal"),
    std::string_view("169.254.169.254"),
    std::string_view("169.254.170.2"),
    std::string_view("fd00:ec2::254"),
    std::string_view("100.100.100.200"),
    std::string_view("metadata.azure.com"),
    std::string_view("metadata.azure.internal"),
    std::string_view("192.0.0.192"),
    std::string_view("168.63.129.16"),
    std::string_view("metadata.tencentyun.com"),
};

// Addresses that are written otherwise than as four decimal numbers ("0x7f.1", "2130706433"): one
// resolver takes them for an address, another one for a name.
bool is_odd_address(std::string_view host) {
  const auto dot = host.rfind('.');
  const std::string_view last = dot == std::string_view::npos ? host : host.substr(dot + 1);
  const bool numeric =
      !last.empty() && (std::ranges::all_of(last, [](char c) { return c >= '0' && c <= '9'; }) ||
                        last.starts_with("0x"));
  if (!numeric) return false;
  int parts = 0;
  std::string_view rest = host;
  while (true) {
    const auto end = rest.find('.');
    const std::string_view part = rest.substr(0, end);
    int value = 0;
    const auto [stop, fault] = std::from_chars(part.data(), part.data() + part.size(), value);
    const bool plain = fault == std::errc() && stop == part.data() + part.size() && value <= 255 &&
                       (part == "0" || !part.starts_with('0'));
    if (!plain) return true;
    ++parts;
    if (end == std::string_view::npos) return parts != 4;
    rest = rest.substr(end + 1);
  }
}

Status check_host(std::string_view host, bool v6) {
  if (host.empty()) return bad("has no host");
  if (host.size() > kBaseUrlHostBytesMax) return bad("has a host that is too long");
  if (!std::ranges::all_of(host, v6 ? is_ipv6_byte : is_host_byte)) {
    return bad("has a host with a character that no host name has");
  }
  if (!v6 && (host.starts_with('.') || host.find("..") != std::string_view::npos)) {
    return bad("has a host with an empty label");
  }
  const std::string_view name = host.ends_with('.') ? host.substr(0, host.size() - 1) : host;
  if (!v6 && is_odd_address(name)) return bad("has an address that is not written as a.b.c.d");
  if (std::ranges::find(kMetadataHosts, name) != kMetadataHosts.end()) {
    return bad("names a metadata service");
  }
  return {};
}

}  // namespace

Status check_base_url(std::string_view url, bool allow_private) {
  if (url.size() > kBaseUrlBytesMax) {
    return bad("must have at most " + std::to_string(kBaseUrlBytesMax) + " bytes");
  }
  const std::string lowered = lower(url);
  const bool tls = lowered.starts_with("https://");
  if (!tls && !lowered.starts_with("http://")) return bad("must begin with https://");
  if (!tls && !allow_private) return bad("must be https, unless `allow_private` is set");
  const std::string_view rest = std::string_view(lowered).substr(tls ? 8 : 7);
  const auto slash = rest.find('/');
  std::string_view authority = rest.substr(0, slash);
  // Not echoed: what stands before the '@' may be a password.
  if (url.find('@') != std::string_view::npos) return bad("must not have user information");
  const std::string_view path = slash == std::string_view::npos ? "" : rest.substr(slash);
  if (!std::ranges::all_of(path, is_path_byte) || path.find("..") != std::string_view::npos ||
      path.find("//") != std::string_view::npos) {
    return bad("has a path with more than plain segments");
  }
  const bool v6 = authority.starts_with('[');
  std::string_view host, port;
  if (v6) {
    const auto close = authority.find(']');
    if (close == std::string_view::npos) return bad("has no ']' after its IPv6 address");
    host = authority.substr(1, close - 1);
    port = authority.substr(close + 1);
  } else {
    const auto colon = authority.find(':');
    host = authority.substr(0, colon);
    port = colon == std::string_view::npos ? "" : authority.substr(colon);
  }
  if (!port.empty()) {
    int number = 0;
    const auto [end, fault] = std::from_chars(port.data() + 1, port.data() + port.size(), number);
    if (port.front() != ':' || fault != std::errc() || end != port.data() + port.size() ||
        number < 1 || number > 65'535) {
      return bad("has a port that is none");
    }
  }
  return check_host(host, v6);
}

}  // namespace capsem::store
