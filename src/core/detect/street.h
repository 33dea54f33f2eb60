// LOCATION by grammar: street addresses with what belongs to them (unit, city, state, postal code),
// post boxes, and "City, ST 12345". English forms, French ("12 rue de la Paix"), German and its
// neighbours ("Hauptstraße 12, 10115 Berlin"), Italian and Spanish ("Via Roma 5").
#pragma once

#include <cstddef>
#include <string_view>

#include "core/detect/address_tail.h"
#include "core/detect/chars.h"

namespace capsem::detect {

inline constexpr float kAddressScore = 0.85F;

// An address that begins at p with a house number, or with a capitalised word.
// REQUIRES: s[p] is a digit (an upper-case letter) with no word character before it.
Match match_address_at_number(std::string_view s, std::size_t p);
Match match_address_at_word(std::string_view s, std::size_t p);

// Whether an address that began before p reaches over p.
bool inside_address(std::string_view s, std::size_t p);

// The beginning of the first address that more text could make longer, or s.size().
std::size_t open_address(std::string_view s);

// Lower-case words inside addresses: "rue", "bis", "cesta".
bool is_address_link(std::string_view word);

}  // namespace capsem::detect
