#include "core/detect/phone.h"

#include <phonenumbers/phonenumber.pb.h>
#include <phonenumbers/phonenumberutil.h>

#include <algorithm>
#include <bitset>
#include <set>

#include "core/base/hash.h"
#include "core/detect/addresses.h"
#include "core/detect/dates.h"
#include "core/detect/phone_words.h"

namespace capsem::detect {
namespace {

using i18n::phonenumbers::PhoneNumber;
using i18n::phonenumbers::PhoneNumberUtil;

constexpr std::size_t kDigitsMin = 7, kDigitsMax = 15;  // ITU-T E.164
constexpr std::size_t kGroupsMax = 7;
constexpr std::size_t kAnnouncedMin = 6;  // digits
constexpr std::size_t kExtensionMax = 5;  // digits

bool valid_uncached(unsigned country, std::uint64_t national) {
  PhoneNumber number;
  number.set_country_code(static_cast<int>(country));
  number.set_national_number(national);
  return PhoneNumberUtil::GetInstance()->IsValidNumber(number);
}

// The North American area codes in use: asked once each, because these numbers are the commonest
// and the dearest to ask for one by one.
const std::bitset<1000>& nanp_area_codes() {
  static const std::bitset<1000> codes = [] {
    std::bitset<1000> found;
    for (unsigned area = 200; area < 1000; ++area) {
      found[area] = valid_uncached(1, area * 10'000'000ULL + 2'345'678);
    }
    return found;
  }();
  return codes;
}

const std::set<int>& calling_codes() {
  static const std::set<int> codes = [] {
    std::set<int> found;
    PhoneNumberUtil::GetInstance()->GetSupportedCallingCodes(&found);
    return found;
  }();
  return codes;
}

bool valid(unsigned country, std::string_view national, PhoneMemo& memo) {
  std::uint64_t number = 0;
  for (const char c : national) number = number * 10 + static_cast<unsigned>(c - '0');
  if (country == 1) {
    return national.size() == 10 && number / 1'000'000 % 10 >= 2 &&
           nanp_area_codes()[static_cast<std::size_t>(number / 10'000'000)];
  }
  const std::uint64_t key = country * 10'000'000'000'000'000ULL + number;
  auto& entry = memo.entries[mix64(key) % memo.entries.size()];
  if (entry.number != key) entry = {key, valid_uncached(country, number)};
  return entry.valid;
}

bool valid_international(std::string_view digits, PhoneMemo& memo) {
  unsigned country = 0;
  for (std::size_t n = 1; n <= 3 && n + 4 <= digits.size(); ++n) {
    country = country * 10 + static_cast<unsigned>(digits[n - 1] - '0');
    if (country == 0) return false;
    if (!calling_codes().contains(static_cast<int>(country))) continue;
    std::string_view national = digits.substr(n);
    // "+44 (0)20 ...": the trunk prefix is written although it is not dialled.
    if (national[0] == '0' && country != 39) national.remove_prefix(1);
    return valid(country, national, memo);
  }
  return false;
}

struct Region {
  unsigned country;
  std::size_t size_min, size_max;  // of the national number without its trunk prefix
};

// National numbers are taken as such only with their trunk prefix, where the region writes one.
bool valid_national(std::string_view digits, PhoneMemo& memo) {
  if (digits[0] != '0') {
    if (digits.size() == 11 && digits[0] == '1') return valid(1, digits.substr(1), memo);
    if (digits.size() == 10 && digits[0] >= '2' && valid(1, digits, memo)) return true;
    if (digits.size() == 10 && digits[0] >= '6' && valid(91, digits, memo)) return true;
    return (digits.size() == 10 || digits.size() == 11) && valid(55, digits, memo);
  }
  if (digits.starts_with("00")) return valid_international(digits.substr(2), memo);
  constexpr Region kRegions[] = {{44, 9, 10}, {33, 9, 9},   {49, 7, 11},
                                 {972, 8, 9}, {91, 10, 10}, {55, 10, 11}};
  const std::string_view national = digits.substr(1);
  for (const Region& r : kRegions) {
    const bool fits = national.size() >= r.size_min && national.size() <= r.size_max;
    if (fits && valid(r.country, national, memo)) return true;
  }
  return false;
}

// Where each group of a possible number ends, and with how many digits so far.
struct Shape {
  std::size_t digits = 0;
  std::array<std::size_t, kGroupsMax> end, digits_to;
  std::size_t groups = 0, first = 0;  // first: the digits of the first group
  bool plus = false, trunk = false;   // begins with '+', with a digit 0
};

// The digits of s[begin, end), which holds at most kDigitsMax.
struct Digits {
  std::array<char, kDigitsMax> digit;
  std::size_t size = 0;

