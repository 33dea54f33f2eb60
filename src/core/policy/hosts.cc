#include "core/policy/hosts.h"

#include <algorithm>

namespace capsem::policy {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool is_slash(char c) {
  return c == '/' || c == '\\';
}

bool ends_authority(char c) {
  return is_slash(c) || c == '?' || c == '#' || c == '"' || c == '\'' || c == '<' || c == '>' ||
         c == ')' || c == '`' || static_cast<unsigned char>(c) <= ' ';
}

std::string undo_percent(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
                        hex_digit(text[i + 2]) >= 0;
    if (!escape) {
      plain += text[i];
      continue;
    }
    plain += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
    i += 2;
  }
  return plain;
}

std::string host_of(std::string_view raw_authority) {
  std::string authority = undo_percent(raw_authority);
  if (const auto at = authority.rfind('@'); at != std::string::npos) authority.erase(0, at + 1);
  if (authority.starts_with('[')) {
    const auto close = authority.find(']');
    authority = close == std::string::npos ? "" : authority.substr(1, close - 1);
  } else if (const auto colon = authority.find(':'); colon != std::string::npos) {
    authority.resize(colon);
  }
  while (authority.ends_with('.')) authority.pop_back();
  std::ranges::transform(authority, authority.begin(), lower);
  return authority;
}

}  // namespace

bool host_matches(std::string_view pattern, std::string_view host) {
  while (host.ends_with('.')) host.remove_suffix(1);
  if (host.empty()) return false;
  if (pattern == "*") return true;
  if (!pattern.starts_with("*.")) return same(pattern, host);
  const std::string_view base = pattern.substr(2);
  if (same(base, host)) return true;
  return host.size() > base.size() + 1 && host[host.size() - base.size() - 1] == '.' &&
         same(host.substr(host.size() - base.size()), base);
}

std::vector<std::string> hosts_in(std::string_view text) {
  std::vector<std::string> hosts;
  for (auto colon = text.find(':'); colon != std::string_view::npos;
       colon = text.find(':', colon + 1)) {
    // A scheme before it, two slashes behind it.
    const bool scheme =
        colon > 0 && ((lower(text[colon - 1]) >= 'a' && lower(text[colon - 1]) <= 'z') ||
                      (text[colon - 1] >= '0' && text[colon - 1] <= '9'));
    std::size_t at = colon + 1;
    while (at < text.size() && is_slash(text[at])) ++at;
    if (!scheme || at - colon < 3) continue;
    std::size_t end = at;
    while (end < text.size() && !ends_authority(text[end])) ++end;
    hosts.push_back(host_of(text.substr(at, end - at)));
  }
  return hosts;
}

}  // namespace capsem::policy
