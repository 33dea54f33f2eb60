#include <algorithm>
#include <charconv>

#include "core/policy/judge_desk.h"

namespace capsem::policy {
namespace {

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool is_host_name(std::string_view host, bool v6) {
  return !host.empty() && std::ranges::all_of(host, [v6](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || (v6 && c == ':');
  });
}

bool read_url_port(std::string_view text, std::uint16_t& port) {
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), port);
  return fault == std::errc() && end == text.data() + text.size() && port != 0;
}

// What may stand in a request line.
bool is_request_target(std::string_view target) {
  return std::ranges::all_of(target, [](char c) { return c > ' ' && c < 0x7F && c != '#'; });
}

}  // namespace

bool read_judge_url(std::string_view text, JudgeUrl& url) {
  url = {};
  if (take_prefix(text, "https://")) {
    url.tls = true;
    url.port = 443;
  } else if (!take_prefix(text, "http://")) {
    return false;
  }
  const std::size_t path = std::min(text.find_first_of("/?"), text.size());
  std::string_view authority = text.substr(0, path);
  const std::string_view target = text.substr(path);
  if (!is_request_target(target)) return false;
  url.target = target.starts_with('/') ? std::string(target) : "/" + std::string(target);
  const bool v6 = take_prefix(authority, "[");
  const std::size_t end =
      v6 ? authority.find(']') : std::min(authority.find(':'), authority.size());
  if (end == std::string_view::npos) return false;
  url.host = authority.substr(0, end);
  authority.remove_prefix(end + (v6 ? 1 : 0));
  if (!is_host_name(url.host, v6)) return false;
  return authority.empty() || (take_prefix(authority, ":") && read_url_port(authority, url.port));
}

}  // namespace capsem::policy
