#include "core/detect/names.h"

#include <algorithm>
#include <array>

namespace capsem::detect {
namespace {

constexpr std::size_t kWordMax = 32;
constexpr unsigned kNameWordsMax = 4;

struct Word {
  std::size_t begin = 0, end = 0;
  std::uint32_t flags = 0;
  bool capital = false;  // "John", not "JOHN" or "john"
  bool initial = false;  // "M."
  explicit operator bool() const { return end != 0; }
};

bool letter_byte(char c) {
  return is_alpha(c) || is_continuation(c) ||
         (!is_digit(c) && c != '_' && (class_of(c) & kWord) != 0);
}

bool joins(std::string_view s, std::size_t p) {
  return (s[p] == '-' || s[p] == '\'') && p > 0 && letter_byte(s[p - 1]) && p + 1 < s.size() &&
         letter_byte(s[p + 1]);
}

std::size_t word_end(std::string_view s, std::size_t p) {
  const std::size_t limit = std::min(s.size(), p + kWordMax);
  std::size_t end = p;
  while (end < limit && (letter_byte(s[end]) || joins(s, end))) ++end;
  const std::string_view word = s.substr(p, end - p);
  return word.ends_with("'s") ? end - 2 : end;
}

bool shouted(std::string_view word) {
  return word.size() > 1 && is_upper(word[1]);
}

Word word_at_place(std::string_view s, std::size_t p) {
  Word w{p, word_end(s, p), 0, false, false};
  if (w.end == p || word_at(s, w.end)) return {};
  const std::string_view text = s.substr(p, w.end - p);
  w.initial = text.size() == 1 && is_upper(text[0]) && char_at(s, w.end) == '.';
  w.capital = is_upper(text[0]) && text.size() > 1 && !shouted(text);
  if (w.capital) w.flags = name_flags(text);
  return w;
}

// The word after one space, or none. An initial's dot is passed over.
Word next_word(std::string_view s, const Word& w) {
  const std::size_t end = w.initial ? w.end + 1 : w.end;
  if (char_at(s, end) != ' ' || end + 1 >= s.size() || !letter_byte(s[end + 1])) return {};
  return word_at_place(s, end + 1);
}

// The word before p, where only one space (and perhaps an abbreviation's dot) stands between.
Word previous_word(std::string_view s, std::size_t p) {
  if (char_before(s, p) != ' ') return {};
  std::size_t end = p - 1;
  if (char_before(s, end) == '.') --end;
  const std::size_t floor = end > kWordMax ? end - kWordMax : 0;
  std::size_t begin = end;
  while (begin > floor && (letter_byte(s[begin - 1]) || joins(s, begin - 1))) --begin;
  if (begin == end || word_before(s, begin)) return {};
  Word w = word_at_place(s, begin);
  if (w.end != end) return {};
  // A dot ends a sentence unless it is an abbreviation's.
  if (s[end] == '.' && end - begin > 4) return {};
  return w;
}

bool equals_folded(std::string_view s, const Word& w, std::string_view lower) {
  if (w.end - w.begin != lower.size()) return false;
  return std::equal(lower.begin(), lower.end(), s.begin() + static_cast<std::ptrdiff_t>(w.begin),
                    [](char a, char b) { return a == fold(b); });
}

template <std::size_t N>
bool one_of(std::string_view s, const Word& w, const std::array<std::string_view, N>& list) {
  return std::any_of(list.begin(), list.end(),
                     [&](std::string_view entry) { return equals_folded(s, w, entry); });
}

constexpr auto kHonorifics =
    std::to_array<std::string_view>({"mr", "mrs", "ms", "miss", "mx", "dr", "prof", "professor",
                                     "sir", "madam", "mme", "herr", "frau"});
constexpr auto kPlacePrepositions =
    std::to_array<std::string_view>({"in", "from", "near", "visit", "visiting"});
// Before a single first name that is not among the commonest.
constexpr auto kAddressing =
    std::to_array<std::string_view>({"hi", "hello", "hey", "dear", "thanks", "for", "to", "with",
                                     "by", "and", "ask", "tell", "met"});
constexpr auto kParticles = std::to_array<std::string_view>(
    {"de", "da", "del", "della", "di", "van", "von", "der", "den", "la", "le", "bin", "al", "du"});

bool honorific(std::string_view s, const Word& w) {
  return w && is_upper(s[w.begin]) && one_of(s, w, kHonorifics);
}

// "my name is X", "named X", "I am X", "I'm X", "call me X", "sincerely, X" are introductions.
bool introduced(std::string_view s, std::size_t p) {
  const Word one = previous_word(s, p);
  if (!one) return false;
  if (equals_folded(s, one, "named") || equals_folded(s, one, "i'm")) return true;
  const Word two = previous_word(s, one.begin);
  if (!two) return false;
  return (equals_folded(s, one, "is") && equals_folded(s, two, "name")) ||
         (equals_folded(s, one, "am") && equals_folded(s, two, "i")) ||
         (equals_folded(s, one, "me") && equals_folded(s, two, "call"));
}

// "name": "X Y" and Name: X Y.
bool keyed(std::string_view s, std::size_t p) {
  std::size_t i = p;
  while (i > 0 && p - i < 4 && std::string_view("\": '=").find(s[i - 1]) != std::string_view::npos)
    --i;
  if (p - i < 2 || i < 4) return false;
  const std::string_view key = s.substr(i - 4, 4);
  return fold(key[0]) == 'n' && key.substr(1) == "ame" &&
         s.substr(i, p - i).find_first_of(":=") != std::string_view::npos;
}

// "Hi Elie", "ideas for Elie", "ideas, Elie".
bool addressed(std::string_view s, std::size_t p, const Word& before) {
  if (before && one_of(s, before, kAddressing)) return true;
  return p >= 2 && s[p - 1] == ' ' && s[p - 2] == ',';
}

bool plain_first(const Word& w) {
  return (w.flags & kFirstName) != 0 && (w.flags & kCommonWord) == 0;
}

// May continue a name.
bool name_like(const Word& w) {
  return w.capital && ((w.flags & kCommonWord) == 0 || (w.flags & kSurname) != 0);
}

bool ends_like_surname(const Word& w) {
  return w.capital && (w.flags & kCommonWord) == 0 && (w.flags & kSurePlace) == 0;
}

// "John Smith Mary Jones": `next`, after the `at` of another name, begins a name of its own.
bool begins_anew(std::string_view s, const Word& at, const Word& next) {
  if ((next.flags & kStrongFirstName) == 0 || (at.flags & kFirstName) != 0) return false;
  const Word after = next_word(s, next);
  return after && name_like(after);
}

// The end of the name whose first word is `first`.
std::size_t name_end(std::string_view s, const Word& first) {
  Word last = first;
  Word at = first;
  for (unsigned n = 1; n < kNameWordsMax; ++n) {
    Word next = next_word(s, at);
    if (!next) break;
    if (!next.capital && !next.initial) {
      if (!is_particle(s.substr(next.begin, next.end - next.begin), false)) break;
      const Word after = next_word(s, next);
      if (!after || !name_like(after)) break;
      next = after;
    }
    if (next.capital && at.capital && begins_anew(s, at, next)) break;
    if (!next.initial && !name_like(next)) break;
    if (next.capital) last = next;
    at = next;
  }
  return last.end;
}

// Whether the word at p continues a name that began before it.
bool continues_name(std::string_view s, std::size_t p) {
  Word before = previous_word(s, p);
  if (before && before.initial) before = previous_word(s, before.begin);
  if (!before || !before.capital || honorific(s, before)) return false;
  if ((before.flags & kFirstName) != 0 && (before.flags & kCommonWord) == 0) return true;
  return honorific(s, previous_word(s, before.begin)) || introduced(s, before.begin);
}

}  // namespace

bool is_particle(std::string_view word, bool part) {
  return std::any_of(kParticles.begin(), kParticles.end(), [&](std::string_view particle) {
    return part ? particle.starts_with(word) : particle == word;
  });
}

Match match_person(std::string_view s, std::size_t p) {
  const Word first = word_at_place(s, p);
  if (!first || !first.capital || honorific(s, first)) return {};
  const Word before = previous_word(s, p);
  if (honorific(s, before)) return {name_end(s, first), kNameScore};
  if (first.flags == 0 && !before && char_before(s, p) != '"' && char_before(s, p) != ' ')
    return {};
  const bool known_or_odd = (first.flags & kCommonWord) == 0;
  if (known_or_odd && (first.flags & kSurePlace) == 0 && introduced(s, p) &&
      !continues_name(s, p)) {
    return {name_end(s, first), kNameScore};
  }
  const Word second = next_word(s, first);
  if (known_or_odd && second && ends_like_surname(second) && keyed(s, p) &&
      (second.flags & kPlace) == 0) {
    return {name_end(s, first), kNameScore};
  }
  if ((first.flags & kFirstName) == 0 || continues_name(s, p)) return {};
  if (before && before.capital && !begins_anew(s, before, first)) return {};
  const bool ambiguous = (first.flags & (kCommonWord | kSurePlace)) != 0;
  if (second && (second.capital || second.initial)) {
    const bool surname = (second.flags & kSurname) != 0 && ends_like_surname(second);
    if (ambiguous ? surname
                  : (second.initial || ends_like_surname(second) || plain_first(second))) {
      const std::size_t end = name_end(s, first);
      return end > first.end ? Match{end, kNameScore} : Match{};
    }
  }
  if (second && !second.capital && !ambiguous) {
    const std::size_t end = name_end(s, first);
    if (end > second.end) return {end, kNameScore};
  }
  const bool common = (first.flags & kStrongFirstName) != 0 || addressed(s, p, before);
  const bool alone = common && !ambiguous && (first.flags & kPlace) == 0;
  const bool in_title = (second && second.capital) || (before && before.capital);
  return alone && !in_title ? Match{first.end, kNameScore} : Match{};
}

Match match_location(std::string_view s, std::size_t p) {
  const Word first = word_at_place(s, p);
  if (!first) return {};
  const std::string_view text = s.substr(p, first.end - p);
  if (!first.capital && !(shouted(text) && text.size() <= 3)) return {};
  const Word before = previous_word(s, p);
  if (before && before.capital) {
    // The second word of "New York", or the surname of "Jack London".
    if ((name_flags(s.substr(before.begin, first.end - before.begin)) & kPlace) != 0) return {};
    if ((before.flags & (kFirstName | kCommonWord | kPlace)) == kFirstName) return {};
  }
  const Word second = next_word(s, first);
  if (second && second.capital) {
    const Word third = next_word(s, second);
    for (const Word& last : {third, second}) {
      if (!last) continue;
      const auto flags = name_flags(s.substr(p, last.end - p));
      if ((flags & kPlace) != 0) return {last.end, kNameScore};
    }
  }
  const std::uint32_t flags = first.capital ? first.flags : name_flags(text);
  if ((flags & kPlace) == 0 || (flags & kCommonWord) != 0 || match_person(s, p)) return {};
  if ((flags & kSurePlace) != 0) return {first.end, kNameScore};
  const bool placed = before && one_of(s, before, kPlacePrepositions);
  return placed && (flags & kFirstName) == 0 ? Match{first.end, kNameScore} : Match{};
}

}  // namespace capsem::detect
