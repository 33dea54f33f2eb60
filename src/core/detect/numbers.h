// Entity types that are numbers or short codes. Each function looks at one place and says whether
// its type begins there, without a word character before it; none looks further than 80 bytes on.
// Scores are Presidio's (docs/detection.md) before context.
#pragma once

#include <string_view>

#include "core/detect/chars.h"
#include "core/detect/entity.h"

namespace capsem::detect {

// No number of digits alone of these types has more before context.
inline constexpr TypeMask kWeakNumbers =
    TypeMask::of(EntityType::UsSsn, EntityType::UsBankNumber, EntityType::UsPassport,
                 EntityType::UsDriverLicense);
inline constexpr float kWeakScoreMax = 0.05F;
inline constexpr std::size_t kCryptoMin = 26;  // shorter tokens are no address

// REQUIRES of all three: s[p] is the first digit of a token of digits.
Match match_credit_card(std::string_view s, std::size_t p);
Match match_us_ssn(std::string_view s, std::size_t p);
Match match_us_bank_number(std::string_view s, std::size_t p);

// REQUIRES: [p, end) is a whole token of ASCII letters and digits.
Match match_us_passport(std::string_view s, std::size_t p, std::size_t end);
Match match_us_driver_license(std::string_view s, std::size_t p, std::size_t end);
Match match_crypto(std::string_view s, std::size_t p, std::size_t end);

// REQUIRES: s[p] is the first character of a token.
Match match_iban(std::string_view s, std::size_t p);

// Whether a card or an IBAN whose check digits fit begins before `begin` and reaches to `end`: then
// the digits there are its own.
bool inside_checked_number(std::string_view s, std::size_t begin, std::size_t end);

}  // namespace capsem::detect
