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
unsigned two_digits(std::string_view code, std::size_t at) {
  return digit(code[at]) * 10 + digit(code[at + 1]);
}
bool day_and_month(unsigned day, unsigned month) {
  constexpr std::array<unsigned, 13> kDays = {0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month >= 1 && month <= 12 && day >= 1 && day <= kDays[month];
}

float spanish(const Candidate& c) {
  unsigned number = 0;
  std::string_view digits = c.code.substr(0, c.code.size() - 1);
  if (!is_digit(digits[0])) {  // X, Y, Z stand for 0, 1, 2
    number = static_cast<unsigned>(digits[0] - 'X');
    digits.remove_prefix(1);
  }
  for (const char d : digits) number = number * 10 + digit(d);
  return c.pass_if(c.code.back() == std::string_view("TRWAGMYFPDXBNJZSQVHLCKE")[number % 23]);
}

// Odd places count by this table, even ones by their value; letters as 0 to 25.
float codice_fiscale(const Candidate& c) {
  constexpr std::array<unsigned, 26> kOdd = {1,  0,  5, 7, 9, 13, 15, 17, 19, 21, 2,  4,  18,
                                             20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23};
  unsigned sum = 0;
  for (std::size_t i = 0; i < 15; ++i) {
    const char at = c.code[i];
    const unsigned value = is_digit(at) ? digit(at) : static_cast<unsigned>(at - 'A');
    sum += i % 2 == 0 ? kOdd[value] : value;
  }
  return c.raise_if(static_cast<unsigned>(c.code[15] - 'A') == sum % 26);
}

float partita_iva(const Candidate& c) {
  return c.pass_if(c.code.find_first_not_of('0') != std::string_view::npos && luhn_ok(c.code));
}

// The month carries the century: 80 (1800s), 0, 20, 40, 60.
float pesel(const Candidate& c) {
  const unsigned sum = weighted_sum(c.code, {1, 3, 7, 9, 1, 3, 7, 9, 1, 3});
  return c.pass_if(day_and_month(two_digits(c.code, 4), two_digits(c.code, 2) % 20) &&
                   (10 - sum % 10) % 10 == digit(c.code[10]));
}

// ddmmyy, a sign for the century, a serial number, a check character over the nine digits.
float hetu(const Candidate& c) {
  if (!day_and_month(two_digits(c.code, 0), two_digits(c.code, 2))) return 0;
  unsigned number = 0;
  for (std::size_t i = 0; i < 6; ++i) number = number * 10 + digit(c.code[i]);
  for (std::size_t i = c.code.size() - 4; i + 1 < c.code.size(); ++i) {
    number = number * 10 + digit(c.code[i]);
  }
  return c.pass_if(c.code.back() ==
                   std::string_view("0123456789ABCDEFHJKLMNPRSTUVWXY")[number % 31]);
}

// Days of coordination numbers are 60 higher.
float personnummer(const Candidate& c) {
  const std::string_view code = c.code.substr(c.code.size() - 10);
  return c.pass_if(day_and_month(two_digits(code, 4) % 60, two_digits(code, 2)) && luhn_ok(code));
}

float orgnummer(const Candidate& c) {
  return c.pass_if(c.code[2] >= '2' && luhn_ok(c.code));
}

constexpr auto kRows = std::to_array<IdRow>({
    {EsNif, "9*7~8-?A", 0.5F, spanish},
    {EsNie, "[X-Z]9*7-?A", 0.5F, spanish},
    {EsPassport, "A*3[0-9]*6", 0.05F},
    // Digits may be written as letters, to tell namesakes apart.
    {ItFiscalCode, "A*6[0-9LMNP-V][0-9LMNP-V][A-EHLMPRST][0-9LMNP-V][0-9LMNP-V]A[0-9LMNP-V]*3A",
     0.3F, codice_fiscale},
    {ItVatCode, "9[ _]?9[ _]?9[ _]?9[ _]?9[ _]?9[ _]?9[ _]?9[ _]?9[ _]?9[ _]?9", 0.1F, partita_iva},
    {ItDriverLicense, "AA9*7A", 0.2F},
    {ItDriverLicense, "{U1}[B-DF-HJ-NPR-Z0-9]*7A", 0.2F},
    {ItIdentityCard, "AA ?9*7", 0.01F},
    {ItIdentityCard, "9*7AA", 0.01F},
    {ItIdentityCard, "AA9*5AA", 0.01F},
    {ItPassport, "AA9*7", 0.01F},
    {PlPesel, "9*11", 0.4F, pesel},
    {FiPersonalIdentityCode, "9*6[+A-FU-Y-]999[0-9A-FHJ-NPR-Y]", 0.5F, hetu, true},
    {SePersonnummer, "9*6[-+]?[0-9]*4", 0.5F, personnummer, true},
    {SePersonnummer, "9*8[-+]?[0-9]*4", 0.5F, personnummer, true},
    {SeOrganisationsnummer, "9*6-9*4", 0.6F, orgnummer},
    {SeOrganisationsnummer, "9*10", 0.2F, orgnummer},
});

}  // namespace

std::span<const IdRow> european_ids() {
  return kRows;
}

}  // namespace capsem::detect
