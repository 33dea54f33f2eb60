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

#include "core/detect/entity.h"

namespace capsem::detect {

inline constexpr float kContextBoost = 0.35F, kContextMin = 0.4F;
// A phrase that names the number ("account number", "passport no.") directly before it.
inline constexpr float kPhraseScore = 0.65F;

// What one word of the text says.
struct ContextWord {
  TypeMask types;           // that it names
  std::uint64_t parts = 0;  // words of phrases that it holds
  bool stop = false;        // no keyword at all
};

// What was found in short words before: keys of JSON records come again with every record. Exact:
// a word of up to eight bytes is its own key.
// Windows of neighbouring numbers overlap: words are remembered by place, too, within one scan.
struct ContextMemo {
  struct Entry {
    std::uint64_t key = 0;
    ContextWord word;
  };
  struct Place {
    std::uint64_t scan = 0;
    std::size_t begin = 0, end = 0;
    ContextWord word;
  };
  struct Noun {
    std::uint64_t key = 0;
    TypeMask types;
    bool filler = false;  // "number", "is": says nothing
  };
  std::array<Noun, 64> nouns;
  std::array<Entry, 256> entries;
  std::array<Place, 64> places;
  std::uint64_t scan = 0;  // raised by whoever scans another text
};

// Types whose context words stand before (or at) the match that begins at p.
TypeMask context_types(std::string_view text, std::size_t p, ContextMemo& memo);

// Types whose number a phrase directly before p announces.
TypeMask phrase_types(std::string_view text, std::size_t p, ContextMemo& memo);

// Types that have context words at all.
TypeMask types_with_context();

}  // namespace capsem::detect
