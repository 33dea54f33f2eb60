// PHONE_NUMBER: finds what is written like a telephone number and asks libphonenumber whether it
// is one. International numbers, and national ones of the regions that Presidio asks for: US, CA,
// GB, DE, FR, IL, IN, BR.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/detect/chars.h"

namespace capsem::detect {

inline constexpr float kPhoneScore = 0.4F;
// Of a number that a word announces right before it: "mobile: 67 268 11 78".
inline constexpr float kAnnouncedPhoneScore = 0.65F;

// What libphonenumber said of numbers already. It takes microseconds per number, and the same one
// comes again with every piece of a stream that it is held in.
struct PhoneMemo {
  struct Entry {
    std::uint64_t number = 0;  // with its country, 0: unused
    bool valid = false;
  };
  std::array<Entry, 256> entries;
};

// Where the number would begin whose first digit is s[p]: p, or the '+' or '(' before it.
std::size_t phone_begin(std::string_view s, std::size_t p);

// Cheap: whether something of a phone number's shape begins at `begin`.
bool phone_shaped(std::string_view s, std::size_t begin);

// REQUIRES: phone_shaped(s, begin).
Match match_phone(std::string_view s, std::size_t begin, PhoneMemo& memo);

// A number that is announced as one. Whether it can be dialled somewhere is
// not asked: numbers are written down wrongly, and without their area. Not a date, not an IPv4
// address.
Match match_announced_phone(std::string_view s, std::size_t begin);

// Loads libphonenumber's tables, so that no scan has to wait for them.
void warm_phone_tables();

}  // namespace capsem::detect
