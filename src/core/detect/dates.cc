#include "core/detect/dates.h"

#include <algorithm>
#include <array>

namespace capsem::detect {
namespace {

constexpr float kIsoScore = 0.8F, kDateScore = 0.6F, kMonthYearScore = 0.2F,
                kMonthShortYearScore = 0.1F;
constexpr float kNamedScore = 0.85F;  // "May 1st", "12 March 2024": as a model would say it

constexpr std::array<std::string_view, 12> kMonths = {
    "january", "february", "march",     "april",   "may",      "june",
    "july",    "august",   "september", "october", "november", "december"};

struct Number {
  unsigned value = 0;
  std::size_t size = 0, end = 0;
};

Number number_at(std::string_view s, std::size_t p) {
  Number n;
  n.end = digits_end(s, std::min(p, s.size()));
  n.size = n.end - std::min(p, s.size());
  if (n.size > 4) return n;
  for (std::size_t i = p; i < n.end; ++i)
    n.value = n.value * 10 + static_cast<unsigned>(s[i] - '0');
  return n;
}

bool is_day(const Number& n) {
  return n.size <= 2 && n.value >= 1 && n.value <= 31;
}
bool is_month(const Number& n) {
  return n.size <= 2 && n.value >= 1 && n.value <= 12;
}
bool is_year(const Number& n) {
  return n.size == 2 || n.size == 4;
}

// "14:30:00.123Z", "09:15:30-07:00" at p: its end, or 0.
std::size_t iso_time_end(std::string_view s, std::size_t p) {
  const auto hour = number_at(s, p);
  if (hour.size != 2 || hour.value > 24 || char_at(s, hour.end) != ':') return 0;
  const auto minute = number_at(s, hour.end + 1);
  if (minute.size != 2 || minute.value > 59) return 0;
  std::size_t end = minute.end;
  if (char_at(s, end) == ':' && number_at(s, end + 1).size == 2) {
    end += 3;
    if (char_at(s, end) == '.' && digit_at(s, end + 1)) {
      const std::size_t fraction_end = digits_end(s, end + 1);
      if (fraction_end - end > 10) return 0;
      end = fraction_end;
    }
  }
  if (char_at(s, end) == 'Z') return end + 1;
  if (char_at(s, end) == '+' || char_at(s, end) == '-') {
    const auto zone = number_at(s, end + 1);
    if (zone.size == 4) return zone.end;
    if (zone.size == 2 && char_at(s, zone.end) == ':') {
      const auto rest = number_at(s, zone.end + 1);
      if (rest.size == 2) return rest.end;
    }
  }
  return end;
}

// Two-digit years after dots would make version numbers into dates.
bool three_parts_ok(const Number& a, const Number& b, const Number& c, char gap) {
  if (a.size == 4) return is_month(b) && is_day(c);
  const bool day_and_month = (is_month(a) && is_day(b)) || (is_day(a) && is_month(b));
  if (!day_and_month || !is_year(c)) return false;
  return gap != '.' || c.size == 4 || (a.size == 2 && b.size == 2);
}

bool goes_on(std::string_view s, std::size_t end, char gap) {
  return word_at(s, end) || (char_at(s, end) == gap && digit_at(s, end + 1));
}

Match numeric_date(std::string_view s, std::size_t p, const Number& a, char gap) {
  // The middle of a longer chain: a version, an address, a part of the date before it.
  if (p >= 2 && s[p - 1] == gap && is_digit(s[p - 2])) return {};
  const auto b = number_at(s, a.end + 1);
  if (b.size == 0) return {};
  if (char_at(s, b.end) == gap) {
    const auto c = number_at(s, b.end + 1);
    if (c.size == 0 || !three_parts_ok(a, b, c, gap)) return {};
    if (a.size == 4 && gap == '-' && char_at(s, c.end) == 'T') {
      const std::size_t end = iso_time_end(s, c.end + 1);
      return end != 0 && !word_at(s, end) ? Match{end, kIsoScore} : Match{};
    }
    return goes_on(s, c.end, gap) ? Match{} : Match{c.end, kDateScore};
  }
  if (gap != '/' || !is_month(a) || word_at(s, b.end)) return {};
  if (b.size == 4) return {b.end, kMonthYearScore};
  return b.size == 2 ? Match{b.end, kMonthShortYearScore} : Match{};
}

// " 2024", ", 2024", "-2024", "-24" after a day and a month: its end, or `end`.
std::size_t year_end(std::string_view s, std::size_t end, bool dashed) {
  std::size_t p = end;
  if (char_at(s, p) == ',') ++p;
  if (char_at(s, p) != ' ' && !(dashed && char_at(s, p) == '-')) return end;
  const auto year = number_at(s, p + 1);
  const bool ok =
      year.size == 4 ? year.value >= 1000 && year.value <= 2199 : dashed && year.size == 2;
  return ok && !word_at(s, year.end) ? year.end : end;
}

// "st", "nd", "rd", "th" after a day.
std::size_t ordinal_end(std::string_view s, std::size_t p) {
  if (p + 2 > s.size() || word_at(s, p + 2)) return p;
  const char a = fold(s[p]), b = fold(s[p + 1]);
  const bool ordinal = (a == 's' && b == 't') || (a == 'n' && b == 'd') || (a == 'r' && b == 'd') ||
                       (a == 't' && b == 'h');
  return ordinal ? p + 2 : p;
}

// "in May", "since March": the word before says that a month is meant.
bool after_time_word(std::string_view s, std::size_t p) {
  constexpr std::string_view kTimeWords[] = {"in",   "since", "until", "till", "last",
                                             "next", "this",  "early", "late", "during"};
  if (char_before(s, p) != ' ') return false;
  std::size_t begin = p - 1;
  while (begin > 0 && p - begin < 8 && is_alpha(s[begin - 1])) --begin;
  if (word_before(s, begin)) return false;
  const std::string_view word = s.substr(begin, p - 1 - begin);
  return std::find(std::begin(kTimeWords), std::end(kTimeWords), word) != std::end(kTimeWords);
}

}  // namespace

unsigned month_name(std::string_view s, std::size_t p, std::size_t& end) {
  std::size_t size = 0;
  std::array<char, 10> word;
  while (p + size < s.size() && is_alpha(s[p + size]) && size < word.size()) {
    word[size] = fold(s[p + size]);
    ++size;
  }
  if (size < 3 || size > 9 || word_at(s, p + size)) return 0;
  end = p + size;
  const std::string_view name(word.data(), size);
  for (unsigned m = 0; m < kMonths.size(); ++m) {
    if (name == kMonths[m] || (size == 3 && kMonths[m].starts_with(name))) return m + 1;
  }
  return name == "sept" ? 9 : 0;
}

Match match_date_at_digit(std::string_view s, std::size_t p) {
  const auto a = number_at(s, p);
  if (a.size > 4 || a.size == 3) return {};
  const char gap = char_at(s, a.end);
  if ((gap == '/' || gap == '-' || gap == '.') && digit_at(s, a.end + 1)) {
    return numeric_date(s, p, a, gap);
  }
  if (!is_day(a)) return {};
  const std::size_t day_end = ordinal_end(s, a.end);
  std::size_t at = day_end;
  if (char_at(s, at) != ' ' && !(gap == '-' && at == a.end)) return {};
  ++at;
  if (s.substr(std::min(at, s.size())).starts_with("of ")) at += 3;
  std::size_t end = 0;
  if (month_name(s, at, end) == 0) return {};
  const bool dashed = gap == '-' && day_end == a.end;
  // "10 may be enough": only a month that is written as one.
  if (!dashed && !is_upper(s[at])) return {};
  end = year_end(s, end, dashed);
  return {end, dashed ? kDateScore : kNamedScore};
}

Match match_date_at_month(std::string_view s, std::size_t p) {
  std::size_t end = 0;
  if (month_name(s, p, end) == 0) return {};
  if (char_at(s, end) == '.' && digit_at(s, end + 2)) ++end;  // "Sept. 12"
  const char gap = char_at(s, end);
  if (is_upper(s[p]) && after_time_word(s, p) && !(gap == ' ' && digit_at(s, end + 1))) {
    return {end, kNamedScore};
  }
  if (gap != ' ' && gap != '-') return {};
  // "21-May-2024", "3 May 2024" and "12th of May 2024" began before.
  if (p >= 2 && (s[p - 1] == '-' || s[p - 1] == ' ')) {
    std::size_t before = p - 1;
    if (before >= 3 && s.substr(before - 3, 3) == " of") before -= 3;
    const char last = s[before - 1];
    if (is_digit(last)) return {};
    if (before >= 3 && is_digit(s[before - 3]) && ordinal_end(s, before - 2) == before) return {};
  }
  const auto n = number_at(s, end + 1);
  if (n.size == 0 || n.size == 3 || n.size > 4) return {};
  if (gap == '-') {
    return (n.size != 2 && n.size != 4) || word_at(s, n.end) ? Match{} : Match{n.end, kDateScore};
  }
  if (!is_upper(s[p])) return {};
  if (n.size == 4) {
    const bool year = n.value >= 1000 && n.value <= 2199 && !word_at(s, n.end);
    return year ? Match{n.end, kNamedScore} : Match{};
  }
  const std::size_t day_end = ordinal_end(s, n.end);
  if (!is_day(n) || word_at(s, day_end)) return {};
  return {year_end(s, day_end, false), kNamedScore};
}

}  // namespace capsem::detect
