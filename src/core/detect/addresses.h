// EMAIL_ADDRESS, IP_ADDRESS, MAC_ADDRESS and URL: entity types that are found from an anchor inside
// them.
#pragma once

#include <cstddef>
#include <string_view>

#include "core/detect/chars.h"

namespace capsem::detect {

// A finding with its own beginning: the anchor stands inside.
struct AnchoredMatch {
  std::size_t begin = 0, end = 0;
  float score = 0;
  explicit operator bool() const { return end != 0; }
};

inline constexpr std::size_t kEmailLocalMax = 64;    // RFC 5321 4.5.3.1.1
inline constexpr std::size_t kEmailDomainMax = 253;  // RFC 1035 2.3.4 as text

// REQUIRES: s[at] == '@'. Score 1 under a known top-level domain, else 0.5.
AnchoredMatch match_email(std::string_view s, std::size_t at);

// REQUIRES: s[p] is a digit with no word character before it.
Match match_ipv4(std::string_view s, std::size_t p);

// REQUIRES: s[colon] == ':'. Finds nothing unless it is the address's first colon.
AnchoredMatch match_ipv6(std::string_view s, std::size_t colon);

// Whether the IPv4 address at p is the tail of an IPv6 address.
bool inside_ipv6(std::string_view s, std::size_t p);

// REQUIRES: s[at] is ':', '-' or '.'. Finds nothing unless it is the address's first.
AnchoredMatch match_mac(std::string_view s, std::size_t at);

inline constexpr std::size_t kUrlMax = 384;  // what is longer is cut there
inline constexpr std::size_t kUrlBeforeDotMax =
    128;  // a URL begins at most so far before its host's first dot

struct UrlMatch : AnchoredMatch {
  bool open = false;  // goes on to the end of the text
};
// With a scheme 0.6, without one 0.5; 0.3 for what may as well be the name of a file.
// REQUIRES: s[dot] == '.'. Finds nothing unless it is the first dot of the host.
UrlMatch match_url(std::string_view s, std::size_t dot);

// Presidio takes the quotes around a URL as a part of it. Whether the quote at s[at] can begin one:
// not where it is a value's of JSON, of which nothing would be left. REQUIRES: at < s.size().
bool opens_quote(std::string_view s, std::size_t at);

// The beginning of the URL that the end of the text may have cut, or s.size().
std::size_t open_url(std::string_view s);

}  // namespace capsem::detect
