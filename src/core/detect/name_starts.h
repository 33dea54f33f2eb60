// Where a name may begin or end that no capital of ASCII shows: with a letter that has marks
// ("Žarko"), in lower case behind "my name is" and its like, or as names of peoples do ("spanish").
// Found in the pass over all bytes, so that texts without such pay next to nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/detect/trigger.h"

namespace capsem::detect {

struct NameStarts {
  std::uint64_t marked = 0;  // bytes that letters with marks begin with
  // Small letters that begin a word behind "name is ", "calls me ", "i am ".
  std::uint64_t hinted = 0;
  // Last small letters of words that end in "-an", "-ans", "-ish", "-ese", "-i", "-ch" or "-ek";
  // short ones, the commonest, are left out.
  std::uint64_t peoples = 0;

  bool any() const { return (marked | hinted | peoples) != 0; }
};

// Whether a whole word in lower case is one of peoples.
bool ends_as_peoples(std::string_view word);

// `bytes` hold the block of s at p behind `shift` others; `lower`: its small letters.
NameStarts name_starts(std::string_view s, std::size_t p, const char* bytes, unsigned shift,
                       std::uint64_t lower);

}  // namespace capsem::detect
