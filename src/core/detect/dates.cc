#include "core/detect/dates.h"

#include <algorithm>
#include <array>
#include <cstdint>

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
  const std::size_t begin = std::min(p, s.size());
  n.end = begin;
  for (; digit_at(s, n.end); ++n.end) {
    n.value = n.value * 10 + static_cast<unsigned>(s[n.end] - '0');
  }
  n.size = n.end - begin;
  if (n.size > 4) n.value = 0;
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
    // "2024-03-05 14:30:00.123": RFC 3339 lets a space stand for the T.
    if (a.size == 4 && gap == '-' && char_at(s, c.end) == ' ') {
      const std::size_t end = iso_time_end(s, c.end + 1);
      if (end != 0 && !word_at(s, end)) return {end, kIsoScore};
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

// The word before p, with one space between; empty: there is none.
std::string_view word_just_before(std::string_view s, std::size_t p) {
  if (char_before(s, p) != ' ') return {};
  std::size_t begin = p - 1;
  while (begin > 0 && p - begin < 10 && is_alpha(s[begin - 1])) --begin;
  if (word_before(s, begin)) return {};
  return s.substr(begin, p - 1 - begin);
}

template <std::size_t N>
bool one_of(std::string_view word, const std::array<std::string_view, N>& list) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

// "in May", "since March": the word before says that a month is meant.
bool after_time_word(std::string_view s, std::size_t p) {
  constexpr auto kTimeWords = std::to_array<std::string_view>(
      {"in", "since", "until", "till", "last", "next", "this", "early", "late", "during"});
  return one_of(word_just_before(s, p), kTimeWords);
}

constexpr auto kWeekdays = std::to_array<std::string_view>(
    {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"});

// Whether the date at p goes on from "Monday, " or "Monday ".
bool after_weekday(std::string_view s, std::size_t p) {
  if (char_before(s, p) != ' ') return false;
  std::size_t end = p - 1;
  if (char_before(s, end) == ',') --end;
  return std::any_of(kWeekdays.begin(), kWeekdays.end(), [&](std::string_view day) {
    return s.substr(0, end).ends_with(day) && !word_before(s, end - day.size());
  });
}

// Whether a capitalised word stands right before the word at p: "Act of 1998".
bool follows_capital(std::string_view s, std::size_t p) {
  const std::string_view word = word_just_before(s, p);
  return !word.empty() && is_upper(word[0]);
}

// "am", "p.m.", " AM" at p: its end, or p.
std::size_t half_day_end(std::string_view s, std::size_t p) {
  std::size_t at = p;
  if (char_at(s, at) == ' ') ++at;
  const char half = fold(char_at(s, at));
  if (half != 'a' && half != 'p') return p;
  ++at;
  const bool dotted = char_at(s, at) == '.';
  if (dotted) ++at;
  if (fold(char_at(s, at)) != 'm' || word_at(s, at + 1)) return p;
  return dotted && char_at(s, at + 1) == '.' ? at + 2 : at + 1;
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

namespace {

Match month_date(std::string_view s, std::size_t p) {
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

}  // namespace

namespace {
// Three letters as one number, case aside.
constexpr std::size_t triple(std::string_view s) {
  std::size_t value = 0;
  for (const char c : s.substr(0, 3)) value = value * 32 + (static_cast<unsigned char>(c) & 31U);
  return value;
}
constexpr auto kDateTriples = [] {
  std::array<std::uint64_t, 32 * 32 * 32 / 64> bits{};
  for (const std::string_view name : kMonths) bits[triple(name) / 64] |= 1ULL << triple(name) % 64;
  for (const std::string_view name : kWeekdays)
    bits[triple(name) / 64] |= 1ULL << triple(name) % 64;
  return bits;
}();
}  // namespace

bool begins_like_date(std::string_view s, std::size_t p) {
  if (s.size() - p < 3) return false;
  const std::size_t letters = triple(s.substr(p, 3));
  return (kDateTriples[letters / 64] >> letters % 64 & 1) != 0;
}

Match match_date_at_month(std::string_view s, std::size_t p) {
  return after_weekday(s, p) ? Match{} : month_date(s, p);
}

Match match_weekday(std::string_view s, std::size_t p) {
  const auto day = std::find_if(kWeekdays.begin(), kWeekdays.end(),
                                [&](std::string_view d) { return s.substr(p).starts_with(d); });
  if (day == kWeekdays.end()) return {};
  std::size_t end = p + day->size();
  if (char_at(s, end) == 's') ++end;
  if (word_at(s, end) || char_at(s, end) == '-') return {};
  std::size_t at = end;
  if (char_at(s, at) == ',') ++at;
  if (char_at(s, at) != ' ') return {end, kNamedScore};
  ++at;
  const Match date = digit_at(s, at) ? match_date_at_digit(s, at) : month_date(s, at);
  return {date.score >= kDateScore ? date.end : end, kNamedScore};
}

Match match_time(std::string_view s, std::size_t p) {
  constexpr auto kBefore = std::to_array<std::string_view>(
      {"at", "until", "till", "from", "by", "before", "after", "around", "since"});
  const auto hour = number_at(s, p);
  if (hour.size > 2 || hour.value > 24 || (p > 0 && s[p - 1] == ':')) return {};
  std::size_t end = hour.end;
  bool minutes = false;
  for (unsigned n = 0; n < 2 && char_at(s, end) == ':'; ++n) {
    const auto part = number_at(s, end + 1);
    if (part.size != 2 || part.value > 59) return {};
    end = part.end;
    minutes = true;
  }
  const std::size_t half = half_day_end(s, end);
  if (half != end && hour.value >= 1 && hour.value <= 12) return {half, kNamedScore};
  const char next = char_at(s, end);
  const bool goes_on = word_at(s, end) || next == ':' || (next == '.' && digit_at(s, end + 1));
  if (!minutes || goes_on || !one_of(word_just_before(s, p), kBefore)) return {};
  return {end, kDateScore};
}

Match match_year(std::string_view s, std::size_t p) {
  constexpr auto kBefore = std::to_array<std::string_view>(
      {"in", "since", "until", "till", "during", "year", "before", "after"});
  // Before counts, too: "from 2000 users", "one of 2000".
  constexpr auto kPerhaps = std::to_array<std::string_view>({"from", "by", "of"});
  constexpr auto kArticles = std::to_array<std::string_view>({"a", "an", "the"});
  const auto year = number_at(s, p);
  if (year.size != 4 || year.value < 1900 || year.value > 2099) return {};
  const char next = char_at(s, year.end);
  constexpr std::string_view kGoesOn = "-/:%.";
  if (word_at(s, year.end) || (next == ',' && digit_at(s, year.end + 1))) return {};
  if (next != '\0' && kGoesOn.find(next) != std::string_view::npos &&
      (next != '.' || digit_at(s, year.end + 1))) {
    return {};
  }
  const char after = next == ' ' ? char_at(s, year.end + 1) : '\0';
  const std::string_view before = word_just_before(s, p);
  bool found = one_of(before, kBefore);
  if (one_of(before, kPerhaps)) {
    found = !is_lower(after) || follows_capital(s, p - 1 - before.size());
  } else if (one_of(before, kArticles)) {
    found = is_upper(after);  // "a 1988 Toyota"
  }
  return found ? Match{year.end, kNamedScore} : Match{};
}

}  // namespace capsem::detect
