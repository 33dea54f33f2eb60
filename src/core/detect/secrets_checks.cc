#include "core/detect/secrets_checks.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "core/detect/chars.h"

namespace capsem::detect::secrets {
namespace {

constexpr std::array<std::uint32_t, 256> make_crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t c = i;
    for (int bit = 0; bit < 8; ++bit) c = (c & 1) != 0 ? c >> 1 ^ 0xEDB88320U : c >> 1;
    table[i] = c;
  }
  return table;
}
constexpr auto kCrcTable = make_crc_table();

// CRC-32 of ISO 3309, as zlib has it.
std::uint32_t crc32_of(std::string_view bytes) {
  std::uint32_t crc = ~0U;
  for (const char b : bytes)
    crc = kCrcTable[(crc ^ static_cast<unsigned char>(b)) & 255] ^ crc >> 8;
  return ~crc;
}

constexpr std::string_view kBase62 =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kBase36 = "0123456789abcdefghijklmnopqrstuvwxyz";

// `digits` are `number` in the base of `alphabet`, padded on the left with zeros.
bool spells(std::string_view digits, std::uint64_t number, std::string_view alphabet) {
  for (std::size_t i = digits.size(); i-- > 0; number /= alphabet.size()) {
    if (digits[i] != alphabet[number % alphabet.size()]) return false;
  }
  return number == 0;
}

constexpr std::size_t kCrcDigits62 = 6;
bool crc62_ok(std::string_view body) {
  if (body.size() <= kCrcDigits62) return false;
  const std::string_view payload = body.substr(0, body.size() - kCrcDigits62);
  return spells(body.substr(payload.size()), crc32_of(payload), kBase62);
}

// <prefix><payload>.<2 digits: payload's length><7 digits: CRC-32 of all before them>
bool routable_ok(std::string_view token, std::string_view body) {
  constexpr std::size_t kLengthDigits = 2, kCrcDigits = 7;
  const std::size_t dot = body.rfind('.');
  if (dot == std::string_view::npos || body.size() - dot - 1 != kLengthDigits + kCrcDigits) {
    return false;
  }
  const std::string_view checked = token.substr(0, token.size() - kCrcDigits);
  return spells(body.substr(dot + 1, kLengthDigits), dot, kBase36) &&
         spells(token.substr(checked.size()), crc32_of(checked), kBase36);
}

// BIP 173's checksum over the whole of an upper-case code "HRP" "1" data.
bool bech32_checksum_ok(std::string_view code) {
  constexpr std::string_view kAlphabet = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L";
  constexpr std::array<std::uint32_t, 5> kGenerator = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa,
                                                       0x3d4233dd, 0x2a1462b3};
  std::uint32_t check = 1;
  const auto step = [&](unsigned value) {
    const std::uint32_t top = check >> 25;
    check = (check & 0x1ffffff) << 5 ^ value;
    for (unsigned i = 0; i < kGenerator.size(); ++i) {
      if ((top >> i & 1) != 0) check ^= kGenerator[i];
    }
  };
  const std::size_t one = code.rfind('1');
  if (one == std::string_view::npos) return false;
  const std::string_view prefix = code.substr(0, one);
  for (const char c : prefix) step(static_cast<unsigned char>(fold(c)) >> 5);
  step(0);
  for (const char c : prefix) step(static_cast<unsigned char>(fold(c)) & 31);
  for (const char c : code.substr(one + 1)) {
    const std::size_t digit = kAlphabet.find(c);
    if (digit == std::string_view::npos) return false;
    step(static_cast<unsigned>(digit));
  }
  return check == 1;
}

constexpr std::size_t kDecodedMax = 288;
struct Decoded {
  std::array<char, kDecodedMax> bytes;
  std::size_t size = 0;
  std::string_view view() const { return {bytes.data(), size}; }
};

int base64_digit(char c) {
  if (is_upper(c)) return c - 'A';
  if (is_lower(c)) return c - 'a' + 26;
  if (is_digit(c)) return c - '0' + 52;
  if (c == '+' || c == '-') return 62;
  if (c == '/' || c == '_') return 63;
  return -1;
}

