// Words in disguise: letters of other scripts that look alike, ROT13, written backwards, letter by
// letter, as binary numbers.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "core/detect/injection_triggers.h"
#include "core/detect/injection_words.h"

namespace capsem::detect::injection {
namespace {

constexpr std::size_t kTokenMax = 64;    // bytes of a word of two scripts
constexpr std::size_t kPairMax = 120;    // between two disguised words that confirm each other
constexpr std::size_t kSpacedMin = 6;    // letters
constexpr std::size_t kSpacedLong = 16;  // letters, whatever they spell
constexpr std::size_t kBinaryMin = 5;    // bytes, eight digits each

// Words that attacks are about, for disguises that are matched word by word.
constexpr std::string_view kAnchors[] = {
    "ignore",       "disregard",  "forget",    "previous",    "instruction",  "instructions",
    "prompt",       "prompts",    "system",    "password",    "passwords",    "secret",
    "secrets",      "override",   "bypass",    "reveal",      "restrictions", "guidelines",
    "rules",        "assistant",  "jailbreak", "developer",   "credentials",  "conversation",
    "confidential", "following",  "pretend",   "everything",  "disclose",     "execute",
    "unrestricted", "uncensored", "filters",   "safety",      "admin",        "administrator",
    "command",      "commands",   "output",    "respond",     "response",     "delete",
    "harmful",      "illegal",    "explain",   "information", "please",       "repeat",
    "print",        "message",    "private",   "api",         "user",         "without",
    "anything",     "refuse",     "request",   "never",       "hidden",       "unfiltered",
    "answer",       "limits",     "character", "roleplay",    "policy",       "always"};

struct Disguise {
  std::string word;
  bool reversed;
};

std::string rot13(std::string_view word) {
  std::string out(word);
  for (char& c : out) c = static_cast<char>('a' + (c - 'a' + 13) % 26);
  return out;
}

const std::vector<Disguise>& disguises() {
  static const std::vector<Disguise> all = [] {
    std::vector<Disguise> list;
    for (const std::string_view word : kAnchors) {
      if (word.size() < 4) continue;
      list.push_back({rot13(word), false});
      list.push_back({std::string(word.rbegin(), word.rend()), true});
    }
    std::sort(list.begin(), list.end(),
              [](const Disguise& a, const Disguise& b) { return a.word < b.word; });
    return list;
  }();
  return all;
}

// Pairs of letters that disguised words begin with.
using Pairs = std::array<bool, 1024>;
std::size_t pair_slot(char first, char second) {
  return static_cast<std::size_t>((first & 31) << 5 | (second & 31));
}
const Pairs& disguised_pairs() {
  static const Pairs pairs = [] {
    Pairs some{};
    for (const Disguise& d : disguises()) some[pair_slot(d.word[0], d.word[1])] = true;
    return some;
  }();
  return pairs;
}

const Disguise* disguise_of(std::string_view word) {
  if (word.size() < 4 || !disguised_pairs()[pair_slot(word[0], word[1])]) return nullptr;
  const auto& all = disguises();
  const auto found = std::lower_bound(
      all.begin(), all.end(), word,
      [](const Disguise& d, std::string_view w) { return std::string_view(d.word) < w; });
  return found != all.end() && found->word == word ? &*found : nullptr;
}

// Whether a word before p, near by, is in the same disguise: then it takes this one with it.
bool disguised_before(Ahead& text, std::size_t p, bool reversed) {
  std::size_t at = floor_of(p, kPairMax);
  while (at > 0 && at < p && word_before(text.text(), at)) ++at;
  while (at < p) {
    const Word word = word_at(text, at);
    const Disguise* disguise = disguise_of(word.view());
    if (disguise != nullptr && disguise->reversed == reversed && word.end < p) return true;
    at = word.size == 0 ? at + 1 : word.end;
  }
  return false;
}

// A disguised word, and another one in the same disguise near by. One alone can be chance.
void match_disguise(Ahead& text, std::size_t p, Hits& hits) {
  if (!disguised_pairs()[pair_slot(text.at(p), text.at(p + 1))]) return;
  const Word word = word_at(text, p);
  const Disguise* disguise = disguise_of(word.view());
  if (disguise == nullptr) return;
  const Sign sign = disguise->reversed ? Sign::ReversedText : Sign::Rot13Text;
  for (std::size_t at = word.end; at < word.end + kPairMax;) {
    bool stop = false;
    at = next_word(text, at, stop);
    const Word other = word_at(text, at);
    if (other.size == 0) {
      if (text.at(at) == '\0') break;
      ++at;
      continue;
    }
    const Disguise* second = disguise_of(other.view());
    if (second != nullptr && second->reversed == disguise->reversed) {
      hits.add(sign, 0.85F, other.end);
      return;
    }
    at = other.end;
  }
  if (word.size >= 8 && !disguised_before(text, p, disguise->reversed)) {
    hits.add(sign, 0.6F, word.end);
  }
}

// The Latin letter that a two-byte letter looks like; NUL: none.
char look_alike(char lead, char next) {
  struct Pair {
    std::string_view letter;
    char latin;
  };
  static constexpr Pair pairs[] = {
      {"а", 'a'}, {"е", 'e'}, {"о", 'o'}, {"р", 'p'}, {"с", 'c'}, {"у", 'y'}, {"х", 'x'},
      {"і", 'i'}, {"ј", 'j'}, {"ѕ", 's'}, {"һ", 'h'}, {"ԁ", 'd'}, {"ԛ", 'q'}, {"ԝ", 'w'},
      {"к", 'k'}, {"м", 'm'}, {"т", 't'}, {"в", 'b'}, {"г", 'r'}, {"ѵ", 'v'}, {"п", 'n'},
      {"и", 'u'}, {"ё", 'e'}, {"ӏ", 'l'}, {"ɡ", 'g'}, {"А", 'a'}, {"В", 'b'}, {"Е", 'e'},
      {"К", 'k'}, {"М", 'm'}, {"Н", 'h'}, {"О", 'o'}, {"Р", 'p'}, {"С", 'c'}, {"Т", 't'},
      {"Х", 'x'}, {"У", 'y'}, {"І", 'i'}, {"Ѕ", 's'}, {"Ј", 'j'}, {"α", 'a'}, {"ο", 'o'},
      {"ρ", 'p'}, {"ν", 'v'}, {"ι", 'i'}, {"κ", 'k'}, {"υ", 'u'}, {"τ", 't'}, {"ε", 'e'},
      {"η", 'n'}, {"χ", 'x'}, {"γ", 'y'}, {"ω", 'w'}, {"Α", 'a'}, {"Β", 'b'}, {"Ε", 'e'},
      {"Ζ", 'z'}, {"Η", 'h'}, {"Ι", 'i'}, {"Κ", 'k'}, {"Μ", 'm'}, {"Ν", 'n'}, {"Ο", 'o'},
      {"Ρ", 'p'}, {"Τ", 't'}, {"Υ", 'y'}, {"Χ", 'x'}, {"օ", 'o'}, {"ո", 'n'}, {"ս", 'u'},
      {"һ", 'h'}, {"ց", 'g'}, {"ı", 'i'}, {"ʟ", 'l'}, {"ⅼ", 'l'}};
  for (const Pair& pair : pairs) {
    if (pair.letter.size() == 2 && pair.letter[0] == lead && pair.letter[1] == next) {
      return pair.latin;
    }
  }
  return '\0';
}

bool two_byte_letter(char c) {
  const auto b = static_cast<unsigned char>(c);
  return b >= 0xC3 && b <= 0xD5;
}

// The letters of one word before p: where it begins, at most kTokenMax back.
std::size_t token_begin(const Ahead& text, std::size_t p) {
  const std::size_t floor = floor_of(p, kTokenMax);
  while (p > floor && (class_at(text.text(), p - 1) & kWord) != 0) --p;
  return p;
}

// A digit or a sign for the letter it is drawn like; other bytes stay.
struct Skeleton {
  std::string word;
  std::size_t latin = 0, alike = 0, other = 0;
  bool cyrillic = false;
};

Skeleton skeleton_of(Ahead& text, std::size_t p, std::size_t& end) {
  Skeleton out;
  for (end = p; end < p + kTokenMax;) {
    const char c = text.at(end);
    if (is_alpha(c)) {
      ++out.latin;
      out.word += fold(c);
      ++end;
    } else if (two_byte_letter(c)) {
      const char next = text.at(end + 1), latin = look_alike(c, next);
      ++(latin == '\0' ? out.other : out.alike);
      out.cyrillic = out.cyrillic || static_cast<unsigned char>(c) >= 0xD0;
      out.word += latin;
      end += 2;
    } else {
      break;
    }
  }
  return out;
}

// Letter by letter: "i g n o r e", with any one separator.
void match_spaced(Ahead& text, std::size_t p, Hits& hits) {
  const char separator = text.at(p + 1);
  const bool inside = text.before(p, 1) == separator && is_alpha(text.before(p, 2)) &&
                      text.before(p, 3) == separator;
  if (inside || !opens_spaced(text.at(p), separator)) return;
  if (!opens_spaced(text.at(p), separator, text.at(p + 2)) || text.at(p + 3) != separator) return;
  std::string word;
  std::size_t end = p;
  for (std::size_t at = p; is_alpha(text.at(at));) {
    word += fold(text.at(at));
    end = ++at;
    if (text.at(at) != separator) break;
    // Between words stand three of them: one is the space of the words themselves.
    at += is_alpha(text.at(at + 1)) || text.at(at + 1) != separator ? 1U : 3U;
  }
  if (word.size() < kSpacedMin || is_alpha(text.at(end))) return;
  for (const std::string_view anchor : kAnchors) {
    if (word.starts_with(anchor)) {
      hits.add(Sign::SpacedLetters, 0.8F, end);
      return;
    }
  }
  if (word.size() >= kSpacedLong) hits.add(Sign::SpacedLetters, 0.6F, end);
}

bool spells_text(unsigned byte) {
  if (byte > 0x7F) return false;
  const char c = static_cast<char>(byte);
  return is_alnum(c) || c == ' ' || c == '.' || c == ',' || c == '\'' || c == '-';
}

// The byte that eight binary digits at p write, or 256.
unsigned binary_byte(Ahead& text, std::size_t p) {
  unsigned value = 0;
  for (std::size_t i = p; i < p + 8; ++i) {
    const char c = text.at(i);
    if (c != '0' && c != '1') return 256;
    value = value << 1U | (c == '1' ? 1U : 0U);
  }
  return value;
}

// Eight binary digits a byte, apart or not, that spell ASCII letters and spaces.
void match_binary(Ahead& text, std::size_t p, Hits& hits) {
  if (is_digit(text.before(p, 1))) return;
  if (p >= 9 && text.before(p, 1) == ' ') {
    Ahead back(text.text().substr(0, p), false, p - 9);
    if (spells_text(binary_byte(back, p - 9))) return;  // part of what begins before
  }
  std::size_t count = 0, at = p, end = p;
  while (spells_text(binary_byte(text, at)) && at < p + kReach - 9) {
    ++count;
    end = at + 8;
    at = text.at(end) == ' ' ? end + 1 : end;
  }
  if (count >= kBinaryMin) hits.add(Sign::BinaryText, 0.6F, end);
}

}  // namespace

std::vector<std::string> disguised_words() {
  std::vector<std::string> words;
  for (const Disguise& disguise : disguises()) words.push_back(disguise.word);
  return words;
}

void match_spelling(Ahead& text, std::size_t p, Hits& hits) {
  const char c = text.at(p);
  if (c == '0' || c == '1') {
    match_binary(text, p, hits);
  } else {
    match_disguise(text, p, hits);
    match_spaced(text, p, hits);
  }
}

// p is a letter of another script with a Latin one before or after it; only the first such place of
// a word counts.
void match_mixed_script(Ahead& text, std::size_t p, Hits& hits) {
  if (!two_byte_letter(text.at(p))) return;
  const std::size_t begin = token_begin(text, p);
  const std::string_view before = text.text().substr(begin, p - begin);
  const auto latin =
      static_cast<std::size_t>(std::count_if(before.begin(), before.end(), is_alpha));
  if (latin != before.size() && latin != 0) return;
  if (latin == 0 && !is_alpha(text.at(p + 2))) return;
  std::size_t end = p;
  const Skeleton skeleton = skeleton_of(text, begin, end);
  if (skeleton.latin < 2 || skeleton.alike == 0 || skeleton.other != 0) return;
  const Vocabulary& words = Vocabulary::get();
  if (skeleton.word.size() >= 4 && words.classes(skeleton.word, false) != 0) {
    hits.add(Sign::HomoglyphWord, 0.85F, end);
  }
  hits.add(Sign::MixedScript, skeleton.cyrillic && skeleton.latin >= 3 ? 0.5F : 0.4F, end);
}

}  // namespace capsem::detect::injection
