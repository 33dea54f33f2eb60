#include "core/detect/address_tail.h"

#include <algorithm>
#include <array>

#include "core/detect/name_table.h"
#include "core/detect/words.h"

namespace capsem::detect {
namespace {

constexpr std::size_t kCityWordsMax = 3, kCountryWordsMax = 5;
constexpr std::size_t kUnitsMax = 2;
constexpr std::size_t kBreakMax = 12;  // bytes between two parts

constexpr auto kUnitWords =
    std::to_array<std::string_view>({"apt", "apartment", "suite", "ste", "unit", "flat", "floor",
                                     "fl", "room", "rm", "bldg", "building", "lot", "box"});
// Lower-case words inside the names of towns: "Ostrov nad Labem", "Weil am Rhein".
constexpr auto kTownLinks =
    std::to_array<std::string_view>({"nad", "pod", "pri", "na", "ob", "am", "im", "an", "in", "bei",
                                     "sur", "sous", "upon", "under", "do", "da"});
// Lower-case words inside the names of countries.
constexpr auto kCountryLinks = std::to_array<std::string_view>({"and", "of", "the", "da", "do"});
constexpr std::string_view kStates =
    " AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM "
    "NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY DC PR GU VI AS MP FM MH PW AA AE AP "
    "AB BC MB NB NL NS ON PE QC SK NSW VIC QLD TAS ACT ";

bool digits_of(std::string_view s, std::size_t p, std::size_t size) {
  return p + size <= s.size() && digits_end(s, p) == p + size && !word_at(s, p + size);
}

// Two or three capitals at p: their end, or 0.
std::size_t short_name_end(std::string_view s, std::size_t p) {
  std::size_t end = p;
  while (end < s.size() && end - p < 4 && is_upper(s[end])) ++end;
  return end - p < 2 || end - p > 3 || word_at(s, end) ? 0 : end;
}

// "TX" at p: its end, or 0.
std::size_t state_end(std::string_view s, std::size_t p) {
  const std::size_t end = short_name_end(s, p);
  if (end == 0) return 0;
  std::array<char, 5> key{' ', ' ', ' ', ' ', ' '};
  std::copy_n(s.begin() + static_cast<std::ptrdiff_t>(p), end - p, key.begin() + 1);
  return kStates.find({key.data(), end - p + 2}) != std::string_view::npos ? end : 0;
}

// A US, British or Canadian postal code at p: its end, or 0.
std::size_t code_end(std::string_view s, std::size_t p) {
  if (digits_of(s, p, 5)) {
    return char_at(s, p + 5) == '-' && digits_of(s, p + 6, 4) ? p + 10 : p + 5;
  }
  if (digits_of(s, p, 4)) return p + 4;
  std::size_t end = p;
  while (end < s.size() && end - p < 5 && (is_upper(s[end]) || is_digit(s[end]))) ++end;
  if (end - p < 2 || end - p > 4 || !is_upper(s[p]) || char_at(s, end) != ' ') return 0;
  const bool digit = std::any_of(s.begin() + static_cast<std::ptrdiff_t>(p),
                                 s.begin() + static_cast<std::ptrdiff_t>(end), is_digit);
  const bool inward = digit_at(s, end + 1) && end + 4 <= s.size() && !word_at(s, end + 4) &&
                      (is_upper(s[end + 2]) || is_digit(s[end + 2])) && is_alnum(s[end + 3]);
  return digit && inward ? end + 4 : 0;
}

// What follows p after blanks, a comma, and line ends with indentation; p itself if nothing does.
struct Break {
  std::size_t end;
  bool strong = false;  // a comma or a line end
};

Break over_break(std::string_view s, std::size_t p) {
  Break found{.end = p};
  unsigned commas = 0, lines = 0;
  for (std::size_t at = p; at < s.size() && at - p <= kBreakMax; ++at) {
    const char c = s[at];
    commas += c == ',' ? 1 : 0;
    lines += c == '\n' ? 1 : 0;
    if (c != ' ' && c != ',' && c != '\n' && c != '\r' && c != '\t') {
      return at == p ? found : Break{at, commas + lines > 0};
    }
    if (commas > 1 || lines > 2) break;
  }
  return found;
}

// Up to three capitalised words on one line: the end of each way to read a city at p, longest last.
struct City {
  std::array<std::size_t, kCityWordsMax> ends{};
  std::size_t size = 0;
};

City city_at(std::string_view s, std::size_t p, bool with_links) {
  const auto link = [&](const Word& w) {
    return w && w.shape == WordShape::Lower &&
           (is_particle(w.text(s), false) || (with_links && one_of(s, w, kTownLinks)));
  };
  City city;
  Word w = word_here(s, p);
  while (w && w.capital() && !is_unit_word(s, w) && city.size < kCityWordsMax) {
    city.ends[city.size++] = w.end;
    w = next_word(s, w);
    if (link(w)) w = next_word(s, w);
  }
  return city;
}

// "Trinidad and Tobago" at p: the longest name of a country or a state that the table knows (is
// sure of), or of which nothing is known but that a postal code follows it. Its end, or 0.
std::size_t land_end(std::string_view s, std::size_t p, bool sure) {
  const std::uint32_t flags = sure ? kSurePlace : kPlace | kSurePlace;
  std::size_t known = 0, end = 0;
  Word w = word_here(s, p);
  for (std::size_t n = 0; w && n < kCountryWordsMax; ++n, w = next_word(s, w)) {
    const bool link = n > 0 && w.shape == WordShape::Lower && one_of(s, w, kCountryLinks);
    if (!w.capital() && !link) break;
    if (link) continue;
    end = w.end;
    if ((name_flags(s.substr(p, end - p)) & flags) != 0) known = end;
  }
  const bool coded = end != 0 && char_at(s, end) == ' ' && digits_of(s, end + 1, 5);
  return coded ? end : known;
}

// State, country and code behind a city, any of them, in this order: the end, or 0. Where no comma
// and no line end is before it, only a sure name is one.
std::size_t region_end(std::string_view s, Break at) {
  std::size_t end = state_end(s, at.end);
  // The short name of a region that is not known here stands before a country or a code.
  const std::size_t region = end != 0 ? end : short_name_end(s, at.end);
  if (region != 0) at = over_break(s, region);
  if (const std::size_t land = land_end(s, at.end, !at.strong); land != 0) {
    end = land;
    at = over_break(s, end);
  }
  const bool apart = end == 0 || at.end > end;
  const std::size_t code = apart ? code_end(s, at.end) : 0;
  return code != 0 && (end != 0 || !digits_of(s, at.end, 4)) ? code : end;
}

// City and region behind a street: the end, or 0.
std::size_t city_and_region_end(std::string_view s, const Break& at) {
  const City city = city_at(s, at.end, true);
  for (std::size_t n = city.size; n-- > 0;) {
    const Break next = over_break(s, city.ends[n]);
    if (next.end == city.ends[n]) continue;
    if (const std::size_t end = region_end(s, next); end != 0) return end;
  }
  if (at.strong) {
    for (std::size_t n = city.size; n-- > 0;) {
      if ((name_flags(s.substr(at.end, city.ends[n] - at.end)) & kPlace) != 0) return city.ends[n];
    }
  }
  return 0;
}

// "10115 Berlin", "75002 Paris", "1012 AB Amsterdam": its end, or 0.
std::size_t code_and_city_end(std::string_view s, std::size_t p) {
  if (!digits_of(s, p, 5) && !digits_of(s, p, 4)) return 0;
  std::size_t at = digits_end(s, p);
  if (char_at(s, at) != ' ') return 0;
  ++at;
  if (at + 3 < s.size() && is_upper(s[at]) && is_upper(s[at + 1]) && s[at + 2] == ' ') at += 3;
  const City city = city_at(s, at, true);
  return city.size == 0 ? 0 : city.ends[0];
}

// "Apt 4B", "Suite 200", "#12" at p: its end, or 0.
std::size_t unit_end(std::string_view s, std::size_t p) {
  std::size_t at = p;
  if (char_at(s, p) == '#') {
    at = p + 1;
  } else {
    const Word w = word_here(s, p);
    if (!w || !w.capital() || !is_unit_word(s, w)) return 0;
    at = char_at(s, w.end) == '.' ? w.end + 1 : w.end;
  }
  if (char_at(s, at) == ' ') ++at;
  if (char_at(s, at) == '#') ++at;
  std::size_t end = at;
  while (end < s.size() && end - at < 6 && is_alnum(s[end])) ++end;
  const bool number = digit_at(s, at) || (end - at == 1 && is_upper(s[at]));
  return number && !word_at(s, end) ? end : 0;
}

// Units behind a street, or behind the name of a house or a complex that follows it: the end.
std::size_t units_end(std::string_view s, std::size_t street) {
  std::size_t end = street;
  for (std::size_t n = 0; n < kUnitsMax; ++n) {
    const std::size_t unit = unit_end(s, over_break(s, end).end);
    if (unit != 0) end = unit;
  }
  if (end != street) return end;
  const City complex = city_at(s, over_break(s, end).end, true);
  for (std::size_t n = 0; n < complex.size; ++n) {
    const std::size_t unit = unit_end(s, over_break(s, complex.ends[n]).end);
    if (unit != 0) return unit;
  }
  return end;
}

// The country behind a city of Europe, of which the table is sure.
std::size_t country_end(std::string_view s, std::size_t end) {
  const Break at = over_break(s, end);
  if (!at.strong) return end;
  const std::size_t land = land_end(s, at.end, true);
  return land != 0 ? land : end;
}

// Bytes that any part of an address is made of, or stands between two.
constexpr auto kTailBytes = [] {
  std::array<bool, 256> bytes{};
  for (unsigned i = 0; i < bytes.size(); ++i) {
    const char c = static_cast<char>(i);
    bytes[i] = is_alnum(c) || letter_byte(c);
  }
  for (const char c : std::string_view(" ,\n\r\t.#-'")) bytes[static_cast<unsigned char>(c)] = true;
  return bytes;
}();

bool tail_byte(char c) {
  return kTailBytes[static_cast<unsigned char>(c)];
}

}  // namespace

bool is_unit_word(std::string_view s, const Word& w) {
  return one_of(s, w, kUnitWords);
}

std::size_t over_gap(std::string_view s, std::size_t p) {
  std::size_t at = p;
  if (char_at(s, at) == ',') ++at;
  if (char_at(s, at) == ' ') ++at;
  return at < s.size() ? at : p;
}

std::size_t house_number_end(std::string_view s, std::size_t p) {
  std::size_t end = digits_end(s, p);
  if (end == p || end - p > 6) return 0;
  if (char_at(s, end) == '-' && digit_at(s, end + 1)) end = digits_end(s, end + 1);
  if (end < s.size() && is_alpha(s[end])) ++end;
  return word_at(s, end) || end - p > 12 ? 0 : end;
}

std::size_t city_and_code_end(std::string_view s, std::size_t p) {
  const City city = city_at(s, p, false);
  for (std::size_t n = city.size; n-- > 0;) {
    const std::size_t next = over_gap(s, city.ends[n]);
    if (next == city.ends[n]) continue;
    if (const std::size_t state = state_end(s, next); state != 0) {
      const std::size_t at = over_gap(s, state);
      const std::size_t code = at != state ? code_end(s, at) : 0;
      if (code != 0) return code;
    }
    if (const Word state = word_here(s, next); state && state.capital() &&
                                               (name_flags(state.text(s)) & kPlace) != 0 &&
                                               char_at(s, state.end) == ' ') {
      if (const std::size_t code = code_end(s, state.end + 1); code != 0) return code;
    }
    if (!digits_of(s, next, 4)) {
      if (const std::size_t code = code_end(s, next); code != 0) return code;
    }
  }
  return 0;
}

std::size_t address_tail_end(std::string_view s, std::size_t end) {
  end = units_end(s, end);
  const Break at = over_break(s, end);
  if (at.end == end) return end;
  std::size_t found = city_and_region_end(s, at);
  if (found == 0) found = code_and_city_end(s, at.end);
  if (found == 0 && at.strong) found = region_end(s, at);
  return found == 0 ? end : country_end(s, found);
}

std::size_t address_bytes_begin(std::string_view s, std::size_t floor) {
  std::size_t p = s.size();
  while (p > floor && tail_byte(s[p - 1])) --p;
  return p;
}

bool address_tail_open(std::string_view s, std::size_t end) {
  for (std::size_t p = end; p < s.size(); ++p) {
    if (!tail_byte(s[p])) return false;
    const bool begins = is_lower(s[p]) && !word_before(s, p);
    if (!begins) continue;
    const Word w = word_at_place(s, p);
    const bool complete = w && w.end < s.size();
    if (!complete) continue;
    const bool link = one_of(s, w, kCountryLinks) || one_of(s, w, kTownLinks);
    if (!link && !is_particle(w.text(s), false)) return false;
  }
  return true;
}

}  // namespace capsem::detect
