// The table of secret families: what each vendor's tokens look like, where a vendor's name has to
// stand near, and how sure a match is. Shapes are facts that the vendors publish or that their
// tokens show; a family may have several.
//
// Scores: a fixed beginning, an exact length and random bytes 0.85 to 0.95; a checksum that passes
// 1.0; a vendor's name near a random value 0.6; an assignment to a name like "password" 0.5.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "core/detect/kinds.h"
#include "core/detect/secrets_checks.h"

namespace capsem::detect::secrets {

// A token that tells what it is.
struct TokenFamily {
  std::string_view name, group;
  std::string_view shape;  // in the notation of secrets_shape.h
  float entropy = 0;       // floor, bits per byte of what the shape does not fix
  float score = 0;
  Check check = Check::None;
};
std::span<const TokenFamily> token_families();

// A value that only a name before it tells of.
struct NamedFamily {
  std::string_view name, group;
  std::string_view word;  // the vendor's name: letters and digits, lower case
  char letter = 'T';      // class of the value's bytes
  std::size_t min = 14, max = 120;
  float score = 0.6F;
  bool exact = false;  // the word ends the assigned name: "AccountKey=", not "AccountKeyOwner"
};
std::span<const NamedFamily> named_families();

// Families that are found by structure: their places in secret_kinds().
struct StructuralKinds {
  std::size_t private_key, database_url, url_password, connection_string, basic_auth, authorization,
      curl_credentials, password, generic;
};
const StructuralKinds& structural_kinds();

// All families, each once, in the order of the tables.
std::span<const Kind> all_kinds();
std::size_t kind_index(std::string_view name);

// The least a match can score and still be reported: an anchored sample from a manual.
inline constexpr float kSampleScore = 0.5F;

}  // namespace capsem::detect::secrets
