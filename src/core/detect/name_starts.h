// Where a name may begin that no capital of ASCII shows: with a letter that has marks ("Žarko"), or
// in lower case behind "my name is" and its like. Found in the pass over all bytes, so that texts
// without such pay next to nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/detect/trigger.h"

namespace capsem::detect {

// Bytes that begin a capital with marks, or a small letter with them.
inline std::uint64_t marked_letters(const char* bytes) {
  return block_equals(bytes, '\xC3') | block_equals(bytes, '\xC4') | block_equals(bytes, '\xC5');
}

// The letters of `lower` that begin a word behind "is ", "me ", "am " or "'m ".
// `bytes`: the block of s at p.
std::uint64_t words_after_hints(std::string_view s, std::size_t p, const char* bytes,
                                std::uint64_t lower);

// Last letters of the words of `lower` that end as names of peoples do: "-an", "-ans", "-ish",
// "-ese", "-i", "-ch", "-ek"; short words, the commonest, are left out.
std::uint64_t people_ends(std::string_view s, std::size_t p, const char* bytes,
                          std::uint64_t lower);

}  // namespace capsem::detect
