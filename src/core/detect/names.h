// PERSON and LOCATION by rules and a table of names. (A trained tagger takes this place later.)
//
// A name begins where the words say so by themselves and their neighbours, so that the answer does
// not depend on how the text came. Looks at most 6 words, 160 bytes, in either direction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/detect/chars.h"

namespace capsem::detect {

inline constexpr float kNameScore = 0.85F;

// What the table knows of a word, or of words joined by single spaces.
inline constexpr std::uint32_t kFirstName = 1, kSurname = 2, kPlace = 4, kCommonWord = 8,
                               kStrongFirstName = 16, kSurePlace = 32;
std::uint32_t name_flags(std::string_view words);

// REQUIRES of both: s[p] is an upper-case letter with no word character before it.
Match match_person(std::string_view s, std::size_t p);
Match match_location(std::string_view s, std::size_t p);

// "de", "van", ...: lower-case words inside names. `part`: the beginning of one is enough.
bool is_particle(std::string_view word, bool part);

}  // namespace capsem::detect
