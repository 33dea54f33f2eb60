#include "core/detect/street.h"

#include <algorithm>
#include <array>
#include <bit>

#include "core/detect/trigger.h"
#include "core/detect/words.h"

namespace capsem::detect {
namespace {

constexpr std::size_t kNameWordsMax = 5;
constexpr std::size_t kSeen =
    kAddressMax + kWordMax;  // bytes that are looked at from its beginning

constexpr auto kStreetWords = std::to_array<std::string_view>(
    {"street",  "st",       "avenue",     "ave",     "av",       "road",  "rd",        "boulevard",
     "blvd",    "lane",     "ln",         "drive",   "dr",       "court", "ct",        "place",
     "pl",      "square",   "sq",         "terrace", "ter",      "way",   "parkway",   "pkwy",
     "highway", "hwy",      "circle",     "cir",     "trail",    "trl",   "crescent",  "close",
     "row",     "alley",    "mews",       "gardens", "grove",    "walk",  "quay",      "plaza",
     "loop",    "turnpike", "expressway", "freeway", "broadway", "rise",  "embankment"});
// What else streets are called (USPS Publication 28, appendix C1), plural or not. They are words of
// other uses, too: only what follows tells an address.
constexpr auto kStreetLikeWords = std::to_array<std::string_view>(
    {"annex",    "arcade",     "bayou",   "beach",    "bend",       "bluff",     "bottom",
     "branch",   "bridge",     "brook",   "burg",     "bypass",     "camp",      "canyon",
     "cape",     "causeway",   "center",  "centre",   "cliff",      "club",      "common",
     "corner",   "course",     "cove",    "creek",    "crest",      "crossing",  "crossroad",
     "curve",    "dale",       "dam",     "divide",   "estate",     "extension", "fall",
     "ferry",    "field",      "flat",    "ford",     "forest",     "forge",     "fork",
     "fort",     "garden",     "gateway", "glen",     "green",      "harbor",    "harbour",
     "haven",    "heights",    "hill",    "hollow",   "inlet",      "island",    "isle",
     "junction", "key",        "knoll",   "lake",     "land",       "landing",   "light",
     "loaf",     "lock",       "lodge",   "mall",     "manor",      "meadow",    "mill",
     "mission",  "motorway",   "mount",   "mountain", "neck",       "orchard",   "oval",
     "overpass", "park",       "pass",    "passage",  "path",       "pike",      "pine",
     "plain",    "point",      "port",    "prairie",  "radial",     "ramp",      "ranch",
     "rapid",    "rest",       "ridge",   "river",    "route",      "run",       "shoal",
     "shore",    "skyway",     "spring",  "spur",     "station",    "stravenue", "stream",
     "summit",   "throughway", "trace",   "track",    "trafficway", "tunnel",    "underpass",
     "union",    "valley",     "via",     "viaduct",  "view",       "village",   "ville",
     "vista",    "wall",       "well",    "wharf",    "wynd",       "yard"});
constexpr auto kDirections = std::to_array<std::string_view>(
    {"n", "s", "e", "w", "ne", "nw", "se", "sw", "north", "south", "east", "west"});
constexpr auto kFrenchWords = std::to_array<std::string_view>(
    {"rue", "avenue", "boulevard", "bd", "place", "chemin", "impasse", "all\u00E9e", "quai",
     "cours", "route", "square", "passage"});
constexpr auto kFrenchLinks =
    std::to_array<std::string_view>({"de", "du", "des", "la", "le", "les", "et", "sur", "aux"});
constexpr auto kNumberLinks = std::to_array<std::string_view>({"bis", "ter", "quater"});
// Before the name, with the number behind it.
constexpr auto kSouthernWords = std::to_array<std::string_view>(
    {"via",   "viale",  "piazza",    "corso",         "calle", "avenida",  "avda",     "plaza",
     "paseo", "carrer", "carretera", "camino",        "rua",   "r\u00FAa", "travessa", "largo",
     "rue",   "avenue", "boulevard", "chauss\u00E9e", "ulica", "strada",   "trg"});
// Streets of one word end so.
constexpr auto kStreetEnds = std::to_array<std::string_view>(
    {"stra\u00DFe", "strasse", "str",    "weg",         "platz",       "allee", "gasse",  "damm",
     "ufer",        "straat",  "plaats", "str\u00E6ti", "str\u00E6de", "laan",  "gracht", "plein",
     "kade",        "dreef",   "gatan",  "v\u00E4gen",  "gade",        "vej",   "veien",  "gata",
     "katu",        "kuja",    "ntie",   "braut",       "vegur",       "utca",  "vegen"});
// ... or are called so, in a word of its own before the number.
constexpr auto kStreetNouns = std::to_array<std::string_view>(
    {"stra\u00DFe", "strasse", "str", "straat", "laan", "baan", "weg", "ulica", "cesta", "utca",
     "\u00FAt", "\u00FAtja", "t\u00E9r", "tere", "tee", "t\u00E4nav", "alle", "all\u00E9", "vej"});
constexpr auto kSouthernLinks =
    std::to_array<std::string_view>({"do", "das", "los", "las", "dei", "degli", "delle"});
constexpr auto kMilitaryWords = std::to_array<std::string_view>({"psc", "unit", "cmr"});

std::size_t over_dot(std::string_view s, std::size_t end) {
  return char_at(s, end) == '.' ? end + 1 : end;
}

// "5th", "42nd" at p: its end, or p.
std::size_t ordinal_end(std::string_view s, std::size_t p) {
  const std::size_t end = digits_end(s, p);
  if (end == p || end - p > 3 || end + 2 > s.size() || word_at(s, end + 2)) return p;
  const std::string_view mark = s.substr(end, 2);
  return mark == "th" || mark == "st" || mark == "nd" || mark == "rd" ? end + 2 : p;
}

// The first part of an address.
struct Street {
  std::size_t end = 0;  // 0: there is none
  bool sure = false;    // otherwise it is one only with what belongs behind it
  explicit operator bool() const { return end != 0; }
};

template <std::size_t N>
bool one_of_plural(std::string_view s, Word w, const std::array<std::string_view, N>& list) {
  if (s[w.end - 1] != 's' || w.end - w.begin < 4) return false;
  --w.end;
  return one_of(s, w, list);
}

bool street_like(std::string_view s, const Word& w) {
  return one_of(s, w, kStreetLikeWords) || one_of_plural(s, w, kStreetLikeWords) ||
         one_of_plural(s, w, kStreetWords);
}

// "Main Street", "N. 5th Ave", "Martin Luther King Jr. Blvd", "Cedar Knolls" at p.
Street english_street(std::string_view s, std::size_t p) {
  Street street;
  std::size_t at = p;
  for (std::size_t words = 0; words <= kNameWordsMax; ++words) {
    std::size_t next = ordinal_end(s, at);
    if (next == at) {
      const Word w = word_here(s, at);
      if (!w || (!w.capital() && (words == 0 || !is_particle(w.text(s), false)))) break;
      next = w.end;
      const bool noun = words > 0 && w.capital();
      const bool sure =
          (noun && one_of(s, w, kStreetWords)) || (words == 0 && equals_folded(s, w, "broadway"));
      if (!sure && street.sure) {
        if (one_of(s, w, kDirections)) street.end = next;
        break;
      }
      if (sure || (noun && street_like(s, w))) street = {next, sure};
    } else if (street.sure) {
      break;
    }
    const std::size_t dot = over_dot(s, next);
    if (char_at(s, dot) != ' ') break;
    // Only an abbreviation's dot is passed over.
    if (dot != next && next - at > 4) break;
    at = dot + 1;
  }
  return street;
}

// The number behind a street's name at `at`, or 0.
std::size_t number_behind(std::string_view s, std::size_t at, bool comma) {
  if (comma && char_at(s, at) == ',') ++at;
  if (char_at(s, at) != ' ' || !digit_at(s, at + 1)) return 0;
  const std::size_t end = house_number_end(s, at + 1);
  return end != 0 && end - at <= 6 ? end : 0;
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
    if ((!link && !w.capital() && !elided) || is_unit_word(s, w)) break;
    linked = linked || link;
    if (!link) end = w.end;
  }
  if (!linked) return 0;
  const std::size_t number = number_behind(s, end, false);
  return number != 0 ? number : end;
}

bool ends_like_street(std::string_view text) {
  return std::any_of(kStreetEnds.begin(), kStreetEnds.end(), [&](std::string_view end) {
    if (text.size() < end.size() + 2) return false;
    const std::string_view tail = text.substr(text.size() - end.size());
    return std::equal(end.begin(), end.end(), tail.begin(),
                      [](char a, char b) { return a == fold(b); });
  });
}

// "Hauptstraße 12", "Lange Str. 5", "Slovenska cesta 8".
std::size_t northern_end(std::string_view s, const Word& first) {
  Word w = first;
  for (unsigned n = 0; n < 4 && w; ++n, w = next_word(s, w)) {
    const bool noun = n > 0 && one_of(s, w, kStreetNouns);
    if (!w.capital() && !noun && !is_particle(w.text(s), false)) return 0;
    const std::size_t end = number_behind(s, over_dot(s, w.end), false);
    if (end != 0) return noun || ends_like_street(w.text(s)) ? end : 0;
  }
  return 0;
}

// "Via Roma 5", "Calle de Alcalá, 42".
std::size_t southern_end(std::string_view s, const Word& first) {
  if (!one_of(s, first, kSouthernWords)) return 0;
  Word w = first;
  for (unsigned n = 0; n < kNameWordsMax; ++n) {
    w = next_word(s, w);
    if (!w) return 0;
    if (!w.capital()) {
      const bool link = is_particle(w.text(s), false) || one_of(s, w, kFrenchLinks) ||
                        one_of(s, w, kSouthernLinks);
      if (!link) return 0;
      continue;
    }
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

// "PSC 802, Box 74" at p: its end, or 0.
std::size_t military_end(std::string_view s, const Word& first) {
  if (!one_of(s, first, kMilitaryWords) || char_at(s, first.end) != ' ') return 0;
  const std::size_t number = digits_end(s, first.end + 1);
  const Word box = word_here(s, over_gap(s, number));
  if (number == first.end + 1 || !box || !box.capital() || !equals_folded(s, box, "box")) return 0;
  const std::size_t end = char_at(s, box.end) == ' ' ? digits_end(s, box.end + 1) : 0;
  return end > box.end + 1 ? end : 0;
}

// A name and a number, as in most languages, of which nothing tells that it is a street.
std::size_t named_and_numbered_end(std::string_view s, const Word& first) {
  Word w = first;
  for (std::size_t n = 0; n < kNameWordsMax && w; ++n, w = next_word(s, w)) {
    if (!w.capital() && (n == 0 || !is_particle(w.text(s), false))) return 0;
    if (const std::size_t end = number_behind(s, w.end, false); end != 0) return end;
  }
  return 0;
}

// The street that begins at p with the number of a house.
Street street_at_number(std::string_view s, std::size_t p) {
  const std::size_t number = house_number_end(s, p);
  if (number == 0) return {};
  const std::size_t at = over_gap(s, number);
  if (at == number || (!is_alnum(s[at]) && !letter_byte(s[at]))) return {};
  const bool apart = char_at(s, number) == ' ';
  if (const Street street = apart ? english_street(s, at) : Street{}; street) return street;
  if (const std::size_t end = french_street_end(s, at); end != 0) return {end, true};
  // Of a house that has two numbers, the first is a unit's or a block's.
  const std::size_t second = apart ? house_number_end(s, at) : 0;
  const std::size_t name = second != 0 && char_at(s, second) == ' ' ? second + 1 : at;
  if (name != at) {
    if (const Street street = english_street(s, name); street) return street;
    if (const std::size_t end = french_street_end(s, name); end != 0) return {end, true};
  }
  const Word first = word_here(s, name);
  if (!apart || !first) return {};
  std::size_t end = northern_end(s, first);
  if (end == 0) end = southern_end(s, first);
  if (end == 0) end = post_box_end(s, name);
  if (end != 0) return {end, true};
  return {named_and_numbered_end(s, first), false};
}

// The street that begins at p with a capitalised word.
Street street_at_word(std::string_view s, std::size_t p, const Word& first) {
  std::size_t end = post_box_end(s, p);
  if (end == 0) end = northern_end(s, first);
  if (end == 0) end = southern_end(s, first);
  return end != 0 ? Street{end, true} : Street{military_end(s, first), false};
}

Match made(std::string_view s, std::size_t p, const Street& street) {
  if (!street) return {};
  const std::size_t end = address_tail_end(s, street.end);
  const bool address = (street.sure || end != street.end) && end - p <= kAddressMax;
  return address ? Match{end, kAddressScore} : Match{};
}

// The first of the capitalised words that stand before p in a row: a name that may go on to p.
std::size_t run_begin(std::string_view s, std::size_t p) {
  const std::size_t floor = p > kSeen ? p - kSeen : 0;
  for (Word w = previous_word(s, p); w && w.begin >= floor; w = previous_word(s, p)) {
    if (!w.capital() && !is_particle(w.text(s), false)) break;
    p = w.begin;
  }
  return p;
}

bool still_open(std::string_view s, const Street& street) {
  return street && address_tail_open(s, street.end);
}

// The word that a number at p follows, with a comma or without.
Word word_before_number(std::string_view s, std::size_t p) {
  if (p < 3 || s[p - 1] != ' ') return {};
  if (s[p - 2] != ',') return previous_word(s, p);
  std::size_t begin = p - 2;
  while (begin > 0 && p - begin < kWordMax && letter_byte(s[begin - 1])) --begin;
  return begin == p - 2 ? Word{} : word_here(s, begin);
}

// The beginning of an address that is still open and whose street begins or ends with the number at
// p; s.size(): there is none.
std::size_t open_around(std::string_view s, std::size_t p) {
  const std::size_t end = digits_end(s, p);
  if (end - p > 6) return s.size();
  // A street with its number behind it begins up to so many words before.
  std::size_t begin = p;
  Word w = word_before_number(s, p);
  for (std::size_t n = 0; n < kNameWordsMax && w; ++n, w = previous_word(s, begin)) {
    begin = w.begin;
  }
  for (w = begin == p ? Word{} : word_here(s, begin); w && w.begin < p; w = next_word(s, w)) {
    if (w.capital() && still_open(s, street_at_word(s, w.begin, w))) return run_begin(s, w.begin);
  }
  const char next = char_at(s, end);
  const bool named = next == ' ' || next == ',' || next == '-' || is_alpha(next);
  return named && still_open(s, street_at_number(s, p)) ? run_begin(s, p) : s.size();
}

Match address_at_number(std::string_view text, std::size_t p) {
  const std::string_view s = text.substr(0, p + kSeen);
  return made(s, p, street_at_number(s, p));
}

Match address_at_word(std::string_view text, std::size_t p) {
  const std::string_view s = text.substr(0, p + kSeen);
  const Word first = word_here(s, p);
  if (!first) return {};
  if (const Street street = street_at_word(s, p, first); street) return made(s, p, street);
  if (first.shape == WordShape::Shouted && first.end - p <= 3) return {};
  const std::size_t end = city_and_code_end(s, p);
  if (end == 0 || end - p > kAddressMax) return {};
  // "at Siemens, 08428 Lange Straße 3": the code is a street's number.
  std::size_t code = end;
  while (code > p && is_digit(s[code - 1])) --code;
  return code < end && street_at_number(s, code).sure ? Match{} : Match{end, kAddressScore};
}

}  // namespace

std::size_t open_address(std::string_view s) {
  const std::size_t floor = s.size() > kSeen ? s.size() - kSeen : 0;
  std::size_t tail = s.size();  // an address that is open begins behind all other bytes
  for (std::size_t block = floor; block < s.size(); block += kBlockBytes) {
    const std::size_t size = std::min(kBlockBytes, s.size() - block);
    const char* bytes = s.data() + block;
    const std::uint64_t digit =
        size == kBlockBytes ? block_masks(bytes).digit : tail_masks(bytes, size).digit;
    const std::uint64_t carry = is_digit(char_before(s, block)) ? 1 : 0;
    for (std::uint64_t starts = digit & ~(digit << 1 | carry); starts != 0; starts &= starts - 1) {
      const std::size_t p = block + static_cast<unsigned>(std::countr_zero(starts));
      if (tail == s.size()) tail = address_bytes_begin(s, floor);
      if (p < tail || word_before(s, p)) continue;
      if (const std::size_t open = open_around(s, p); open != s.size()) return open;
    }
  }
  return s.size();
}

Match AddressReader::at(std::string_view s, std::size_t p) {
  Entry& entry = entries_[p % entries_.size()];
  if (entry.text != text_ || entry.place != p) {
    entry = {text_, p, is_digit(s[p]) ? address_at_number(s, p) : address_at_word(s, p)};
  }
  return entry.match;
}

bool AddressReader::inside(std::string_view s, std::size_t p) {
  const std::size_t floor = p > kAddressMax ? p - kAddressMax : 0;
  const std::string_view around = s.substr(floor, p - floor + kAddressMax);
  if (std::none_of(around.begin(), around.end(), is_digit)) return false;
  for (std::size_t q = floor; q < p; ++q) {
    const bool begins = (is_digit(s[q]) || is_upper(s[q])) && !word_before(s, q);
    if (begins && at(s, q).end > p) return true;
  }
  return false;
}

namespace {
constexpr WordFilter kLinkFilter = [] {
  WordFilter filter;
  filter.add(kFrenchWords);
  filter.add(kFrenchLinks);
  filter.add(kNumberLinks);
  filter.add(kStreetNouns);
  filter.add(kSouthernLinks);
  return filter;
}();
}  // namespace

bool is_address_link(std::string_view word) {
  if (!kLinkFilter.may_hold(word)) return false;
  const auto in = [&](const auto& list) {
    return std::find(list.begin(), list.end(), word) != list.end();
  };
  return in(kFrenchWords) || in(kFrenchLinks) || in(kNumberLinks) || in(kStreetNouns) ||
         in(kSouthernLinks);
}

}  // namespace capsem::detect
