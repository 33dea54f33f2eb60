#include "core/base/sha256.h"

#include <openssl/sha.h>

namespace capsem {

std::array<std::uint8_t, 32> sha256(std::string_view bytes) {
  std::array<std::uint8_t, 32> digest;
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  return digest;
}

std::array<std::uint8_t, 32> hmac_sha256(std::string_view key, std::string_view bytes) {
  constexpr std::size_t kBlock = 64;
  const auto text = [](const std::array<std::uint8_t, 32>& digest) {
    return std::string(digest.begin(), digest.end());
  };
  std::string padded = key.size() > kBlock ? text(sha256(key)) : std::string(key);
  padded.resize(kBlock);
  const auto under = [&padded](char pad, std::string_view rest) {
    std::string input = padded;
    for (char& c : input) c = static_cast<char>(c ^ pad);
    input += rest;
    return sha256(input);
  };
  return under(0x5c, text(under(0x36, bytes)));
}

std::string sha256_hex(std::string_view bytes, std::size_t digits) {
  constexpr char kHex[] = "0123456789abcdef";
  const auto digest = sha256(bytes);
  std::string text(digits, '0');
  for (std::size_t i = 0; i < digits; ++i) {
    const unsigned byte = digest[i / 2];
    text[i] = kHex[i % 2 == 0 ? byte >> 4 : byte & 15];
  }
  return text;
}

}  // namespace capsem
