#include "core/policy/hosts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>

namespace capsem::policy {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_letter_or_digit(char c) {
  return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z');
}

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool is_slash(char c) {
  return c == '/' || c == '\\';
}

bool is_space(char c) {
  return static_cast<unsigned char>(c) <= ' ';
}

bool is_line_break(char c) {
  return c == '\t' || c == '\r' || c == '\n';
}

// Where parsers see the end of an authority, whatever surrounds the URL.
bool ends_authority(char c) {
  return is_slash(c) || c == '?' || c == '#';
}

// Where people see it: what a text puts around a URL.
bool closes_quotation(char c) {
  return c == '"' || c == '\'' || c == '<' || c == '>' || c == ')' || c == '`';
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

// Full-width letters and the ideographic full stops, which resolvers take for the ASCII ones.
std::string narrow(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view three = text.substr(i, 3);
    if (three == "\xE3\x80\x82" || three == "\xEF\xBD\xA1") {
      plain += '.';
      i += 2;
      continue;
    }
    const bool wide = three.size() == 3 && (three.starts_with("\xEF\xBC") ||  //
                                            three.starts_with("\xEF\xBD"));
    const int code = wide ? (static_cast<unsigned char>(three[1]) - 0xBC) * 64 +
                                static_cast<unsigned char>(three[2]) - 0x80
                          : 0;
    if (code >= 1 && code <= 0x5E) {
      plain += static_cast<char>(code + 0x20);
      i += 2;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

// "169.254.169.254" for "0xA9FEA9FE", "2852039166", "0251.254.169.254", as inet_aton() reads them.
// Empty: no address.
std::string usual_ipv4(std::string_view host) {
  std::array<std::uint64_t, 4> parts{};
  std::size_t count = 0;
  while (true) {
    if (count == parts.size()) return {};
    const auto dot = host.find('.');
    std::string_view part = host.substr(0, dot);
    int base = 10;
    if (part.starts_with("0x")) {
      part.remove_prefix(2);
      base = 16;
    } else if (part.size() > 1 && part.starts_with('0')) {
      part.remove_prefix(1);
      base = 8;
    }
    const auto [end, error] =
        std::from_chars(part.data(), part.data() + part.size(), parts[count], base);
    const bool nothing = part.empty() && base == 16;  // "0x" is zero
    if (!nothing && (error != std::errc() || end != part.data() + part.size())) return {};
    ++count;
    if (dot == std::string_view::npos) break;
    host.remove_prefix(dot + 1);
  }
  // The last part fills whatever bytes the others left.
  std::uint64_t address = 0;
  for (std::size_t i = 0; i + 1 < count; ++i) {
    if (parts[i] > 255) return {};
    address |= parts[i] << (8 * (3 - i));
  }
  if (parts[count - 1] >> (8 * (5 - count)) != 0) return {};
  address |= parts[count - 1];
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8) {
    if (!text.empty()) text += '.';
    text += std::to_string(address >> shift & 255);
  }
  return text;
}

bool ends_in_number(std::string_view host) {
  const std::string_view last = host.substr(host.rfind('.') + 1);
  return !last.empty() &&
         (std::ranges::all_of(last, is_digit) ||
          (last.starts_with("0x") &&
           std::ranges::all_of(last.substr(2), [](char c) { return hex_digit(c) >= 0; })));
}

// The groups of one side of a "::", a dotted address at the end counting as two. nullopt: no such.
std::optional<std::vector<unsigned>> ipv6_groups(std::string_view text) {
  std::vector<unsigned> groups;
  while (!text.empty()) {
    const auto colon = text.find(':');
    const std::string_view part = text.substr(0, colon);
    if (colon == std::string_view::npos && part.contains('.')) {
      std::uint64_t address = 0;
      std::string_view rest = usual_ipv4(part) == part ? part : "";
      if (rest.empty()) return std::nullopt;
      for (; !rest.empty(); rest.remove_prefix(std::min(rest.size(), rest.find('.') + 1))) {
        unsigned byte = 0;
        const auto end = std::from_chars(rest.data(), rest.data() + rest.size(), byte).ptr;
        address = address << 8 | byte;
        if (end == rest.data() + rest.size()) break;
      }
      groups.push_back(static_cast<unsigned>(address >> 16));
      groups.push_back(static_cast<unsigned>(address & 0xFFFF));
      return groups;
    }
    unsigned group = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), group, 16);
    if (error != std::errc() || end != part.data() + part.size() || part.size() > 4) {
      return std::nullopt;
    }
    groups.push_back(group);
    if (colon == std::string_view::npos) break;
    text.remove_prefix(colon + 1);
    if (text.empty()) return std::nullopt;
  }
  return groups;
}

// The shortest form, zones left out; a mapped IPv4 address is that address. Empty: no address.
std::string usual_ipv6(std::string_view text) {
  text = text.substr(0, text.find('%'));
  const auto gap = text.find("::");
  auto groups = ipv6_groups(text.substr(0, gap));
  if (!groups) return {};
  if (gap != std::string_view::npos) {
    const auto tail = ipv6_groups(text.substr(gap + 2));
    if (!tail || groups->size() + tail->size() > 7) return {};
    groups->resize(8 - tail->size());
    groups->insert(groups->end(), tail->begin(), tail->end());
  }
  if (groups->size() != 8) return {};
  const auto& g = *groups;
  if (std::all_of(g.begin(), g.begin() + 5, [](unsigned x) { return x == 0; }) && g[5] == 0xFFFF) {
    return usual_ipv4(std::to_string(std::uint64_t{g[6]} << 16 | g[7]));
  }
  std::size_t run = 8, run_size = 1;  // the first longest run of zeros
  for (std::size_t i = 0; i < 8; ++i) {
    std::size_t end = i;
    while (end < 8 && g[end] == 0) ++end;
    if (end - i > run_size) {
      run = i;
      run_size = end - i;
    }
  }
  std::string shown;
  for (std::size_t i = 0; i < 8; ++i) {
    if (i == run) {
      shown += "::";
      i += run_size - 1;
      continue;
    }
    if (!shown.empty() && !shown.ends_with(':')) shown += ':';
    shown += fmt::format("{:x}", g[i]);
  }
  return shown;
}

std::string host_of(std::string_view authority) {
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
    authority.remove_prefix(at + 1);
  }
  if (authority.starts_with('[')) {
    const auto close = authority.find(']');
    if (close == std::string_view::npos) return {};
    return usual_ipv6(undo_percent(authority.substr(1, close - 1)));
  }
  std::string host = narrow(undo_percent(authority.substr(0, authority.find(':'))));
  std::ranges::transform(host, host.begin(), lower);
  // A full stop, and whatever else a sentence puts behind a name.
  constexpr std::string_view kPunctuation = ".,;!|}]*~";
  while (!host.empty() && kPunctuation.contains(host.back())) host.pop_back();
  const bool sense = std::ranges::all_of(host, [](char c) {
    return is_letter_or_digit(c) || c == '-' || c == '_' || c == '.' ||
           static_cast<unsigned char>(c) >= 0x80;
  });
  if (!sense) return {};
  return ends_in_number(host) ? usual_ipv4(host) : host;
}

