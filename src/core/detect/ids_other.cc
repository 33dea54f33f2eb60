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

// The first digit counts one less.
float abn(const Candidate& c) {
  const unsigned sum = weighted_sum(c.code, {10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19});
  return c.pass_if(c.code[0] != '0' && (sum - 10) % 89 == 0);
}
float acn(const Candidate& c) {
  const unsigned sum = weighted_sum(c.code, {8, 7, 6, 5, 4, 3, 2, 1});
  return c.pass_if((10 - sum % 10) % 10 == digit(c.code[8]));
}
float tfn(const Candidate& c) {
  return c.pass_if(weighted_sum(c.code, {1, 4, 3, 7, 5, 8, 6, 9, 10}) % 11 == 0);
}
float medicare(const Candidate& c) {
  return c.pass_if(weighted_sum(c.code, {1, 3, 7, 9, 1, 3, 7, 9}) % 10 == digit(c.code[8]));
}

float luhn_keeps(const Candidate& c) {
  return c.keep_if(luhn_ok(c.code));
}

float verhoeff(const Candidate& c) {
  return c.pass_if(verhoeff_ok(c.code));
}

// yymmdd, serial, citizenship 0 to 2, an 8 or 9, Luhn.
float south_african(const Candidate& c) {
  const unsigned month = digit(c.code[2]) * 10 + digit(c.code[3]);
  const unsigned day = digit(c.code[4]) * 10 + digit(c.code[5]);
  return c.pass_if(month >= 1 && month <= 12 && day >= 1 && day <= 31 && luhn_ok(c.code));
}

constexpr auto kRows = std::to_array<IdRow>({
    {AuAbn, "99 999 999 999", 0.1F, abn},
    {AuAbn, "9*11", 0.01F, abn},
    {AuAcn, "999 999 999", 0.1F, acn},
    {AuAcn, "9*9", 0.01F, acn},
    {AuTfn, "999 999 999", 0.1F, tfn},
    {AuTfn, "9*9", 0.01F, tfn},
    {AuMedicare, "[2-6]999 9*5 9", 0.1F, medicare},
    {AuMedicare, "[2-6]9*9", 0.01F, medicare},
    {CaSin, "[1-79]9*8", 0.05F, luhn_keeps},
    {CaSin, "[1-79]99[ -]999[ -]999", 0.5F, luhn_keeps},
    {NgNin, "9*11", 0.01F, verhoeff},
    {NgVehicleRegistration, "AAA[ -]?999AA", 0.5F},
    {ZaIdNumber, "9*10[0-2][89]9", 0.2F, south_african},
});

}  // namespace

std::span<const IdRow> other_ids() {
  return kRows;
}

}  // namespace capsem::detect
