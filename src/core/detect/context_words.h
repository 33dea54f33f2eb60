// What words of a text say of a number near them: which types they name, alone or with the word
// beside them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/detect/entity.h"

namespace capsem::detect {

// Longer words are identifiers and blobs, not context: only their last letters are looked at.
inline constexpr std::size_t kContextWordMax = 40;

struct ContextWord {
  TypeMask types;           // that it names
  std::uint64_t parts = 0;  // words of phrases that it holds
  bool stop = false;        // no keyword at all
};

// REQUIRES: at most kContextWordMax bytes, in lower case.
ContextWord context_word(std::string_view word);

// Types named by phrases that begin in a word with the parts `first` and end in it or the next.
TypeMask phrases_of(std::uint64_t first, std::uint64_t second);

// What a word before a number may be: a noun that announces types, or nothing but a filler
// ("number", "is").
struct ContextNoun {
  TypeMask types;
  bool filler = false;
};
ContextNoun context_noun(std::string_view word);

// Types that have context words at all.
TypeMask types_with_context();

}  // namespace capsem::detect