// Both alphabets, with and without padding; up to the first other byte or kDecodedMax.
Decoded decode_base64(std::string_view text) {
  Decoded out;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    const int digit = base64_digit(c);
    if (digit < 0) break;
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count < 8) continue;
    if (out.size == kDecodedMax) break;
    count -= 8;
    out.bytes[out.size++] = static_cast<char>(bits >> count & 255);
  }
  return out;
}

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

Verdict verify_jwt(std::string_view text, std::size_t begin, std::string_view token) {
  const bool inside = begin >= 2 && text[begin - 1] == '.' && is_alnum(text[begin - 2]);
  if (inside) return Verdict::Refused;  // the second part of another
  const std::size_t dot = token.find('.');
  const Decoded header = decode_base64(token.substr(0, dot));
  const bool named =
      header.view().starts_with('{') && header.view().find("\"alg\"") != std::string_view::npos;
  return named ? Verdict::Unproven : Verdict::Refused;
}

Verdict verify_jwt_twice(std::string_view token) {
  const Decoded inner = decode_base64(token);
  if (!inner.view().starts_with("ey") || inner.view().find('.') == std::string_view::npos) {
    return Verdict::Refused;
  }
  return verify_jwt(inner.view(), 0, inner.view());
}

Verdict verify_discord(std::string_view token) {
  const Decoded id = decode_base64(token.substr(0, token.find('.')));
  const bool digits =
      id.size >= 15 && std::all_of(id.bytes.begin(), id.bytes.begin() + id.size, is_digit);
  return digits ? Verdict::Proven : Verdict::Weak;
}

bool is_mixed(std::string_view body) {
  return std::any_of(body.begin(), body.end(), is_digit) &&
         std::any_of(body.begin(), body.end(), is_lower) &&
         std::any_of(body.begin(), body.end(), is_upper);
}

// Behind an operator, perhaps with a quote and blanks between.
bool is_labelled(std::string_view text, std::size_t begin) {
  constexpr std::size_t kGapMax = 8;
  std::size_t i = begin;
  while (i > 0 && begin - i < kGapMax &&
         std::string_view(" \t\"'`\\").find(text[i - 1]) != std::string_view::npos) {
    --i;
  }
  return i > 0 && std::string_view("=:,>(").find(text[i - 1]) != std::string_view::npos;
}

Verdict proven_if(bool passed) {
  return passed ? Verdict::Proven : Verdict::Unproven;
}
Verdict refused_unless(bool passed) {
  return passed ? Verdict::Unproven : Verdict::Refused;
}

}  // namespace

bool is_basic_credentials(std::string_view base64) {
  const Decoded decoded = decode_base64(base64);
  const std::size_t colon = decoded.view().find(':');
  return colon != std::string_view::npos && colon + 1 < decoded.size &&
         is_printable(decoded.view());
}

Verdict verify(Check check, std::string_view text, std::size_t begin, std::string_view token,
               std::string_view body) {
  switch (check) {
    case Check::None:
      return Verdict::Unproven;
    case Check::Crc62:
      return proven_if(crc62_ok(body));
    case Check::Routable:
      return proven_if(routable_ok(token, body));
    case Check::Bech32:
      return proven_if(bech32_checksum_ok(token));
    case Check::Macaroon:
      return proven_if(decode_base64(token.substr(token.find('-') + 1))
                           .view()
                           .starts_with(std::string_view("\x02\x01\x08", 3)));
    case Check::Jwt:
      return verify_jwt(text, begin, token);
    case Check::JwtTwice:
      return verify_jwt_twice(token);
    case Check::PemTwice:
      return refused_unless(decode_base64(token).view().find("PRIVATE KEY") !=
                            std::string_view::npos);
    case Check::EndsAA:
      return refused_unless(token.ends_with("AA"));
    case Check::OpenAi:
      return proven_if(token.find("T3BlbkFJ") != std::string_view::npos);
    case Check::DiscordId:
      return verify_discord(token);
    case Check::Mixed:
      return refused_unless(is_mixed(body));
    case Check::Labelled:
      return is_labelled(text, begin) ? Verdict::Unproven : Verdict::Weak;
  }
  return Verdict::Unproven;
}

}  // namespace capsem::detect::secrets