std::string scheme_before(std::string_view text, std::size_t colon) {
  std::size_t begin = colon;
  while (begin > 0 && (is_letter_or_digit(text[begin - 1]) || text[begin - 1] == '+' ||
                       text[begin - 1] == '-' || text[begin - 1] == '.')) {
    --begin;
  }
  std::string scheme(text.substr(begin, colon - begin));
  std::ranges::transform(scheme, scheme.begin(), lower);
  return scheme;
}

template <std::size_t N>
bool is_one_of(std::string_view word, const std::string_view (&words)[N]) {
  return std::ranges::find(words, word) != std::end(words);
}

bool is_plain(std::string_view scheme) {
  constexpr std::string_view kPlain[] = {"ws", "ftp", "tftp", "telnet", "gopher", "ldap"};
  // Letters before it, as in "seehttp", are the text's.
  return scheme.ends_with("http") || is_one_of(scheme, kPlain);
}

// Browsers and their like take any number of slashes after these.
bool is_special(std::string_view scheme) {
  constexpr std::string_view kSpecial[] = {"http", "https", "ws", "wss", "ftp"};
  return is_one_of(scheme, kSpecial);
}

// The authority as a parser reads it that is given the whole text as one URL: line breaks are left
// out, spaces and quotes belong to the user's name. nullopt: it would read a second URL.
std::optional<std::string> whole_authority(std::string_view text, std::size_t begin) {
  std::size_t end = begin, line = begin;
  while (end < text.size() && !ends_authority(text[end])) {
    if (is_line_break(text[end])) line = end + 1;
    ++end;
  }
  const std::string_view last = text.substr(line, end - line);
  const bool second = line > begin && last.ends_with(':') &&
                      std::ranges::all_of(last.substr(0, last.size() - 1), is_letter_or_digit);
  if (second) return std::nullopt;
  std::string authority(text.substr(begin, end - begin));
  std::erase_if(authority, is_line_break);
  return authority;
}

}  // namespace

