// Context words: a weak score rises when a word that names the entity stands shortly before it.
//
// The window is the token at the match's beginning and the five nearest keywords before it; stop
// words and punctuation are not counted, words end at ':' (Presidio's rule). A listed word counts
// anywhere inside a window word ("card" in "creditcard"), except the short ones, which must begin
// the word ("lic") or be it ("pan"): inside others they are noise. Beyond Presidio, two words that
// name an entity together count where they stand together ("national insurance").
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/detect/context_words.h"
#include "core/detect/entity.h"

namespace capsem::detect {

inline constexpr float kContextBoost = 0.35F, kContextMin = 0.4F;
// A phrase that names the number ("account number", "passport no.") directly before it.
inline constexpr float kPhraseScore = 0.65F;

// What was found in words before: keys of JSON records come again with every record. Exact: a word
// of up to sixteen bytes, letter case aside, is its own key.
struct ContextMemo {
  struct Key {
    std::uint64_t low = 0, high = 0;
    bool operator==(const Key&) const = default;
  };
  template <class Value, std::size_t N>
  struct Table {
    struct Entry {
      Key key;
      Value value;
    };
    std::array<Entry, N> entries;
    Value long_one;  // the last word that is no key
  };
  Table<ContextWord, 256> words;
  Table<ContextNoun, 64> nouns;
};

// Types whose context words stand before (or at) the match that begins at p.
TypeMask context_types(std::string_view text, std::size_t p, ContextMemo& memo);

// Types whose number a phrase directly before p announces.
TypeMask phrase_types(std::string_view text, std::size_t p, ContextMemo& memo);

}  // namespace capsem::detect
