#include <algorithm>

#include "core/detect/addresses.h"

namespace capsem::detect {
namespace {

constexpr std::size_t kIpv6Max = 45;  // six groups and an IPv4 address
constexpr std::size_t kZoneMax = 32;

// End of a decimal octet at p, or p.
std::size_t octet_end(std::string_view s, std::size_t p) {
  const std::size_t end = digits_end(s, p);
  if (end - p > 3 || (end - p > 1 && s[p] == '0' && end - p == 3)) return p;
  unsigned value = 0;
  for (std::size_t i = p; i < end; ++i) value = value * 10 + static_cast<unsigned>(s[i] - '0');
  return value <= 255 ? end : p;
}

// End of d.d.d.d at p, or 0.
std::size_t dotted_quad_end(std::string_view s, std::size_t p) {
  for (unsigned part = 0; part < 4; ++part) {
    const std::size_t end = octet_end(s, p);
    if (end == p) return 0;
    if (part == 3) return end;
    if (char_at(s, end) != '.') return 0;
    p = end + 1;
  }
  return 0;
}

// End of "/n" with n <= most at p, or p when there is none.
std::size_t prefix_length_end(std::string_view s, std::size_t p, unsigned most) {
  if (char_at(s, p) != '/') return p;
  const std::size_t end = digits_end(s, p + 1);
  if (end == p + 1 || end - p > 4 || word_at(s, end)) return p;
  unsigned value = 0;
  for (std::size_t i = p + 1; i < end; ++i) value = value * 10 + static_cast<unsigned>(s[i] - '0');
  return value <= most ? end : p;
}

bool address_byte(char c) {
  return (class_of(c) & kHex) != 0 || c == ':' || c == '.';
}

// RFC 4291 2.2: eight groups of one to four hexadecimal digits, one run of them "::", the last two
// possibly a dotted quad. `text` is the whole address.
bool parses_as_ipv6(std::string_view text) {
  unsigned groups = 0;
  bool compressed = false;
  std::size_t p = 0;
  if (text.starts_with("::")) {
    compressed = true;
    p = 2;
  }
  while (p < text.size()) {
    std::size_t end = p;
    while (end < text.size() && (class_of(text[end]) & kHex) != 0) ++end;
    if (char_at(text, end) == '.') {
      groups += 2;
      p = dotted_quad_end(text, p);
      break;
    }
    if (end == p || end - p > 4) return false;
    ++groups;
    p = end;
    if (p == text.size()) break;
    if (text[p] != ':') return false;
    if (char_at(text, ++p) == ':') {
      if (compressed) return false;
      compressed = true;
      ++p;
    } else if (p == text.size()) {
      return false;
    }
  }
  if (p != text.size()) return false;
  return compressed ? groups < 8 : groups == 8;
}

std::size_t address_begin(std::string_view s, std::size_t p) {
  const std::size_t floor = p > kIpv6Max ? p - kIpv6Max : 0;
  while (p > floor && address_byte(s[p - 1])) --p;
  return p;
}

// "%eth0" and "/64" belong to the address.
std::size_t with_zone_and_length(std::string_view s, std::size_t end) {
  if (char_at(s, end) == '%') {
    std::size_t p = end + 1;
    while (p < s.size() && p - end < kZoneMax && is_alnum(s[p])) ++p;
    if (p > end + 1) end = p;
  }
  return prefix_length_end(s, end, 128);
}

}  // namespace

Match match_ipv4(std::string_view s, std::size_t p) {
  // "1.2.3.4.5" holds one address, at its beginning; "04.47.64.53.88" is a telephone number.
  if (p >= 2 && s[p - 1] == '.' && is_digit(s[p - 2])) return {};
  const std::size_t end = dotted_quad_end(s, p);
  if (end == 0 || word_at(s, end)) return {};
  if (s[p] == '0' && char_at(s, end) == '.' && digit_at(s, end + 1)) return {};
  return {prefix_length_end(s, end, 32), 0.6F};
}

AnchoredMatch match_ipv6(std::string_view s, std::size_t colon) {
  std::size_t begin = address_begin(s, colon);
  // A sentence's dot before the address.
  while (begin < colon && s[begin] == '.') ++begin;
  if (s.substr(begin, colon - begin).find(':') != std::string_view::npos) return {};
  if (word_before(s, begin) || char_before(s, begin) == ':') return {};
  std::size_t end = colon;
  while (end < s.size() && end - begin <= kIpv6Max + 1 && address_byte(s[end])) ++end;
  if (word_at(s, end)) return {};
  // A sentence's dot, or a colon that introduces what follows.
  if (end > begin && s[end - 1] == '.') --end;
  if (end - begin > 2 && s[end - 1] == ':' && s[end - 2] != ':') --end;
  if (end - begin > kIpv6Max || !parses_as_ipv6(s.substr(begin, end - begin))) return {};
  const bool unspecified = end - begin == 2;
  end = with_zone_and_length(s, end);
  return {begin, end, unspecified ? 0.1F : 0.6F};
}

bool inside_ipv6(std::string_view s, std::size_t p) {
  if (char_before(s, p) != ':') return false;
  std::size_t begin = address_begin(s, p);
  while (begin < p && s[begin] == '.') ++begin;
  const auto colon = s.find(':', begin);
  return colon < p && match_ipv6(s, colon).end > p;
}

}  // namespace capsem::detect
