// NUL separates texts of one window (detector.h): where the one that is looked at begins.
#pragma once

#include <cstddef>
#include <cstring>
#include <string_view>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace capsem::detect {

namespace internal {
inline bool has_nul(std::string_view s) {
#if defined(__AVX2__)
  if (s.size() >= 32) {  // one branch for all: a NUL is rare, and a search looks for its place
    const auto load = [&](std::size_t at) {
      return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(s.data() + at));
    };
    __m256i least = load(s.size() - 32);
    for (std::size_t at = 0; at + 32 <= s.size(); at += 32) {
      least = _mm256_min_epu8(least, load(at));
    }
    return _mm256_movemask_epi8(_mm256_cmpeq_epi8(least, _mm256_setzero_si256())) != 0;
  }
#endif
  return s.find('\0') != std::string_view::npos;
}
}  // namespace internal

// Behind the last NUL before `from`.
inline std::size_t text_begin(std::string_view s, std::size_t from) {
  if (!internal::has_nul(s.substr(0, from))) return 0;
  return s.rfind('\0', from - 1) + 1;
}

}  // namespace capsem::detect
