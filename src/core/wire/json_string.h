// JSON string bodies: finding their end fast, undoing their escapes. Internal to wire/.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace capsem::wire {

// The first quote, backslash or control character in [p, end), else `end`.
// REQUIRES: 32 readable bytes behind `end`.
inline const char* find_string_special(const char* p, const char* end) {
#if defined(__AVX2__)
  const __m256i quote = _mm256_set1_epi8('"');
  const __m256i backslash = _mm256_set1_epi8('\\');
  const __m256i control = _mm256_set1_epi8(0x1f);
  for (; p < end; p += 32) {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    const __m256i hits = _mm256_or_si256(
        _mm256_or_si256(_mm256_cmpeq_epi8(bytes, quote), _mm256_cmpeq_epi8(bytes, backslash)),
        _mm256_cmpeq_epi8(_mm256_min_epu8(bytes, control), bytes));
    const auto mask = static_cast<std::uint32_t>(_mm256_movemask_epi8(hits));
    if (mask != 0) {
      p += __builtin_ctz(mask);
      break;
    }
  }
#elif defined(__SSE2__)
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i backslash = _mm_set1_epi8('\\');
  const __m128i control = _mm_set1_epi8(0x1f);
  for (; p < end; p += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i hits =
        _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)),
                     _mm_cmpeq_epi8(_mm_min_epu8(bytes, control), bytes));
    const auto mask = static_cast<std::uint32_t>(_mm_movemask_epi8(hits));
    if (mask != 0) {
      p += __builtin_ctz(mask);
      break;
    }
  }
#else
  while (p < end && *p != '"' && *p != '\\' && static_cast<unsigned char>(*p) >= 0x20) ++p;
#endif
  return p < end ? p : end;
}

inline bool is_ascii(std::string_view text) {
  std::uint64_t bits = 0;
  std::size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + i, 8);
    bits |= word;
  }
  for (; i < text.size(); ++i) bits |= static_cast<unsigned char>(text[i]);
  return (bits & 0x8080808080808080ULL) == 0;
}

// What stands after a backslash, decoded to UTF-8 at `out` (at most 4 bytes). On success moves `p`,
// which points behind the backslash, behind the escape and returns the bytes written; on failure
// returns 0 and leaves `p`. Lone surrogates are failures.
std::size_t decode_escape(const char*& p, const char* end, char* out);

// Offset of the first byte that is not UTF-8. REQUIRES: there is one.
std::size_t invalid_utf8_offset(std::string_view text);

}  // namespace capsem::wire
