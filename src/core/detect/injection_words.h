// The vocabulary of the phrase rules: each word belongs to classes, and rules speak of classes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/detect/injection_classes.h"
#include "core/detect/injection_plain_word.h"
#include "core/detect/injection_scan.h"

namespace capsem::detect::injection {

// Built once, then constant.
class Vocabulary {
 public:
  static const Vocabulary& get();

  // Of a folded word; `capitals` says that it was written in capitals alone.
  WordClasses classes(std::string_view word, bool capitals) const;
  // Of a word that the text has written so.
  WordClasses classes(const PlainWord& word, std::string_view written) const {
    const std::uint64_t hash = hash_of(word);
    return plain_words_.has(hash) ? classes(word, hash, written) : 0;
  }

  template <class Visit>
  void each_word(Visit visit) const {
    for (const Slot& slot : slots_) {
      if (!slot.word.empty()) visit(slot.word, slot.classes | slot.in_capitals);
    }
  }

 private:
  struct Slot {
    std::string word;
    WordClasses classes = 0, in_capitals = 0;
  };
  static constexpr std::size_t kSlots = 2048;

  // What of the vocabulary is plain, again.
  struct PlainSlot {
    PlainWord word;
    WordClasses classes = 0, in_capitals = 0;
  };

  Vocabulary();
  Slot& slot_of(std::string_view word);
  void add_plain(const Slot& slot);
  WordClasses classes(const PlainWord& word, std::uint64_t hash, std::string_view written) const;

  std::vector<Slot> slots_;
  std::vector<PlainSlot> plain_;
  HashSet plain_words_;  // most words of a text are in neither
};

inline constexpr std::size_t kWordMax = 40;  // bytes; longer ones are no words

// A word as it is compared: letters folded, apostrophes left out.
struct Word {
  std::array<char, kWordMax> text;
  std::size_t size = 0;
  std::size_t begin = 0, end = 0;
  bool capitals = false;
  std::string_view view() const { return {text.data(), size}; }
};

// Reads the word at p; size 0 if there is none.
Word word_at(Ahead& text, std::size_t p);

// What a word is to the rules; `end` 0 if there is none.
struct ClassedWord {
  WordClasses classes = 0;
  std::size_t end = 0;
};
ClassedWord classed_word_at(Ahead& text, std::size_t p);
// The next word at or after p of the same sentence.
ClassedWord next_classed_word(Ahead& text, std::size_t p);
// The place of the next word at or after p. `sentence_ends` says that a sentence ends before it;
// then, and where there is no word near, the place is of no use.
std::size_t next_word(Ahead& text, std::size_t p, bool& sentence_ends);

}  // namespace capsem::detect::injection
