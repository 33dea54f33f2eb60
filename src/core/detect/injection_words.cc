#include "core/detect/injection_words.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "core/detect/injection_classes.h"

namespace capsem::detect::injection {
namespace {

constexpr std::size_t kBetweenWordsMax = 48;  // bytes of spaces and punctuation

std::uint64_t hash_of_letters(std::string_view word) {
  constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15ULL;
  std::uint64_t h = word.size();
  std::uint64_t eight = 0;
  for (; word.size() > 8; word.remove_prefix(8)) {
    std::memcpy(&eight, word.data(), 8);
    h = (h ^ eight) * kOdd;
    h ^= h >> 32;
  }
  std::uint64_t rest = 0;
  for (std::size_t i = word.size(); i-- > 0;)
    rest = rest << 8 | static_cast<unsigned char>(word[i]);
  return (h ^ rest) * kOdd >> 40;
}

template <class Visit>
void each_listed(std::string_view list, Visit visit) {
  while (!list.empty()) {
    const std::size_t end = list.find(' ');
    if (const auto word = list.substr(0, end); !word.empty()) visit(word);
    list = end == std::string_view::npos ? "" : list.substr(end + 1);
  }
}

// The filter takes longer words for none.
constexpr bool each_fits(std::string_view list) {
  for (std::size_t at = 0; at < list.size();) {
    const std::size_t end = std::min(list.find(' ', at), list.size());
    const bool plain = static_cast<unsigned char>(list[at]) < 0x80;
    if (plain && end - at > PlainWord::kSizeMax) return false;
    at = end + 1;
  }
  return true;
}
static_assert(std::ranges::all_of(kWordClasses,
                                  [](const WordClass& c) { return each_fits(c.words); }));

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

// The common word: ASCII, and something other than a letter of any script or an apostrophe behind
// it. size 0: it is not one.
Word plain_word(std::string_view s, std::size_t p) {
  Word word;
  word.begin = p;
  word.capitals = true;
  const std::size_t most = std::min(s.size(), kWordMax);
  std::size_t i = 0;
  for (; i < most && is_alnum(s[i]); ++i) {
    word.text[i] = fold(s[i]);
    word.capitals = word.capitals && !is_lower(s[i]);
  }
  const bool ends = i < most && static_cast<unsigned char>(s[i]) < 0x80 && s[i] != '\'';
  word.size = ends ? i : 0;
  word.end = p + word.size;
  return word;
}

}  // namespace

const Vocabulary& Vocabulary::get() {
  static const Vocabulary vocabulary;
  return vocabulary;
}

Vocabulary::Vocabulary() : slots_(kSlots), plain_(kSlots) {
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
  for (const Slot& slot : slots_) add_plain(slot);
}

void Vocabulary::add_plain(const Slot& slot) {
  const PlainWord word = slot.word.empty() ? PlainWord() : plain_word_at(slot.word, 0);
  if (word.size == 0 || word.size != slot.word.size()) return;
  const std::uint64_t hash = hash_of(word);
  std::size_t i = hash >> 32;
  while (plain_[i % kSlots].word.size != 0) ++i;
  plain_[i % kSlots] = {word, slot.classes, slot.in_capitals};
  plain_words_.add(hash);
}

WordClasses Vocabulary::classes(const PlainWord& word, std::uint64_t hash,
                                std::string_view written) const {
  for (std::size_t i = hash >> 32; plain_[i % kSlots].word.size != 0; ++i) {
    const PlainSlot& slot = plain_[i % kSlots];
    if (slot.word != word) continue;
    const bool capitals = slot.in_capitals != 0 && std::ranges::none_of(written, is_lower);
    return slot.classes | (capitals ? slot.in_capitals : 0);
  }
  return 0;
}

Vocabulary::Slot& Vocabulary::slot_of(std::string_view word) {
  std::size_t i = hash_of_letters(word) % kSlots;
  while (!slots_[i].word.empty() && slots_[i].word != word) i = (i + 1) % kSlots;
  slots_[i].word = word;
  return slots_[i];
}

WordClasses Vocabulary::classes(std::string_view word, bool capitals) const {
  if (word.empty()) return 0;
  for (std::size_t i = hash_of_letters(word) % kSlots; !slots_[i].word.empty();
       i = (i + 1) % kSlots) {
    if (slots_[i].word == word) {
      return slots_[i].classes | (capitals ? slots_[i].in_capitals : 0);
    }
  }
  return 0;
}

Word word_at(Ahead& text, std::size_t p) {
  Word word = plain_word(text.there(p), p);
  if (word.size != 0) return word;
  word.end = p;
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

ClassedWord classed_word_at(Ahead& text, std::size_t p) {
  const std::string_view there = text.within_reach();
  const PlainWord plain = p < there.size() ? plain_word_at(there, p) : PlainWord();
  const std::size_t end = p + plain.size;
  if (plain.size != 0 && plain.size <= PlainWord::kSizeMax && ends_plainly(there, end)) {
    return {Vocabulary::get().classes(plain, there.substr(p, plain.size)), end};
  }
  const Word word = word_at(text, p);
  if (word.size == 0) return {};
  return {Vocabulary::get().classes(word.view(), word.capitals), word.end};
}

ClassedWord next_classed_word(Ahead& text, std::size_t p) {
  const std::string_view there = text.within_reach();
  if (p + 1 < there.size() && there[p] == ' ' && is_alnum(there[p + 1])) {
    return classed_word_at(text, p + 1);
  }
  bool stop = false;
  p = next_word(text, p, stop);
  return stop ? ClassedWord{} : classed_word_at(text, p);
}

}  // namespace capsem::detect::injection