bool host_matches(std::string_view pattern, std::string_view host) {
  while (host.ends_with('.')) host.remove_suffix(1);
  if (pattern.size() > 2 && pattern.ends_with('.')) pattern.remove_suffix(1);
  if (host.empty()) return false;
  if (pattern == "*") return true;
  if (!pattern.starts_with("*.")) return same(pattern, host);
  const std::string_view base = pattern.substr(2);
  if (same(base, host)) return true;
  return host.size() > base.size() + 1 && host[host.size() - base.size() - 1] == '.' &&
         same(host.substr(host.size() - base.size()), base);
}

std::vector<UrlHost> hosts_in(std::string_view text) {
  std::vector<UrlHost> hosts;
  for (auto colon = text.find(':'); colon != std::string_view::npos;
       colon = text.find(':', colon + 1)) {
    if (colon == 0 || !is_letter_or_digit(text[colon - 1])) continue;
    const std::string scheme = scheme_before(text, colon);
    std::size_t at = colon + 1;
    while (at < text.size() && is_slash(text[at])) ++at;
    const std::size_t slashes = at - colon - 1;
    const bool named = at < text.size() && (is_letter_or_digit(text[at]) || text[at] == '[');
    const bool special = is_special(scheme);
    if (slashes < 2 && (!special || !named)) continue;
    if (!special) at = colon + 3;  // file:///x has no host

    const auto add = [&](std::string host) {
      hosts.push_back({std::move(host), !is_plain(scheme)});
    };
    std::size_t end = at;
    while (end < text.size() && !ends_authority(text[end]) && !closes_quotation(text[end]) &&
           !is_space(text[end])) {
      ++end;
    }
    add(host_of(text.substr(at, end - at)));
    // A quote may belong to a user's name: "https://good.com'@evil.com".
    std::size_t word_end = end;
    while (word_end < text.size() && !ends_authority(text[word_end]) && !is_space(text[word_end])) {
      ++word_end;
    }
    const std::string_view word = text.substr(at, word_end - at);
    if (word.rfind('@') != std::string_view::npos && at + word.rfind('@') >= end) {
      add(host_of(word));
    }
    // So may a space or a line break, where the whole text is taken for the URL.
    const bool leads = std::ranges::all_of(text.substr(0, colon - scheme.size()), is_space);
    if (!leads || word_end == text.size() || !is_space(text[word_end])) continue;
    if (const auto whole = whole_authority(text, at)) {
      std::string host = host_of(*whole);
      if (!host.empty() && host != hosts.back().host) add(std::move(host));
    }
  }
  return hosts;
}

}  // namespace capsem::policy
