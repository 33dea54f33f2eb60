// The vocabulary of the phrase rules: each word belongs to classes, and rules speak of classes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/detect/injection_classes.h"
#include "core/detect/injection_scan.h"

namespace capsem::detect::injection {

// Built once, then constant.
class Vocabulary {
 public:
  static const Vocabulary& get();

  // Of a folded word; `capitals` says that it was written in capitals alone.
  WordClasses classes(std::string_view word, bool capitals) const;

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

  Vocabulary();
  Slot& slot_of(std::string_view word);

  std::vector<Slot> slots_;
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
// The place of the next word at or after p. `sentence_ends` says that a sentence ends before it;
// then, and where there is no word near, the place is of no use.
std::size_t next_word(Ahead& text, std::size_t p, bool& sentence_ends);

}  // namespace capsem::detect::injection
