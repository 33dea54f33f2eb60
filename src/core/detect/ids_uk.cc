#include <algorithm>
#include <array>

#include "core/detect/checksum.h"
#include "core/detect/ids.h"

namespace capsem::detect {
namespace {
using enum EntityType;

int two_digits(std::string_view code, std::size_t at) {
  return (code[at] - '0') * 10 + (code[at + 1] - '0');
}

float nhs(const Candidate& c) {
  static constexpr std::array<unsigned, 10> kWeights = {10, 9, 8, 7, 6, 5, 4, 3, 2, 1};
  return c.pass_if(weighted_sum(c.code, kWeights) % 11 == 0);
}

// Prefixes that are never given out.
float nino(const Candidate& c) {
  for (const std::string_view never : {"BG", "GB", "NK", "KN", "NT", "TN", "ZZ"}) {
    if (c.code.starts_with(never)) return 0;
  }
  return c.score;
}

// Surname filled up with nines; month of birth, plus 50 for women; day.
float driving_licence(const Candidate& c) {
  const std::string_view surname = c.code.substr(0, 5);
  const std::size_t letters = std::min<std::size_t>(surname.find('9'), 5);
  const int month = two_digits(c.code, 6) % 50, day = two_digits(c.code, 8);
  return c.keep_if(surname.find_first_not_of('9', letters) == std::string_view::npos &&
                   two_digits(c.code, 6) <= 62 && month >= 1 && month <= 12 && day >= 1 &&
                   day <= 31);
}

// The half-year of the plate: March as the year, September plus 50; from 2001 on.
float current_plate(const Candidate& c) {
  const int age = two_digits(c.code, 2);
  return c.pass_if((age >= 2 && age <= 29) || (age >= 51 && age <= 79));
}

constexpr auto kRows = std::to_array<IdRow>({
    {UkNhs, "999[ -]?999[ -]?9*4", 0.5F, nhs},
    {UkNino, "[A-CEGHJ-PRSTW-Z][A-CEGHJ-NPRSTW-Z] ?99 ?99 ?99 ?[A-D]", 0.5F, nino},
    {UkPassport, "AA9*7", 0.1F},
    {UkPostcode, "[A-PR-UWYZ]9[A-HJKPSTUW]? ?9[ABD-HJLNP-UW-Z][ABD-HJLNP-UW-Z]", 0.1F},
    {UkPostcode, "[A-PR-UWYZ]99 ?9[ABD-HJLNP-UW-Z][ABD-HJLNP-UW-Z]", 0.1F},
    {UkPostcode, "[A-PR-UWYZ][A-HK-Y]9[ABEHMNPRV-Y]? ?9[ABD-HJLNP-UW-Z][ABD-HJLNP-UW-Z]", 0.1F},
    {UkPostcode, "[A-PR-UWYZ][A-HK-Y]99 ?9[ABD-HJLNP-UW-Z][ABD-HJLNP-UW-Z]", 0.1F},
    {UkPostcode, "{GIR} ?{0AA}", 0.1F},
    {UkDrivingLicence, "A[A-Z9]*4[0-9][0156]9[0-3]99[A-Z9][A-Z9]XAA", 0.5F, driving_licence},
    {UkVehicleRegistration, "[A-HJ-PR-Y][A-HJ-PR-Y]99[ -]?[A-HJ-PR-Z]*3", 0.3F, current_plate},
    {UkVehicleRegistration, "[A-HJ-NPRSTV-Y]9*1~3[ -]?[A-HJ-PR-Y][A-HJ-PR-Z]*2", 0.2F},
    {UkVehicleRegistration, "[A-HJ-PR-Z]*3[ -]?9*1~3[A-HJ-NPRSTV-Y]", 0.15F},
});

}  // namespace

std::span<const IdRow> uk_ids() {
  return kRows;
}

}  // namespace capsem::detect
