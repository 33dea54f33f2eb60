#include <algorithm>
#include <array>

#include "core/detect/checksum.h"
#include "core/detect/ids.h"

namespace capsem::detect {
namespace {
using enum EntityType;

unsigned digit(char c) {
  return static_cast<unsigned>(c - '0');
}
unsigned letter(char c) {  // A is 1
  return static_cast<unsigned>(c - 'A') + 1;
}
unsigned cross_sum(unsigned n) {
  return n / 10 + n % 10;
}

float tax_id(const Candidate& c) {
  std::array<unsigned, 10> count{};
  for (const char d : c.code.substr(0, 10)) ++count[digit(d)];
  const bool varied = std::ranges::all_of(count, [](unsigned n) { return n <= 3; });
  return c.pass_if(varied && mod11_10_ok(c.code));
}

float vat_id(const Candidate& c) {
  return c.raise_if(mod11_10_ok(c.code.substr(2)));
}

// The federal state is the first two digits.
float tax_number(const Candidate& c) {
  const unsigned state = digit(c.code[0]) * 10 + digit(c.code[1]);
  return c.keep_if(state >= 1 && state <= 16);
}

// ICAO 9303: weights 7, 3, 1; letters from A = 10. The last is the check digit.
float icao(const Candidate& c) {
  constexpr std::array<unsigned, 3> kWeights = {7, 3, 1};
  unsigned sum = 0;
  for (std::size_t i = 0; i + 1 < c.code.size(); ++i) {
    const char at = c.code[i];
    sum += (is_digit(at) ? digit(at) : letter(at) + 9) * kWeights[i % 3];
  }
  return c.pass_if(is_digit(c.code.back()) && sum % 10 == digit(c.code.back()));
}

// Area, birthday, initial, serial, check digit.
float social_security(const Candidate& c) {
  const unsigned day = digit(c.code[2]) * 10 + digit(c.code[3]);
  const unsigned month = digit(c.code[4]) * 10 + digit(c.code[5]);
  if (month < 1 || month > 12 || day % 50 < 1 || day % 50 > 31 || day > 81) return 0;
  constexpr std::array<unsigned, 12> kWeights = {2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1};
  const unsigned initial = letter(c.code[8]);
  unsigned sum = cross_sum(initial / 10 * kWeights[8]) + cross_sum(initial % 10 * kWeights[9]);
  for (std::size_t i = 0; i < 8; ++i) sum += cross_sum(digit(c.code[i]) * kWeights[i]);
  for (std::size_t i = 9; i < 11; ++i) sum += cross_sum(digit(c.code[i]) * kWeights[i + 1]);
  return c.pass_if(sum % 10 == digit(c.code[11]));
}

float health_insurance(const Candidate& c) {
  const unsigned initial = letter(c.code[0]);
  unsigned sum = initial / 10 + cross_sum(initial % 10 * 2);
  for (std::size_t i = 1; i < 9; ++i) sum += cross_sum(digit(c.code[i]) * (i % 2 != 0 ? 1 : 2));
  return c.pass_if(sum % 10 == digit(c.code[9]));
}

float physician(const Candidate& c) {
  const unsigned sum = weighted_sum(c.code, {4, 9, 4, 9, 4, 9});
  return c.pass_if((10 - sum % 10) % 10 == digit(c.code[6]));
}

float not_all_zero(const Candidate& c) {
  return c.keep_if(c.code.find_first_not_of('0') != std::string_view::npos);
}

float postcode(const Candidate& c) {
  return c.keep_if(c.code >= "01001" && c.code <= "99998");
}

constexpr auto kRows = std::to_array<IdRow>({
    {DeTaxId, "[1-9]9*10", 0.5F, tax_id},
    {DeTaxNumber, "[01]9*12", 0.5F, tax_number},
    {DeTaxNumber, "99/9*3~4/9*4~5", 0.2F},
    {DeTaxNumber, "999/9*3~4/9*4~5", 0.2F},
    {DeVatId, "{DE}[ .-]?999[ .-]?999[ .-]?999", 0.5F, vat_id},
    {DeIdCard, "[CFGHJ-NPRTV-Z][0-9CFGHJ-NPRTV-Z]*7[0-9]", 0.4F, icao},
    {DeIdCard, "{T}9*8", 0.5F},
    {DePassport, "[CFGHJ-NPRTV-Z][0-9CFGHJ-NPRTV-Z]*7[0-9]", 0.4F, icao},
    {DeSocialSecurity, "9*8A999", 0.5F, social_security},
    {DeHealthInsurance, "A9*9", 0.3F, health_insurance},
    {DeLanr, "9*9", 0.3F, physician},
    {DeBsnr, "9*9", 0.2F, not_all_zero},
    {DeHandelsregister, "{HR}[AB] ?9*1~6", 0.5F},
    {DeKfz, "A*1~3[ -]A*1~2[ -]9*1~4[EH]?", 0.3F},
    {DePlz, "9*5", 0.05F, postcode},
    {DeFuehrerschein, "AA9*8X", 0.35F},
});

}  // namespace

std::span<const IdRow> german_ids() {
  return kRows;
}

}  // namespace capsem::detect
