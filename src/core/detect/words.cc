#include "core/detect/words.h"

#include <algorithm>

#include "core/detect/name_table.h"

namespace capsem::detect {
namespace {

constexpr auto kParticles = std::to_array<std::string_view>(
    {"de",  "da", "del", "della", "di",  "dos", "van", "von", "der", "den",
     "ter", "la", "le",  "bin",   "ibn", "al",  "el",  "du",  "y",   "zu"});
constexpr WordFilter kParticleFilter = [] {
  WordFilter filter;
  filter.add(kParticles);
  return filter;
}();
constexpr auto kAbbreviations = std::to_array<std::string_view>(
    {"mr",  "mrs", "ms",  "mx",   "dr",  "prof", "st",  "mt",  "ft",
     "sr",  "jr",  "rev", "hon",  "gen", "col",  "sgt", "lt",  "capt",
     "sen", "rep", "gov", "pres", "mme", "mlle", "ing", "dipl"});

bool joins(std::string_view s, std::size_t p) {
  return (s[p] == '-' || s[p] == '\'') && p > 0 && letter_byte(s[p - 1]) && p + 1 < s.size() &&
         letter_byte(s[p + 1]);
}

std::size_t word_end(std::string_view s, std::size_t p) {
  const std::size_t limit = std::min(s.size(), p + kWordMax);
  std::size_t end = p;
  while (end < limit && (letter_byte(s[end]) || joins(s, end))) ++end;
  const std::string_view word = s.substr(p, end - p);
  return word.ends_with("'s") || word.ends_with("'S") ? end - 2 : end;
}

// "U.S.", "J.R.R.": single capitals, each with a dot, at least two. Its end (with the last dot),
// or p.
std::size_t dotted_end(std::string_view s, std::size_t p) {
  std::size_t end = p;
  while (end - p < 8 && end + 1 < s.size() && is_upper(s[end]) && s[end + 1] == '.') end += 2;
  return end - p >= 4 && !word_at(s, end) ? end : p;
}

WordShape shape_of(std::string_view s, const Word& w, std::size_t first) {
  const std::string_view rest = s.substr(w.begin + first, w.end - w.begin - first);
  if (rest.empty()) return char_at(s, w.end) == '.' ? WordShape::Initial : WordShape::Shouted;
  const bool low = std::any_of(rest.begin(), rest.end(), [](char c) { return !is_upper(c); });
  if (!low) return WordShape::Shouted;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    const bool after_joint = i > 0 && (rest[i - 1] == '-' || rest[i - 1] == '\'');
    if (is_upper(rest[i]) && !after_joint && !(rest[0] == '\'' && i == 1)) return WordShape::Mixed;
  }
  return WordShape::Capital;
}

}  // namespace

std::size_t upper_size(std::string_view s, std::size_t p) {
  if (p >= s.size()) return 0;
  if (is_upper(s[p])) return 1;
  const auto lead = static_cast<unsigned char>(s[p]);
  if (lead < 0xC3 || lead > 0xC5 || p + 1 >= s.size()) return 0;
  const auto next = static_cast<unsigned char>(s[p + 1]);
  if (lead == 0xC3) return next >= 0x80 && next <= 0x9E && next != 0x97 ? 2 : 0;
  // U+0100..017F: pairs, the capital first, but for two stretches where it comes second.
  const unsigned code = (lead & 0x1FU) << 6 | (next & 0x3FU);
  const bool second = (code >= 0x139 && code <= 0x148) || code >= 0x179;
  return code != 0x138 && (code & 1U) == (second ? 1U : 0U) ? 2 : 0;
}

Word word_at_place(std::string_view s, std::size_t p) {
  // One object throughout, which is made where the caller wants it: copies of it stall.
  Word w{.begin = p, .end = dotted_end(s, p), .hash = 0, .flags = 0, .shape = WordShape::Lower};
  const bool dotted = w.end != p;
  if (!dotted) w.end = word_end(s, p);
  if (w.end == p || word_at(s, w.end)) {
    w.end = 0;
    return w;
  }
  const std::size_t first = upper_size(s, p);
  if (dotted) {
    w.shape = WordShape::Dotted;
  } else if (first != 0) {
    w.shape = shape_of(s, w, first);
  }
  return w;
}

Word word_here(std::string_view s, std::size_t p) {
  return p < s.size() && letter_byte(s[p]) && !word_before(s, p) ? word_at_place(s, p) : Word{};
}

void look_up(std::string_view s, Word& w) {
  w.hash = name_hash(w.text(s));
  w.flags = name_flags(w.hash);
}

bool is_abbreviation(std::string_view s, const Word& w) {
  return w.end - w.begin <= 4 && w.shape == WordShape::Capital && one_of(s, w, kAbbreviations);
}

Word next_word(std::string_view s, const Word& w) {
  std::size_t end = w.end;
  if (char_at(s, end) == '.' && (w.shape == WordShape::Initial || is_abbreviation(s, w))) ++end;
  if (char_at(s, end) != ' ' || end + 1 >= s.size() || !letter_byte(s[end + 1])) return {};
  return word_at_place(s, end + 1);
}

Word previous_word(std::string_view s, std::size_t p) {
  if (p < 2 || s[p - 1] != ' ') return {};
  const bool dot = s[p - 2] == '.';
  const std::size_t end = dot ? p - 2 : p - 1;
  const std::size_t floor = end > kWordMax ? end - kWordMax : 0;
  std::size_t begin = end;
  while (begin > floor && (letter_byte(s[begin - 1]) || joins(s, begin - 1))) --begin;
  if (begin == end) return {};
  if (dot && begin >= 2 && s[begin - 1] == '.') {  // perhaps "U.S."
    while (begin >= 2 && end - begin < 8 && s[begin - 1] == '.' && is_upper(s[begin - 2])) {
      begin -= 2;
    }
    if (word_before(s, begin)) return {};
    const Word w = word_at_place(s, begin);
    return w.end == end + 1 ? w : Word{};
  }
  if (word_before(s, begin)) return {};
  const Word w = word_at_place(s, begin);
  if (w.end != end) return {};
  if (dot && w.shape != WordShape::Initial && !is_abbreviation(s, w)) return {};
  return w;
}

bool equals_folded(std::string_view s, const Word& w, std::string_view lower) {
  if (w.end - w.begin != lower.size() || fold(s[w.begin]) != lower[0]) return false;
  return std::equal(lower.begin(), lower.end(), s.begin() + static_cast<std::ptrdiff_t>(w.begin),
                    [](char a, char b) { return a == fold(b); });
}

bool is_particle(std::string_view word, bool part) {
  if (!part && !kParticleFilter.may_hold(word)) return false;
  return std::any_of(kParticles.begin(), kParticles.end(), [&](std::string_view particle) {
    return part ? particle.starts_with(word) : particle == word;
  });
}

}  // namespace capsem::detect
