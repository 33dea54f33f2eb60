// Check digits and checksums of the entity types. All take the characters without separators.
#pragma once

#include <initializer_list>
#include <span>
#include <string_view>

namespace capsem::detect {

// Luhn (ISO/IEC 7812-1) over decimal digits.
bool luhn_ok(std::string_view digits);

// Verhoeff: the dihedral group D5 with a permutation of period 8, over decimal digits.
bool verhoeff_ok(std::string_view digits);

// ISO/IEC 7064 mod 11,10 over decimal digits, the check digit last.
bool mod11_10_ok(std::string_view digits);

// The sum of digits[i] * weights[i]. REQUIRES: as many digits as weights, or more.
unsigned weighted_sum(std::string_view digits, std::span<const unsigned> weights);
unsigned weighted_sum(std::string_view digits, std::initializer_list<unsigned> weights);

// ISO 7064 mod 97-10 over letters and digits, the first four characters moved to the end.
// REQUIRES: upper-case letters and digits, at least 5.
bool mod97_ok(std::string_view iban);

// Base58Check: 25 bytes whose last four are the double SHA-256 of the others.
bool base58check_ok(std::string_view text);

// BIP 173 / BIP 350: a segregated-witness address (bech32 for version 0, bech32m above).
bool bech32_ok(std::string_view text);

}  // namespace capsem::detect
