// EMAIL_ADDRESS and IP_ADDRESS: entity types that are found from an anchor inside them.
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

// The suffix of `domain` after its last dot is a top-level domain in public use.
bool known_tld(std::string_view label);

}  // namespace capsem::detect
