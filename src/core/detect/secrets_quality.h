// How much a value looks like a secret, and how much like what documentation puts in its place.
#pragma once

#include <cstdint>
#include <string_view>

namespace capsem::detect::secrets {

// Shannon's entropy of the bytes, in bits per byte. 0 for the empty text.
float entropy(std::string_view value);

enum class Likeness : std::uint8_t {
  Secret,
  Sample,       // letters in order, "example" inside: a secret from a manual, or a careless one
  Placeholder,  // "xxxx", "<token>", "${TOKEN}", "your-key-here"
};
Likeness likeness(std::string_view value);

// A word that stands where a password would, in forms, schemas and examples ("changeme").
bool is_stop_word(std::string_view value);

bool is_uuid(std::string_view value);

// What a value is made of.
struct Makeup {
  std::size_t digits = 0, lower = 0, upper = 0, signs = 0;  // signs: everything else
};
Makeup makeup(std::string_view value);

// Letters and digits mixed as chance mixes them, not as words and numbers follow each other.
bool looks_random(std::string_view value);

// `needle`, in lower case, stands in `text`, letter case ignored.
bool contains_folded(std::string_view text, std::string_view needle);

}  // namespace capsem::detect::secrets
