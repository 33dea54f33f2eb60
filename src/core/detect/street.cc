#include "core/detect/street.h"

#include <algorithm>
#include <array>

#include "core/detect/name_table.h"
#include "core/detect/words.h"

namespace capsem::detect {
namespace {

constexpr std::size_t kNameWordsMax = 5, kCityWordsMax = 3;
constexpr std::size_t kSeen =
    kAddressMax + kWordMax;  // bytes that are looked at from its beginning

constexpr auto kStreetWords = std::to_array<std::string_view>(
    {"street",  "st",       "avenue",     "ave",     "av",       "road",  "rd",        "boulevard",
     "blvd",    "lane",     "ln",         "drive",   "dr",       "court", "ct",        "place",
     "pl",      "square",   "sq",         "terrace", "ter",      "way",   "parkway",   "pkwy",
     "highway", "hwy",      "circle",     "cir",     "trail",    "trl",   "crescent",  "close",
     "row",     "alley",    "mews",       "gardens", "grove",    "walk",  "quay",      "plaza",
     "loop",    "turnpike", "expressway", "freeway", "broadway", "rise",  "embankment"});
constexpr auto kDirections = std::to_array<std::string_view>(
    {"n", "s", "e", "w", "ne", "nw", "se", "sw", "north", "south", "east", "west"});
constexpr auto kUnitWords =
    std::to_array<std::string_view>({"apt", "apartment", "suite", "ste", "unit", "flat", "floor",
                                     "fl", "room", "rm", "bldg", "building", "lot", "box"});
constexpr auto kFrenchWords = std::to_array<std::string_view>(
    {"rue", "avenue", "boulevard", "bd", "place", "chemin", "impasse",
     "all\xC3\xA9"
     "e",
     "quai", "cours", "route", "square", "passage"});
constexpr auto kFrenchLinks =
    std::to_array<std::string_view>({"de", "du", "des", "la", "le", "les", "et", "sur", "aux"});
constexpr auto kNumberLinks = std::to_array<std::string_view>({"bis", "ter", "quater"});
// Before the name, with the number behind it.
constexpr auto kSouthernWords = std::to_array<std::string_view>(
    {"via", "viale", "piazza", "corso", "calle", "avenida", "avda", "plaza", "paseo", "carrer",
     "rua", "rue", "avenue", "boulevard",
     "chauss\xC3\xA9"
     "e",
     "ulica", "strada"});
// Streets of one word end so.
constexpr auto kStreetEnds =
    std::to_array<std::string_view>({"stra\xC3\x9F"
                                     "e",
                                     "strasse",
                                     "str",
                                     "weg",
                                     "platz",
                                     "allee",
                                     "gasse",
                                     "damm",
                                     "ufer",
                                     "straat",
                                     "laan",
                                     "gracht",
                                     "plein",
                                     "kade",
                                     "gatan",
                                     "v\xC3\xA4gen",
                                     "gade",
                                     "vej",
                                     "veien",
                                     "gata",
                                     "katu",
                                     "utca",
                                     "vegen"});
constexpr std::string_view kStates =
    " AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM "
    "NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY DC PR GU AB BC MB NB NL NS ON PE QC "
    "SK NSW VIC QLD TAS ACT ";

bool digits_of(std::string_view s, std::size_t p, std::size_t size) {
  return p + size <= s.size() && digits_end(s, p) == p + size && !word_at(s, p + size);
}

// "TX" at p: its end, or 0.
std::size_t state_end(std::string_view s, std::size_t p) {
  std::size_t end = p;
  while (end < s.size() && end - p < 4 && is_upper(s[end])) ++end;
  if (end - p < 2 || end - p > 3 || word_at(s, end)) return 0;
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

// What follows p after " ", ", " or ","; p itself if nothing does.
std::size_t over_gap(std::string_view s, std::size_t p) {
  std::size_t at = p;
  if (char_at(s, at) == ',') ++at;
  if (char_at(s, at) == ' ') ++at;
  return at < s.size() ? at : p;
}

Word word_here(std::string_view s, std::size_t p) {
  return p < s.size() && letter_byte(s[p]) && !word_before(s, p) ? word_at_place(s, p) : Word{};
}

std::size_t over_dot(std::string_view s, std::size_t end) {
  return char_at(s, end) == '.' ? end + 1 : end;
}

// Up to three capitalised words: the end of each way to read a city at p, longest last.
struct City {
  std::array<std::size_t, kCityWordsMax> ends{};
  std::size_t size = 0;
};

City city_at(std::string_view s, std::size_t p) {
  City city;
  Word w = word_here(s, p);
  while (w && w.capital() && city.size < kCityWordsMax) {
    city.ends[city.size++] = w.end;
    w = next_word(s, w);
    if (w && w.shape == WordShape::Lower && is_particle(w.text(s), false)) w = next_word(s, w);
  }
  return city;
}

// "City, ST 12345", "City ST 12345", "City, Texas 12345", "City SW1A 1AA": its end, or 0.
std::size_t city_and_code_end(std::string_view s, std::size_t p) {
  const City city = city_at(s, p);
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

// "10115 Berlin", "75002 Paris", "1012 AB Amsterdam": its end, or 0.
std::size_t code_and_city_end(std::string_view s, std::size_t p) {
  if (!digits_of(s, p, 5) && !digits_of(s, p, 4)) return 0;
  std::size_t at = digits_end(s, p);
  if (char_at(s, at) != ' ') return 0;
  ++at;
  if (at + 3 < s.size() && is_upper(s[at]) && is_upper(s[at + 1]) && s[at + 2] == ' ') at += 3;
  const City city = city_at(s, at);
  return city.size == 0 ? 0 : city.ends[0];
}

// "Apt 4B", "Suite 200", "#12" at p: its end, or 0.
std::size_t unit_end(std::string_view s, std::size_t p) {
  std::size_t at = p;
  if (char_at(s, p) == '#') {
    at = p + 1;
  } else {
    const Word w = word_here(s, p);
    if (!w || !w.capital() || !one_of(s, w, kUnitWords)) return 0;
    at = over_dot(s, w.end);
  }
  if (char_at(s, at) == ' ') ++at;
  if (char_at(s, at) == '#') ++at;
  std::size_t end = at;
  while (end < s.size() && end - at < 6 && is_alnum(s[end])) ++end;
  const bool number = digit_at(s, at) || (end - at == 1 && is_upper(s[at]));
  return number && !word_at(s, end) ? end : 0;
}

// The rest of an address whose street ends at `end`.
std::size_t tail_end(std::string_view s, std::size_t end) {
  for (unsigned n = 0; n < 2; ++n) {
    const std::size_t unit = unit_end(s, over_gap(s, end));
    if (unit != 0) end = unit;
  }
  const std::size_t at = over_gap(s, end);
  if (at == end) return end;
  std::size_t found = city_and_code_end(s, at);
  if (found == 0) found = code_and_city_end(s, at);
  if (found == 0 && char_at(s, end) == ',') {
    const City city = city_at(s, at);
    for (std::size_t n = city.size; n-- > 0 && found == 0;) {
      if ((name_flags(s.substr(at, city.ends[n] - at)) & kPlace) == 0) continue;
      found = city.ends[n];
      const std::size_t state = state_end(s, over_gap(s, found));
      if (state != 0) found = state;
    }
  }
  if (found != 0) end = found;
  // The country.
  if (char_at(s, end) == ',' && char_at(s, end + 1) == ' ') {
    const City country = city_at(s, end + 2);
    for (std::size_t n = country.size; n-- > 0;) {
      if ((name_flags(s.substr(end + 2, country.ends[n] - end - 2)) & kSurePlace) == 0) continue;
      return country.ends[n];
    }
  }
  return end;
}

// "221B", "12-14", "7a" at p: its end, or 0.
std::size_t house_number_end(std::string_view s, std::size_t p) {
  std::size_t end = digits_end(s, p);
  if (end == p || end - p > 6) return 0;
  if (char_at(s, end) == '-' && digit_at(s, end + 1)) end = digits_end(s, end + 1);
  if (end < s.size() && is_alpha(s[end])) ++end;
  return word_at(s, end) || end - p > 12 ? 0 : end;
}

// "5th", "42nd" at p: its end, or p.
std::size_t ordinal_end(std::string_view s, std::size_t p) {
  const std::size_t end = digits_end(s, p);
  if (end == p || end - p > 3 || end + 2 > s.size() || word_at(s, end + 2)) return p;
  const std::string_view mark = s.substr(end, 2);
  return mark == "th" || mark == "st" || mark == "nd" || mark == "rd" ? end + 2 : p;
}

// "Main Street", "N. 5th Ave", "Martin Luther King Jr. Blvd" at p: its end, or 0.
std::size_t english_street_end(std::string_view s, std::size_t p) {
  std::size_t at = p, end = 0, words = 0;
  while (words <= kNameWordsMax) {
    std::size_t next = ordinal_end(s, at);
    if (next == at) {
      const Word w = word_here(s, at);
      if (!w || (!w.capital() && (words == 0 || !is_particle(w.text(s), false)))) break;
      next = w.end;
      const bool street = words > 0 && w.capital() && one_of(s, w, kStreetWords);
      if (!street && end != 0) {
        if (one_of(s, w, kDirections)) end = next;
        break;
      }
      if (street) end = next;
      if (words == 0 && equals_folded(s, w, "broadway")) end = next;
    } else if (end != 0) {
      break;
    }
    ++words;
    const std::size_t dot = over_dot(s, next);
    if (char_at(s, dot) != ' ') break;
    // Only an abbreviation's dot is passed over.
    if (dot != next && next - at > 4) break;
    at = dot + 1;
  }
  return end;
}

// "rue de la Paix" at p: its end, or 0.
std::size_t french_street_end(std::string_view s, std::size_t p) {
  Word w = word_here(s, p);
  if (w && one_of(s, w, kNumberLinks)) w = next_word(s, w);
  if (!w || !one_of(s, w, kFrenchWords)) return 0;
  std::size_t end = 0;
  bool linked = w.shape == WordShape::Lower;
  for (unsigned n = 0; n < kNameWordsMax; ++n) {
    w = next_word(s, w);
    if (!w) break;
    const bool link = w.shape == WordShape::Lower && one_of(s, w, kFrenchLinks);
    const bool elided = w.end - w.begin > 2 && s[w.begin + 1] == '\'';
    if (!link && !w.capital() && !elided) break;
    linked = linked || link;
    if (!link) end = w.end;
  }
  return linked ? end : 0;
}

Match made(std::size_t p, std::size_t end) {
  return end == 0 || end - p > kAddressMax ? Match{} : Match{end, kAddressScore};
}

bool ends_like_street(std::string_view text) {
  return std::any_of(kStreetEnds.begin(), kStreetEnds.end(), [&](std::string_view end) {
    if (text.size() < end.size() + 2) return false;
    const std::string_view tail = text.substr(text.size() - end.size());
    return std::equal(end.begin(), end.end(), tail.begin(),
                      [](char a, char b) { return a == fold(b); });
  });
}

// The number behind a street's name at `at`, or 0.
std::size_t number_behind(std::string_view s, std::size_t at, bool comma) {
  if (comma && char_at(s, at) == ',') ++at;
  if (char_at(s, at) != ' ' || !digit_at(s, at + 1)) return 0;
  const std::size_t end = house_number_end(s, at + 1);
  return end != 0 && end - at <= 6 ? end : 0;
}

// "Hauptstraße 12", "Lange Str. 5".
std::size_t northern_end(std::string_view s, const Word& first) {
  Word w = first;
  for (unsigned n = 0; n < 3 && w; ++n, w = next_word(s, w)) {
    const std::size_t end = number_behind(s, over_dot(s, w.end), false);
    if (end == 0) continue;
    const bool whole = n > 0 && (equals_folded(s, w,
                                               "stra\xC3\x9F"
                                               "e") ||
                                 equals_folded(s, w, "str"));
    return whole || ends_like_street(w.text(s)) ? end : 0;
  }
  return 0;
}

// "Via Roma 5", "Calle de Alcal\xC3\xA1, 42".
std::size_t southern_end(std::string_view s, const Word& first) {
  if (!one_of(s, first, kSouthernWords)) return 0;
  Word w = first;
  for (unsigned n = 0; n < kNameWordsMax; ++n) {
    w = next_word(s, w);
    if (!w || (!w.capital() && !is_particle(w.text(s), false) && !one_of(s, w, kFrenchLinks))) {
      return 0;
    }
    if (!w.capital()) continue;
    if (const std::size_t end = number_behind(s, w.end, true); end != 0) return end;
  }
  return 0;
}

// "PO Box 123", "P.O. Box 123".
std::size_t post_box_end(std::string_view s, std::size_t p) {
  if (s[p] != 'P') return 0;
  const std::string_view rest = s.substr(p, 12);
  const std::size_t head = rest.starts_with("PO Box ") ? 7 : rest.starts_with("P.O. Box ") ? 9 : 0;
  if (head == 0 || !digit_at(s, p + head)) return 0;
  const std::size_t end = digits_end(s, p + head);
  return end - p - head <= 6 && !word_at(s, end) ? end : 0;
}

}  // namespace

Match match_address_at_number(std::string_view text, std::size_t p) {
  const std::string_view s = text.substr(0, p + kSeen);
  const std::size_t number = house_number_end(s, p);
  if (number == 0) return {};
  const std::size_t at = over_gap(s, number);
  if (at == number || (!is_alnum(s[at]) && !letter_byte(s[at]))) return {};
  std::size_t end = char_at(s, number) == ' ' ? english_street_end(s, at) : 0;
  if (end == 0) end = french_street_end(s, at);
  return end == 0 ? Match{} : made(p, tail_end(s, end));
}

Match match_address_at_word(std::string_view text, std::size_t p) {
  const std::string_view s = text.substr(0, p + kSeen);
  const Word first = word_here(s, p);
  if (!first) return {};
  std::size_t end = post_box_end(s, p);
  if (end == 0) end = northern_end(s, first);
  if (end == 0) end = southern_end(s, first);
  if (end != 0) return made(p, tail_end(s, end));
  if (first.shape == WordShape::Shouted && first.end - p <= 3) return {};
  return made(p, city_and_code_end(s, p));
}

bool inside_address(std::string_view s, std::size_t p) {
  const std::size_t floor = p > kAddressMax ? p - kAddressMax : 0;
  std::size_t digits = 0;
  for (const char c : s.substr(floor, p - floor + kAddressMax)) digits += is_digit(c) ? 1 : 0;
  if (digits == 0) return false;
  for (std::size_t q = floor; q < p; ++q) {
    if (word_before(s, q)) continue;
    Match match;
    if (is_digit(s[q])) {
      match = match_address_at_number(s, q);
    } else if (is_upper(s[q])) {
      match = match_address_at_word(s, q);
    }
    if (match.end > p) return true;
  }
  return false;
}

namespace {
constexpr WordFilter kLinkFilter = [] {
  WordFilter filter;
  filter.add(kFrenchWords);
  filter.add(kFrenchLinks);
  filter.add(kNumberLinks);
  return filter;
}();
}  // namespace

bool is_address_link(std::string_view word) {
  if (!kLinkFilter.may_hold(word)) return false;
  const auto in = [&](const auto& list) {
    return std::find(list.begin(), list.end(), word) != list.end();
  };
  return in(kFrenchWords) || in(kFrenchLinks) || in(kNumberLinks);
}

}  // namespace capsem::detect
