#include "server/proxy/hosts.h"

#include <algorithm>

#include "server/http/head.h"
#include "server/net/address.h"

namespace capsem::proxy {

std::string_view host_name(std::string_view field) {
  std::string_view name = field;
  std::string_view port;
  if (field.starts_with('[')) {
    const auto end = field.find(']');
    if (end == std::string_view::npos) return {};
    name = field.substr(0, end + 1);
    port = field.substr(end + 1);
  } else if (const auto colon = field.find(':'); colon != std::string_view::npos) {
    name = field.substr(0, colon);
    port = field.substr(colon);
  }
  if (!port.empty()) {
    if (port.front() != ':' || port.size() > 6) return {};
    const bool digits =
        std::all_of(port.begin() + 1, port.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!digits) return {};
  }
  const bool fine = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '.' || c == '_' || c == ':' || c == '[' || c == ']';
  });
  return fine ? name : std::string_view{};
}

bool loopback_name(std::string_view name) {
  if (name == "127.0.0.1" || http::equals_ignoring_case(name, "localhost") ||
      (name.size() > 10 &&
       http::equals_ignoring_case(name.substr(name.size() - 10), ".localhost"))) {
    return true;
  }
  const auto address = net::parse_address(std::string(name), 0);
  return address && address->loopback();
}

HostList::HostList(std::vector<std::string> allowed, std::string_view listen_host)
    : allowed_(std::move(allowed)),
      loopback_only_(allowed_.empty() && loopback_name(listen_host)) {}

bool HostList::allows(std::string_view host) const {
  if (host.empty()) return true;
  const std::string_view name = host_name(host);
  if (name.empty()) return false;
  if (loopback_only_) return loopback_name(name);
  if (allowed_.empty()) return true;
  return std::any_of(allowed_.begin(), allowed_.end(), [&](const std::string& entry) {
    return entry == "*" || http::equals_ignoring_case(entry, name) ||
           http::equals_ignoring_case(entry, host);
  });
}

}  // namespace capsem::proxy
