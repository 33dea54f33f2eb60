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

float aadhaar(const Candidate& c) {
  const bool palindrome = std::equal(c.code.begin(), c.code.end(), c.code.rbegin());
  return c.pass_if(c.code[0] >= '2' && !palindrome && verhoeff_ok(c.code));
}

float loose_pan(const Candidate& c) {
  std::size_t digits = 0, most = 0;
  bool letters = false;
  for (const char at : c.code) {
    digits = is_digit(at) ? digits + 1 : 0;
    most = std::max(most, digits);
    letters |= is_alpha(at);
  }
  return c.keep_if(letters && most >= 4);
}

float gstin(const Candidate& c) {
  const unsigned state = two_digits(c.code, 0);
  return c.pass_if(state >= 1 && state <= 37);
}

float not_zero_serial(const Candidate& c) {
  return c.keep_if(!c.code.ends_with("0000"));
}

// Registering states and the highest number of an office in them.
float indian_plate(const Candidate& c) {
  struct State {
    std::string_view name;
    unsigned offices;
  };
  constexpr auto kStates = std::to_array<State>(
      {{"AN", 1},  {"AP", 40}, {"AR", 22}, {"AS", 34}, {"BR", 57}, {"CG", 31}, {"CH", 4},
       {"DD", 3},  {"DL", 18}, {"DN", 9},  {"GA", 12}, {"GJ", 39}, {"HP", 99}, {"HR", 99},
       {"JH", 24}, {"JK", 22}, {"KA", 71}, {"KL", 99}, {"LA", 2},  {"LD", 9},  {"MH", 58},
       {"ML", 10}, {"MN", 7},  {"MP", 71}, {"MZ", 8},  {"NL", 10}, {"OD", 35}, {"OR", 35},
       {"PB", 99}, {"PY", 5},  {"RJ", 58}, {"SK", 8},  {"TG", 38}, {"TN", 99}, {"TR", 8},
       {"TS", 38}, {"UK", 20}, {"UP", 96}, {"WB", 98}});
  if (c.code.ends_with("0000")) return 0;
  const auto state = std::ranges::find(kStates, c.code.substr(0, 2), &State::name);
  if (state == kStates.end()) return c.score;
  const unsigned office = is_digit(c.code[3]) ? two_digits(c.code, 2) : digit(c.code[2]);
  return c.raise_if(office >= 1 && office <= state->offices);
}

// Three forms, each with its own weights and letters.
float uen(const Candidate& c) {
  const std::string_view code = c.code;
  if (code.size() == 9) {
    const unsigned sum = weighted_sum(code, {10, 4, 9, 3, 8, 2, 7, 1});
    return c.pass_if(code[8] == std::string_view("XMKECAWLJDB")[sum % 11]);
  }
  if (is_digit(code[0])) {
    const unsigned sum = weighted_sum(code, {10, 8, 6, 4, 9, 7, 5, 3, 1});
    return c.pass_if(code[9] == std::string_view("ZKCMDNERGWH")[sum % 11]);
  }
  constexpr std::string_view kAlphabet = "ABCDEFGHJKLMNPQRSTUVWX0123456789";
  constexpr std::array<std::size_t, 9> kWeights = {4, 3, 5, 3, 10, 2, 2, 5, 7};
  std::size_t sum = 0;
  for (std::size_t i = 0; i < 9; ++i) {
    const std::size_t value = kAlphabet.find(code[i]);
    if (value == std::string_view::npos) return 0;
    sum += value * kWeights[i];
  }
  return c.pass_if(code[9] == kAlphabet[(sum + 6) % 11]);
}

bool born(const Candidate& c) {
  const unsigned month = two_digits(c.code, 2), day = two_digits(c.code, 4);
  return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}
unsigned korean_sum(const Candidate& c) {
  return weighted_sum(c.code, {2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5});
}
// Numbers since October 2020 have no check digit: a failed one says nothing.
float rrn(const Candidate& c) {
  if (!born(c)) return 0;
  return c.raise_if((11 - korean_sum(c) % 11) % 10 == digit(c.code[12]));
}
float frn(const Candidate& c) {
  if (!born(c)) return 0;
  return c.raise_if((13 - korean_sum(c) % 11) % 10 == digit(c.code[12]));
}
float brn(const Candidate& c) {
  const unsigned sum =
      weighted_sum(c.code, {1, 3, 7, 1, 3, 7, 1, 3, 5}) + digit(c.code[8]) * 5 / 10;
  return c.pass_if((10 - sum % 10) % 10 == digit(c.code[9]));
}
float korean_licence(const Candidate& c) {
  const unsigned region = two_digits(c.code, 0);
  return c.pass_if(region >= 11 && region <= 28);
}

// The second and third digits are the province.
float thai(const Candidate& c) {
  const unsigned province = two_digits(c.code, 1);
  const bool known = (province >= 10 && province <= 27) || (province >= 30 && province <= 58) ||
                     (province >= 60 && province <= 67) || (province >= 70 && province <= 77) ||
                     (province >= 80 && province <= 86) || (province >= 90 && province <= 96);
  const unsigned sum = weighted_sum(c.code, {13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2});
  return c.pass_if(known && (11 - sum % 11) % 10 == digit(c.code[12]));
}

