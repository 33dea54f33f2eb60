// What is known of a name by its fingerprint: a hash table of 20-bit fingerprints and flags, made
// by `make train-names`. It cannot be read back into names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/base/hash.h"
#include "core/detect/chars.h"

namespace capsem::detect {

inline constexpr std::uint32_t kFirstName = 1, kSurname = 2, kPlace = 4,
                               kCommonWord = 8,  // also a word of everyday text
    kStrongFirstName = 16,                       // among the commonest
    kSurePlace = 32,                             // a country, a large city
    kRareSurname = 64,                           // in a census, but seldom
    kGroup = 128,                                // a nation's adjective, a faith, a party
    kOrganisation = 256,                         // "inc", "university", "bank"
    kStrongSurname = 512, kProduct = 1024,
                               kHonorific = 2048;  // among the commonest

// The hash of words joined by single spaces; ASCII letters in either case are the same.
constexpr std::uint64_t name_hash(std::string_view words) {
  std::uint64_t h = 0xcbf29ce484222325ULL;
  for (const char c : words) h = (h ^ static_cast<unsigned char>(fold(c))) * 0x100000001b3ULL;
  return mix64(h);
}

std::uint32_t name_flags(std::uint64_t hash);
inline std::uint32_t name_flags(std::string_view words) {
  return name_flags(name_hash(words));
}

}  // namespace capsem::detect
