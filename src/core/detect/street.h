// LOCATION by grammar: streets, with what belongs to them (address_tail.h), post boxes, military
// addresses, and "City, ST 12345". English forms, French ("12 rue de la Paix"), German and its
// neighbours ("Hauptstraße 12"), Italian and Spanish ("Via Roma 5"), Slavic and Nordic ones. Words
// with other uses ("Falls") name a street only where a unit, a town or a code follows.
//
// Whether an address begins at a place depends on at most kAddressMax + kWordMax bytes from it on.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/detect/address_tail.h"
#include "core/detect/chars.h"

namespace capsem::detect {

inline constexpr float kAddressScore = 0.85F;

// The addresses of one text after another. Remembers those it has read: whether a place lies inside
// an address is asked again and again in a list of them. Not thread-safe.
class AddressReader {
 public:
  // Another text, or another part of one, comes.
  void begin_text() { ++text_; }

  // The address that begins at p, with a house number or with a capitalised word.
  // REQUIRES: s[p] is a digit or an upper-case letter with no word character before it.
  Match at(std::string_view s, std::size_t p);

  // Whether an address that began before p reaches over p.
  bool inside(std::string_view s, std::size_t p);

 private:
  struct Entry {
    std::uint64_t text = 0;
    std::size_t place = 0;
    Match match;
  };
  std::uint64_t text_ = 1;
  std::array<Entry, 256> entries_;  // by the place; more than kAddressMax
};

// The beginning of the first address that more text could make longer, or s.size().
std::size_t open_address(std::string_view s);

// Lower-case words inside addresses: "rue", "bis", "cesta".
bool is_address_link(std::string_view word);

}  // namespace capsem::detect
