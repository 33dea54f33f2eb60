#include <algorithm>
#include <array>

#include "core/detect/checksum.h"
#include "core/detect/ids.h"

namespace capsem::detect {
namespace {
using enum EntityType;

// American Bankers Association: weights 3, 7, 1.
float aba(const Candidate& c) {
  return c.pass_if(weighted_sum(c.code, {3, 7, 1, 3, 7, 1, 3, 7, 1}) % 10 == 0);
}

// Drug Enforcement Administration: two letters (or a letter and 9), seven digits.
float dea(const Candidate& c) {
  const std::string_view digits = c.code.substr(2);
  return c.pass_if(weighted_sum(digits, {1, 2, 1, 2, 1, 2}) % 10 ==
                   static_cast<unsigned>(digits[6] - '0'));
}

// The groups that the tax office gives out; two separators say more than none, one is odd.
float itin(const Candidate& c) {
  const int group = (c.code[3] - '0') * 10 + (c.code[4] - '0');
  const bool given =
      (group >= 50 && group <= 65) || (group >= 70 && group <= 88) || (group >= 90 && group != 93);
  if (!given) return 0;
  const std::size_t separators = c.raw.size() - c.code.size();
  return separators == 2 ? 0.5F : separators == 0 ? 0.3F : 0.05F;
}

// Luhn over the number as an ISO card number of the health sector (80840).
float npi(const Candidate& c) {
  const bool all_equal = c.code.substr(1, 8).find_first_not_of(c.code[0]) == std::string_view::npos;
  unsigned sum = 24;  // of 80840
  for (std::size_t i = 0; i < 10; ++i) {
    const auto digit = static_cast<unsigned>(c.code[i] - '0');
    sum += i % 2 != 0 ? digit : digit * 2 / 10 + digit * 2 % 10;
  }
  return c.pass_if(!all_equal && sum % 10 == 0);
}

constexpr auto kRows = std::to_array<IdRow>({
    {AbaRoutingNumber, "[0-36-8]9*8", 0.05F, aba},
    {AbaRoutingNumber, "[0-36-8]9*3-9*4-9", 0.3F, aba},
    {MedicalLicense, "[A-HJ-MPRSTUX]A9*7", 0.4F, dea},
    {MedicalLicense, "[A-HJ-MPRSTUX]{9}9*7", 0.4F, dea},
    {UsItin, "{9}99[ -]?[5-9]9[ -]?9*4", 0.5F, itin},
    // Letters but S, L, O, I, B, Z.
    {UsMbi,
     "[1-9][AC-HJKMNPQRT-Y][0-9AC-HJKMNPQRT-Y]9[AC-HJKMNPQRT-Y][0-9AC-HJKMNPQRT-Y]9"
     "[AC-HJKMNPQRT-Y][AC-HJKMNPQRT-Y]99",
     0.3F},
    {UsMbi,
     "[1-9][AC-HJKMNPQRT-Y][0-9AC-HJKMNPQRT-Y]9-[AC-HJKMNPQRT-Y][0-9AC-HJKMNPQRT-Y]9-"
     "[AC-HJKMNPQRT-Y][AC-HJKMNPQRT-Y]99",
     0.5F},
    {UsNpi, "[12]9*9", 0.1F, npi},
    {UsNpi, "[12]999[ -]999[ -]999", 0.4F, npi},
});

}  // namespace

std::span<const IdRow> us_ids() {
  return kRows;
}

}  // namespace capsem::detect