  Digits(std::string_view s, std::size_t begin, std::size_t end) {
    for (std::size_t p = begin; p < end; ++p) {
      if (is_digit(s[p])) digit[size++] = s[p];
    }
  }
  std::string_view view() const { return {digit.data(), size}; }
};

// Bytes between two groups: one of "-./ " or a bracket with a space or dash beside it.
std::size_t gap_size(std::string_view s, std::size_t p) {
  std::size_t n = 0;
  while (n < 2) {
    const char c = char_at(s, p + n);
    if (c != ' ' && c != '-' && c != '.' && c != '/' && c != '(' && c != ')') break;
    ++n;
  }
  if (n == 2 && s[p] != ')' && s[p + 1] != '(') return 3;  // "5 - 6", "1. 2": a list, a range
  return n;
}

Shape shape_at(std::string_view s, std::size_t begin) {
  Shape shape;
  std::size_t p = begin;
  shape.plus = char_at(s, p) == '+';
  if (shape.plus) ++p;
  if (char_at(s, p) == '(') ++p;
  shape.trunk = char_at(s, p) == '0';
  while (shape.groups < kGroupsMax && digit_at(s, p)) {
    const std::size_t end = digits_end(s, p);
    if (end - p + shape.digits > kDigitsMax) break;
    if (shape.digits == 0) shape.first = end - p;
    shape.digits += end - p;
    if (!word_at(s, end) && char_at(s, end) != '@') {
      shape.end[shape.groups] = end;
      shape.digits_to[shape.groups++] = shape.digits;
    }
    const std::size_t gap = gap_size(s, end);
    if (gap == 0 || gap > 2 || !digit_at(s, end + gap)) break;
    p = end + gap;
  }
  return shape;
}

// A decimal fraction, or a chain of short groups, is not dialled.
bool plausible(const Shape& shape, std::size_t groups, std::string_view s, std::size_t begin) {
  const std::size_t n = shape.digits_to[groups - 1];
  if (n < kDigitsMin) return false;
  // The national numbers that are asked for (valid_national) have a trunk prefix or 10-11 digits.
  if (!shape.plus && (n < 8 || (!shape.trunk && n != 10 && n != 11))) return false;
  const bool fraction = groups == 2 && char_at(s, shape.end[0]) == '.';
  return !fraction || shape.plus || s[begin] == '(';
}

Match longest_valid(std::string_view s, std::size_t begin, PhoneMemo& memo) {
  const Shape shape = shape_at(s, begin);
  for (std::size_t groups = shape.groups; groups > 0; --groups) {
    if (!plausible(shape, groups, s, begin)) continue;
    const Digits digits(s, begin, shape.end[groups - 1]);
    const bool ok =
        shape.plus ? valid_international(digits.view(), memo) : valid_national(digits.view(), memo);
    if (ok) return {shape.end[groups - 1], kPhoneScore};
  }
  return {};
}

// A number that begins up to three groups earlier and reaches over this one.
bool covered(std::string_view s, std::size_t begin, std::size_t end, PhoneMemo& memo) {
  std::size_t q = begin;
  for (unsigned groups = 0; groups < 3; ++groups) {
    std::size_t group_end = q;
    while (group_end > 0 && q - group_end < 2 && !is_digit(s[group_end - 1]) &&
           std::string_view("-./ ()").find(s[group_end - 1]) != std::string_view::npos) {
      --group_end;
    }
    if (group_end == 0 || group_end == q || !is_digit(s[group_end - 1])) return false;
    q = group_end;
    while (q > 0 && is_digit(s[q - 1]) && group_end - q <= kDigitsMax) --q;
    if (word_before(s, q)) return false;
    q = phone_begin(s, q);
    if (longest_valid(s, q, memo).end >= end) return true;
  }
  return false;
}

// "x281", " x281" at p: its end, or p.
std::size_t extension_end(std::string_view s, std::size_t p) {
  const std::size_t at = char_at(s, p) == ' ' ? p + 1 : p;
  if (fold(char_at(s, at)) != 'x') return p;
  const std::size_t end = digits_end(s, at + 1);
  return end > at + 1 && end - at - 1 <= kExtensionMax && !word_at(s, end) ? end : p;
}

}  // namespace

std::size_t phone_begin(std::string_view s, std::size_t p) {
  if (char_before(s, p) == '(') --p;
  if (char_before(s, p) == '+') --p;
  return p;
}

bool phone_shaped(std::string_view s, std::size_t begin) {
  // "$5551234567", "5%...", "1.5": amounts. A word right before the sign is not a number's either.
  const char before = char_before(s, begin);
  if (before == '$' || before == '%' || before == '#' || before == '@' || before == '+')
    return false;
  if (word_before(s, begin)) return false;
  if (begin >= 2 && before == '.' && is_digit(s[begin - 2])) return false;
  const Shape shape = shape_at(s, begin);
  for (std::size_t groups = shape.groups; groups > 0; --groups) {
    if (!plausible(shape, groups, s, begin)) continue;
    return !is_digit(s[begin]) || shape.first > 4 || !match_date_at_digit(s, begin);
  }
  return false;
}

Match match_phone(std::string_view s, std::size_t begin, PhoneMemo& memo) {
  const Match match = longest_valid(s, begin, memo);
  if (match && covered(s, begin, match.end, memo)) return {};
  return match;
}

Match match_announced_phone(std::string_view s, std::size_t begin) {
  const char before = char_before(s, begin);
  if (before == '$' || before == '%' || before == '@' || before == '+' || word_before(s, begin)) {
    return {};
  }
  const Shape shape = shape_at(s, begin);
  if (shape.digits < kAnnouncedMin || !phone_announced(s, begin)) return {};
  if (match_date_at_digit(s, begin) || match_ipv4(s, begin)) return {};
  // Up to its last group, whatever is joined to that: "126-1004x281".
  std::size_t end = begin, digits = 0;
  for (std::size_t p = begin; digits < shape.digits; ++p) {
    digits += is_digit(s[p]) ? 1 : 0;
    end = p + 1;
  }
  const std::size_t extended = extension_end(s, end);
  if (extended == end && word_at(s, end)) return {};
  return {extended, kAnnouncedPhoneScore};
}

void warm_phone_tables() {
  nanp_area_codes();
  calling_codes();
}

}  // namespace capsem::detect
