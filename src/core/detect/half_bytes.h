// Sets of bytes, eight at a time, told 32 bytes at once: each byte's two halves are looked up in
// 16-entry tables whose bits are the sets ("shufti"). A byte has a bit when both halves have it; so
// a set that is no product of halves also holds bytes nobody marked: too much, never too little.
#pragma once

#include <array>
#include <cstdint>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace capsem::detect {

struct HalfBytes {
  std::array<std::uint8_t, 16> low{}, high{};

  constexpr void mark(char c, std::uint8_t bits) {
    const auto b = static_cast<unsigned char>(c);
    low[b & 15U] |= bits;
    high[b >> 4U] |= bits;
  }
  constexpr void mark_every_byte(std::uint8_t bits) {
    for (std::uint8_t& entry : low) entry |= bits;
    for (std::uint8_t& entry : high) entry |= bits;
  }
  // The sets that c may be in.
  constexpr std::uint8_t at(char c) const {
    const auto b = static_cast<unsigned char>(c);
    return static_cast<std::uint8_t>(low[b & 15U] & high[b >> 4U]);
  }
};

#if defined(__AVX2__)
// The tables in registers.
struct WideHalfBytes {
  __m256i low, high;

  explicit WideHalfBytes(const HalfBytes& t)
      : low(_mm256_broadcastsi128_si256(
            _mm_loadu_si128(reinterpret_cast<const __m128i*>(t.low.data())))),
        high(_mm256_broadcastsi128_si256(
            _mm_loadu_si128(reinterpret_cast<const __m128i*>(t.high.data())))) {}

  __m256i of(__m256i bytes) const {
    const __m256i half = _mm256_set1_epi8(15);
    return _mm256_and_si256(
        _mm256_shuffle_epi8(low, _mm256_and_si256(bytes, half)),
        _mm256_shuffle_epi8(high, _mm256_and_si256(_mm256_srli_epi16(bytes, 4), half)));
  }
  // REQUIRES: 32 readable bytes at p.
  __m256i at(const char* p) const {
    return of(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
};
#endif

}  // namespace capsem::detect
