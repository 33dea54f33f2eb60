// What follows a street in an address: unit, city, state, country and postal code, on the same line
// or on the next ones. Functions of the text alone; offsets are bytes of s.
#pragma once

#include <cstddef>
#include <string_view>

#include "core/detect/words.h"

namespace capsem::detect {

// Bytes of one address, from its first to its last.
inline constexpr std::size_t kAddressMax = 160;

// The end of the address whose street ends at `end`: `end` itself if nothing follows.
std::size_t address_tail_end(std::string_view s, std::size_t end);

// Whether more text could make the address whose street ends at `end` longer: all that stands
// behind it might be a part.
bool address_tail_open(std::string_view s, std::size_t end);

// The beginning, at or after `floor`, of the bytes at the end of s that addresses are made of.
std::size_t address_bytes_begin(std::string_view s, std::size_t floor);

// "City, ST 12345", "City, Texas 12345", "City SW1A 1AA" on one line: its end, or 0.
std::size_t city_and_code_end(std::string_view s, std::size_t p);

// "Apt", "suite".
bool is_unit_word(std::string_view s, const Word& w);

// "221B", "12-14", "7a" at p: its end, or 0.
std::size_t house_number_end(std::string_view s, std::size_t p);

// The place behind " ", ", " or ","; p itself if nothing follows it there.
std::size_t over_gap(std::string_view s, std::size_t p);

}  // namespace capsem::detect
