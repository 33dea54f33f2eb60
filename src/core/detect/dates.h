// DATE_TIME: numeric dates, ISO 8601 date-times, dates with the name of a month or a day of the
// week, times of day, and years that a word before announces.
#pragma once

#include <cstddef>
#include <string_view>

#include "core/detect/chars.h"

namespace capsem::detect {

// 1 to 12, or 0: an English month, written out or as three letters, any case. `end` gets its end.
unsigned month_name(std::string_view s, std::size_t p, std::size_t& end);

// Whether the letters at p may begin a month or a weekday: few words do.
bool begins_like_date(std::string_view s, std::size_t p);

// A date that begins at p with a digit, or with a month's name.
// REQUIRES: no word character before p. Looks at most 64 bytes on.
Match match_date_at_digit(std::string_view s, std::size_t p);
Match match_date_at_month(std::string_view s, std::size_t p);

// "Monday", "Friday, March 5th, 2021". REQUIRES: no word character before p.
Match match_weekday(std::string_view s, std::size_t p);

// "10:30 am", "at 14:05", "5pm"; "in 2019". REQUIRES: s[p] is a digit, no word character before.
Match match_time(std::string_view s, std::size_t p);
Match match_year(std::string_view s, std::size_t p);

}  // namespace capsem::detect
