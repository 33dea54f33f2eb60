#include "core/base/sha256.h"

#include <openssl/sha.h>

namespace capsem {

std::array<std::uint8_t, 32> sha256(std::string_view bytes) {
  std::array<std::uint8_t, 32> digest;
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  return digest;
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
