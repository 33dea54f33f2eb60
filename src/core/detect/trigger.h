// The trigger pass: 64 bytes in, one bit per byte and class out. Everything that is not a trigger
// is never looked at by a scanner, so the cost of plain text is the cost of this file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "core/detect/chars.h"

namespace capsem::detect {

struct BlockMasks {
  std::uint64_t digit = 0;  // 0-9
  std::uint64_t upper = 0;  // A-Z
  std::uint64_t lower = 0;  // a-z
  std::uint64_t at = 0;     // @
  std::uint64_t colon = 0;  // :
};

inline constexpr std::size_t kBlockBytes = 64;

#if defined(__AVX2__)

namespace internal {
struct HalfMasks {
  std::uint32_t digit, upper, lower, at, colon;
};

// Range check with one signed compare: c in [first, last] <=> c - first - 128 < last - first - 127.
inline std::uint32_t in_range(__m256i v, char first, char last) {
  const __m256i moved = _mm256_sub_epi8(v, _mm256_set1_epi8(static_cast<char>(first + 128)));
  const __m256i limit = _mm256_set1_epi8(static_cast<char>(last - first + 1 - 128));
  return static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpgt_epi8(limit, moved)));
}

inline std::uint32_t equals(__m256i v, char c) {
  return static_cast<std::uint32_t>(
      _mm256_movemask_epi8(_mm256_cmpeq_epi8(v, _mm256_set1_epi8(c))));
}

inline HalfMasks half_masks(const char* p) {
  const __m256i v = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return {in_range(v, '0', '9'), in_range(v, 'A', 'Z'), in_range(v, 'a', 'z'), equals(v, '@'),
          equals(v, ':')};
}
}  // namespace internal

// REQUIRES: 64 readable bytes at p.
inline BlockMasks block_masks(const char* p) {
  const auto a = internal::half_masks(p);
  const auto b = internal::half_masks(p + 32);
  const auto join = [](std::uint32_t low, std::uint32_t high) {
    return std::uint64_t{high} << 32 | low;
  };
  return {join(a.digit, b.digit), join(a.upper, b.upper), join(a.lower, b.lower), join(a.at, b.at),
          join(a.colon, b.colon)};
}

// Where c stands in the 64 bytes at p. REQUIRES: 64 readable bytes at p.
inline std::uint64_t block_equals(const char* p, char c) {
  const auto half = [c](const char* at) {
    return internal::equals(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)), c);
  };
  return std::uint64_t{half(p + 32)} << 32 | half(p);
}

#else

inline std::uint64_t block_equals(const char* p, char c) {
  std::uint64_t mask = 0;
  for (std::size_t i = 0; i < kBlockBytes; ++i) mask |= std::uint64_t{p[i] == c} << i;
  return mask;
}

inline BlockMasks block_masks(const char* p) {
  BlockMasks m;
  for (std::size_t i = 0; i < kBlockBytes; ++i) {
    const std::uint64_t bit = std::uint64_t{1} << i;
    const std::uint8_t c = class_of(p[i]);
    if ((c & kDigit) != 0) m.digit |= bit;
    if ((c & kUpper) != 0) m.upper |= bit;
    if ((c & kLower) != 0) m.lower |= bit;
    if (p[i] == '@') m.at |= bit;
    if (p[i] == ':') m.colon |= bit;
  }
  return m;
}

#endif

// Room for the last `size` < 64 bytes of a text; what is missing is NUL, which is in no class.
struct PaddedBlock {
  char bytes[kBlockBytes] = {};
  PaddedBlock(const char* p, std::size_t size) { std::memcpy(bytes, p, size); }
};

// The same for the last `size` < 64 bytes of a text; the missing ones are in no class.
inline BlockMasks tail_masks(const char* p, std::size_t size) {
  return block_masks(PaddedBlock(p, size).bytes);
}

}  // namespace capsem::detect
