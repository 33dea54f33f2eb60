#include "core/detect/checksum.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "core/base/sha256.h"
#include "core/detect/chars.h"

namespace capsem::detect {

bool luhn_ok(std::string_view digits) {
  unsigned sum = 0;
  bool twice = false;
  for (std::size_t i = digits.size(); i-- > 0; twice = !twice) {
    unsigned d = static_cast<unsigned>(digits[i] - '0');
    if (twice) d = d > 4 ? 2 * d - 9 : 2 * d;
    sum += d;
  }
  return sum % 10 == 0;
}

bool verhoeff_ok(std::string_view digits) {
  // Rotations are 0 to 4, reflections 5 to 9.
  const auto multiply = [](unsigned a, unsigned b) {
    if (a < 5) return b < 5 ? (a + b) % 5 : 5 + (a + b) % 5;
    return b < 5 ? 5 + (a + 10 - b) % 5 : (a + 5 - b) % 5;
  };
  constexpr std::array<unsigned, 10> kPermutation = {1, 5, 7, 6, 2, 8, 3, 0, 9, 4};
  unsigned check = 0;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    auto digit = static_cast<unsigned>(digits[digits.size() - 1 - i] - '0');
    for (std::size_t times = i % 8; times > 0; --times) digit = kPermutation[digit];
    check = multiply(check, digit);
  }
  return check == 0;
}

bool mod11_10_ok(std::string_view digits) {
  unsigned product = 10;
  for (const char c : digits.substr(0, digits.size() - 1)) {
    const unsigned sum = (product + static_cast<unsigned>(c - '0')) % 10;
    product = (sum == 0 ? 10 : sum) * 2 % 11;
  }
  return (11 - product) % 10 == static_cast<unsigned>(digits.back() - '0');
}

unsigned weighted_sum(std::string_view digits, std::span<const unsigned> weights) {
  unsigned sum = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    sum += static_cast<unsigned>(digits[i] - '0') * weights[i];
  }
  return sum;
}

unsigned weighted_sum(std::string_view digits, std::initializer_list<unsigned> weights) {
  return weighted_sum(digits, std::span(weights.begin(), weights.size()));
}

bool mod97_ok(std::string_view iban) {
  unsigned rest = 0;
  for (std::size_t i = 0; i < iban.size(); ++i) {
    const char c = iban[(i + 4) % iban.size()];
    const unsigned value = static_cast<unsigned>(is_digit(c) ? c - '0' : c - 'A' + 10);
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest == 1;
}

namespace {

constexpr std::string_view kBase58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
constexpr std::string_view kBech32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

std::uint32_t bech32_step(std::uint32_t check, unsigned value) {
  constexpr std::array<std::uint32_t, 5> kGenerator = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa,
                                                       0x3d4233dd, 0x2a1462b3};
  const std::uint32_t top = check >> 25;
  check = (check & 0x1ffffff) << 5 ^ value;
  for (unsigned i = 0; i < kGenerator.size(); ++i) {
    if ((top >> i & 1) != 0) check ^= kGenerator[i];
  }
  return check;
}

}  // namespace

bool base58check_ok(std::string_view text) {
  std::array<std::uint8_t, 25> bytes{};
  for (const char c : text) {
    const auto digit = kBase58.find(c);
    if (digit == std::string_view::npos) return false;
    unsigned carry = static_cast<unsigned>(digit);
    for (std::size_t i = bytes.size(); i-- > 0;) {
      carry += 58U * bytes[i];
      bytes[i] = static_cast<std::uint8_t>(carry);
      carry >>= 8;
    }
    if (carry != 0) return false;
  }
  // Each leading zero byte is one leading '1': otherwise one address had many spellings.
  const auto ones = std::min(text.find_first_not_of('1'), text.size());
  std::size_t zeros = 0;
  while (zeros < bytes.size() && bytes[zeros] == 0) ++zeros;
  if (ones != zeros) return false;
  const auto once = sha256(std::string_view(reinterpret_cast<const char*>(bytes.data()), 21));
  const auto twice =
      sha256(std::string_view(reinterpret_cast<const char*>(once.data()), once.size()));
  return std::equal(twice.begin(), twice.begin() + 4, bytes.begin() + 21);
}

bool bech32_ok(std::string_view text) {
  if (text.size() < 14 || text.size() > 90) return false;
  const bool lower = std::none_of(text.begin(), text.end(), is_upper);
  if (!lower && std::any_of(text.begin(), text.end(), is_lower)) return false;
  const auto separator = text.rfind('1');
  // Six characters of checksum at least stand behind the separator (BIP 173).
  if (separator == std::string_view::npos || separator == 0 || separator + 7 > text.size()) {
    return false;
  }
  std::uint32_t check = 1;
  for (std::size_t i = 0; i < separator; ++i) {
    check = bech32_step(check, static_cast<unsigned char>(fold(text[i])) >> 5);
  }
  check = bech32_step(check, 0);
  for (std::size_t i = 0; i < separator; ++i) {
    check = bech32_step(check, static_cast<unsigned char>(fold(text[i])) & 31);
  }
  for (std::size_t i = separator + 1; i < text.size(); ++i) {
    const auto value = kBech32.find(fold(text[i]));
    if (value == std::string_view::npos) return false;
    check = bech32_step(check, static_cast<unsigned>(value));
  }
  return check == (kBech32.find(fold(text[separator + 1])) == 0 ? 1U : 0x2bc830a3U);
}

}  // namespace capsem::detect
