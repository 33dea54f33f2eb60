// SHA-256 (FIPS 180-4) by libcrypto: the one cryptographic digest of the core.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace capsem {

std::array<std::uint8_t, 32> sha256(std::string_view bytes);

// HMAC-SHA-256 (RFC 2104).
std::array<std::uint8_t, 32> hmac_sha256(std::string_view key, std::string_view bytes);

// Lower-case hexadecimal of the first `digits` half-bytes of the digest. REQUIRES: digits <= 64.
std::string sha256_hex(std::string_view bytes, std::size_t digits = 64);

}  // namespace capsem
