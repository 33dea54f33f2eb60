// The last label of a host's name.
#pragma once

#include <cstddef>
#include <string_view>

namespace capsem::detect {

inline constexpr std::size_t kTldMax = 18;  // bytes of the longest

// All of these in either letter case.
bool known_tld(std::string_view label);       // a top-level domain in public use, not xn--...
bool private_suffix(std::string_view label);  // of a network's own hosts: "internal", "local"
// A top-level domain that more often is the ending of a file or a member of an object.
bool ambiguous_tld(std::string_view label);

}  // namespace capsem::detect
