#include "core/detect/injection_words.h"

#include <iterator>

#include "core/base/hash.h"
#include "core/detect/injection_classes.h"

namespace capsem::detect::injection {
namespace {

constexpr std::size_t kBetweenWordsMax = 48;  // bytes of spaces and punctuation

std::uint64_t hash_of(std::string_view word) {
  std::uint64_t h = 0xcbf29ce484222325ULL;
  for (const char c : word) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return mix64(h);
}

template <class Visit>
void each_listed(std::string_view list, Visit visit) {
  while (!list.empty()) {
    const std::size_t end = list.find(' ');
    if (const auto word = list.substr(0, end); !word.empty()) visit(word);
    list = end == std::string_view::npos ? "" : list.substr(end + 1);
  }
}

// Letters of words: ASCII, digits, and the scripts that put words apart. Signs and ideographs end
// them.
bool in_word(char c) {
  return c != '_' && (class_of(c) & kWord) != 0;
}

bool is_apostrophe(Ahead& text, std::size_t p) {
  return text.at(p) == '\'' ||
         (text.at(p) == '\xE2' && text.at(p + 1) == '\x80' && text.at(p + 2) == '\x99');
}

// Capitals of Latin with marks and of Cyrillic: what follows the lead byte tells.
void fold_two_bytes(char& lead, char& next) {
  const auto c = static_cast<unsigned char>(next);
  if (lead == '\xC3' && c >= 0x80 && c <= 0x9E) {
    next = static_cast<char>(c + 0x20);
  } else if (lead == '\xD0' && c >= 0x90 && c <= 0x9F) {
    next = static_cast<char>(c + 0x20);
  } else if (lead == '\xD0' && c >= 0xA0 && c <= 0xAF) {
    lead = '\xD1';
    next = static_cast<char>(c - 0x20);
  }
}

}  // namespace

const Vocabulary& Vocabulary::get() {
  static const Vocabulary vocabulary;
  return vocabulary;
}

Vocabulary::Vocabulary() : slots_(kSlots) {
  for (std::size_t i = 0; i < std::size(kWordClasses); ++i) {
    const WordClasses bit = WordClasses{1} << i;
    each_listed(kWordClasses[i].words, [&](std::string_view word) {
      if (word[0] == '^') {
        slot_of(word.substr(1)).in_capitals |= bit;
      } else {
        slot_of(word).classes |= bit;
      }
    });
  }
}

Vocabulary::Slot& Vocabulary::slot_of(std::string_view word) {
  std::size_t i = hash_of(word) % kSlots;
  while (!slots_[i].word.empty() && slots_[i].word != word) i = (i + 1) % kSlots;
  slots_[i].word = word;
  return slots_[i];
}

WordClasses Vocabulary::classes(std::string_view word, bool capitals) const {
  if (word.empty()) return 0;
  for (std::size_t i = hash_of(word) % kSlots; !slots_[i].word.empty(); i = (i + 1) % kSlots) {
    if (slots_[i].word == word) {
      return slots_[i].classes | (capitals ? slots_[i].in_capitals : 0);
    }
  }
  return 0;
}

Word word_at(Ahead& text, std::size_t p) {
  Word word;
  word.begin = word.end = p;
  word.capitals = true;
  for (;;) {
    char c = text.at(word.end);
    const bool continues = is_continuation(c) && word.size > 0 && word.text[word.size - 1] < 0;
    if (!in_word(c) && !continues) {
      if (word.size == 0 || !is_apostrophe(text, word.end)) break;
      const std::size_t after = word.end + (text.at(word.end) == '\'' ? 1U : 3U);
      if (!is_alpha(text.at(after))) break;
      word.end = after;
      continue;
    }
    if (word.size == kWordMax) return {};
    if (is_lower(c)) word.capitals = false;
    c = fold(c);
    if (continues) fold_two_bytes(word.text[word.size - 1], c);
    word.text[word.size++] = c;
    ++word.end;
  }
  return word;
}

std::size_t next_word(Ahead& text, std::size_t p, bool& sentence_ends) {
  sentence_ends = false;
  for (const std::size_t begin = p; p < begin + kBetweenWordsMax; ++p) {
    const char c = text.at(p);
    if (c == '\0' || in_word(c)) return p;
    const char next = text.at(p + 1);
    const bool stop = c == '.' || c == '!' || c == '?';
    if ((stop && (next == ' ' || next == '\n')) || (c == '\n' && next == '\n')) {
      sentence_ends = true;
      return p;
    }
  }
  sentence_ends = true;
  return p;
}

}  // namespace capsem::detect::injection