float turkish(const Candidate& c) {
  const unsigned odd = weighted_sum(c.code, {1, 0, 1, 0, 1, 0, 1, 0, 1});
  const unsigned even = weighted_sum(c.code, {0, 1, 0, 1, 0, 1, 0, 1});
  const unsigned tenth = digit(c.code[9]);
  return c.pass_if((odd * 7 + 10 * 9 - even) % 10 == tenth &&
                   (odd + even + tenth) % 10 == digit(c.code[10]));
}
float turkish_plate(const Candidate& c) {
  const unsigned province = two_digits(c.code, 0);
  return c.pass_if(province >= 1 && province <= 81);
}

// The rest of an international number is not one of its own.
float turkish_national(const Candidate& c) {
  std::string_view before = c.before;
  while (before.ends_with(' ') || before.ends_with('-')) before.remove_suffix(1);
  return c.keep_if(!before.ends_with("+90"));
}

float philippine_tin(const Candidate& c) {
  return c.keep_if(weighted_sum(c.code, {9, 8, 7, 6, 5, 4, 3, 2}) % 11 == digit(c.code[8]));
}

constexpr auto kRows = std::to_array<IdRow>({
    {InAadhaar, "9*12", 0.01F, aadhaar},
    {InAadhaar, "9*4[- :]9*4[- :]9*4", 0.01F, aadhaar},
    {InPan, "A*3[ABCFGHJLPT]A9*4A", 0.5F},
    {InPan, "A*5[0-9]*4A", 0.1F},
    {InPan, "X*10", 0.01F, loose_pan},
    {InGstin, "99A*5[0-9]*4A[1-9A-Z]{Z}X", 0.8F, gstin},
    {InVoter, "A[A-DGHJKMNPRSY]A9*7", 0.4F},
    {InVoter, "A*3[0-9]*7", 0.3F},
    {InPassport, "A[1-9]9 ?9*4[1-9]", 0.1F},
    {InVehicleRegistration, "A9*4", 0.01F, not_zero_serial},
    {InVehicleRegistration, "AA9*4", 0.01F, not_zero_serial},
    {InVehicleRegistration, "{I}9*5", 0.01F},
    {InVehicleRegistration, "AAA9*4", 0.2F, not_zero_serial},
    {InVehicleRegistration, "9*1~3{CD}[1-9]9*1~3", 0.4F},
    {InVehicleRegistration, "9*1~3{CC}[1-9]9*1~3", 0.4F},
    {InVehicleRegistration, "9*1~3{UN}[1-9]9*1~3", 0.4F},
    {InVehicleRegistration, "AA9A*1~3[0-9]*4", 0.5F, indian_plate},
    {InVehicleRegistration, "AA99A*1~2[0-9]*4", 0.5F, indian_plate},
    {InVehicleRegistration, "[2-9][1-9]{BH}9*4[A-HJ-NP-Z][A-HJ-NP-Z]", 0.85F},
    {InVehicleRegistration, "99[A-FHKPRX]9*6A", 0.85F},
    {SgNricFin, "A9*7A", 0.3F},
    {SgNricFin, "[FGMST]9*7A", 0.5F},
    {SgUen, "9*8A", 0.3F, uen},
    {SgUen, "9*9A", 0.3F, uen},
    {SgUen, "[RST]99AX9*4A", 0.3F, uen},
    {KrRrn, "9*6-?[1-4]9*6", 0.5F, rrn},
    {KrFrn, "9*6-?[5-8]9*6", 0.5F, frn},
    {KrBrn, "999-?99-?9*5", 0.1F, brn},
    {KrDriverLicense, "99[ -]99[ -]9*6[ -]99", 0.05F, korean_licence},
    {KrPassport, "[DGMORS]999A9*4", 0.1F},
    {KrPassport, "[DGMORS]9*8", 0.05F},
    {ThTnin, "[1-8]9*12", 0.5F, thai},
    {TrNationalId, "[1-9]9*10", 0.3F, turkish},
    {TrLicensePlate, "99 ?A*1~3 ?9*2~5", 0.3F, turkish_plate},
    {TrPhoneNumber, "+{90}[ -]?[2-5]99[ -]?999[ -]?99[ -]?99", 0.4F},
    {TrPhoneNumber, "{0}?[2-5]99[ -]?999[ -]?99[ -]?99", 0.4F, turkish_national},
    {PhTin, "9*9", 0.01F, philippine_tin},
    {PhTin, "9*12", 0.01F, philippine_tin},
    {PhTin, "999-999-999", 0.05F, philippine_tin},
    {PhTin, "999-999-999-999", 0.05F, philippine_tin},
    {PhMobileNumber, "+{63}[ -]?{9}99[ -]?999[ -]?9*4", 0.4F},
    {PhMobileNumber, "{09}99[ -]?999[ -]?9*4", 0.4F},
});

}  // namespace

std::span<const IdRow> asian_ids() {
  return kRows;
}

}  // namespace capsem::detect
