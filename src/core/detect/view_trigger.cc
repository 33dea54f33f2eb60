#include "core/detect/view_trigger.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

#include "core/detect/encoding.h"
#include "core/detect/half_bytes.h"

namespace capsem::detect {
namespace {

constexpr std::size_t kStep = 64;

struct Masks {
  std::uint64_t sign = 0;   // opens_unit()
  std::uint64_t high = 0;   // beyond ASCII
  std::uint64_t digit = 0;  // is_base64()
};

#if defined(__AVX2__)

// is_base64(): a set per row of the ASCII table, so that none holds a byte too many.
constexpr HalfBytes make_digits() {
  HalfBytes digits;
  for (const char c : std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                       "0123456789+/-_")) {
    digits.mark(c, static_cast<std::uint8_t>(1U << (c >> 4)));
  }
  return digits;
}
constexpr HalfBytes kDigits = make_digits();

std::uint32_t bits_of(__m256i v) {
  return static_cast<std::uint32_t>(_mm256_movemask_epi8(v));
}

Masks half_masks(const char* p) {
  const __m256i v = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  const __m256i sign =
      _mm256_or_si256(_mm256_cmpeq_epi8(v, _mm256_set1_epi8('\\')),
                      _mm256_or_si256(_mm256_cmpeq_epi8(v, _mm256_set1_epi8('%')),
                                      _mm256_cmpeq_epi8(v, _mm256_set1_epi8('&'))));
  const __m256i none = _mm256_cmpeq_epi8(WideHalfBytes(kDigits).of(v), _mm256_setzero_si256());
  return {bits_of(sign), bits_of(v), static_cast<std::uint32_t>(~bits_of(none))};
}

Masks masks_of(const char* p) {
  const Masks a = half_masks(p), b = half_masks(p + 32);
  return {b.sign << 32 | a.sign, b.high << 32 | a.high, b.digit << 32 | a.digit};
}

#else

Masks masks_of(const char* p) {
  Masks m;
  for (std::size_t i = 0; i < kStep; ++i) {
    const std::uint64_t bit = std::uint64_t{1} << i;
    if (opens_unit(p[i])) m.sign |= bit;
    if (static_cast<unsigned char>(p[i]) >= 0x80) m.high |= bit;
    if (is_base64(p[i])) m.digit |= bit;
  }
  return m;
}

#endif

// Of the last `size` < kStep bytes of s; behind its end there is nothing.
Masks tail_masks(std::string_view s, std::size_t size) {
  if (s.size() < kStep) {
    char padded[kStep] = {};
    std::memcpy(padded, s.data() + s.size() - size, size);
    return masks_of(padded);
  }
  const Masks m = masks_of(s.data() + s.size() - kStep);
  const auto before = static_cast<unsigned>(kStep - size);
  return {m.sign >> before, m.high >> before, m.digit >> before};
}

// Bit i is set where kBase64Min set bits of m begin.
std::uint64_t long_runs(std::uint64_t m) {
  static_assert(kBase64Min == 24);
  m &= m >> 1;
  m &= m >> 2;
  m &= m >> 4;
  return m & m >> 8 & m >> 16;
}

template <bool kEncoded, bool kHigh>
std::size_t next(std::string_view s, std::size_t from) {
  std::size_t run = 0;  // base64 digits just before p
  for (std::size_t p = from; p < s.size(); p += kStep) {
    const std::size_t size = std::min(kStep, s.size() - p);
    const Masks m = size == kStep ? masks_of(s.data() + p) : tail_masks(s, size);
    const std::uint64_t signs = (kEncoded ? m.sign : 0) | (kHigh ? m.high : 0);
    std::size_t found = signs != 0 ? p + static_cast<unsigned>(std::countr_zero(signs)) : s.size();
    if constexpr (kEncoded) {
      const auto ahead = static_cast<unsigned>(std::countr_one(m.digit));
      if (run + ahead >= kBase64Min) {
        found = std::min(found, p - run);
      } else if (const std::uint64_t runs = long_runs(m.digit); runs != 0) {
        found = std::min(found, p + static_cast<unsigned>(std::countr_zero(runs)));
      }
      run = ahead == size ? run + size
                          : static_cast<unsigned>(std::countl_one(m.digit << (kStep - size)));
    }
    if (found < s.size()) return found;
  }
  return s.size() - run;
}

}  // namespace

std::size_t next_encoded(std::string_view s, std::size_t from) {
  return next<true, false>(s, from);
}
std::size_t next_high(std::string_view s, std::size_t from) {
  return next<false, true>(s, from);
}
std::size_t next_encoded_or_high(std::string_view s, std::size_t from) {
  return next<true, true>(s, from);
}

}  // namespace capsem::detect
