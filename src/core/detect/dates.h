// DATE_TIME: numeric dates, ISO 8601 date-times, and dates with a month's name.
#pragma once

#include <cstddef>
#include <string_view>

#include "core/detect/chars.h"

namespace capsem::detect {

// 1 to 12, or 0: an English month, written out or as three letters, any case. `end` gets its end.
unsigned month_name(std::string_view s, std::size_t p, std::size_t& end);

// A date that begins at p with a digit, or with a month's name.
// REQUIRES: no word character before p. Looks at most 64 bytes on.
Match match_date_at_digit(std::string_view s, std::size_t p);
Match match_date_at_month(std::string_view s, std::size_t p);

}  // namespace capsem::detect
