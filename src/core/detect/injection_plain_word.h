// Words as numbers: an ASCII word of up to 15 letters and digits, letter case folded, is loaded,
// hashed and compared without a loop over its letters. Most words are such; what this cannot tell
// (apostrophes, other scripts, the last word of a text) injection_words.h can.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "core/detect/chars.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace capsem::detect::injection {

struct PlainWord {
  static constexpr std::size_t kSizeMax = 15;

  std::uint64_t low = 0, high = 0;  // its letters in lower case, first one lowest; NUL behind them
  std::size_t size = 0;             // more than kSizeMax: there are more letters than these

  // The first letters, at most four, as one number.
  std::uint32_t prefix() const { return static_cast<std::uint32_t>(low); }
  friend bool operator==(const PlainWord&, const PlainWord&) = default;
};

// Hashes, as one bit each.
class HashSet {
 public:
  void add(std::uint64_t hash) { bits_[slot(hash) / 64] |= std::uint64_t{1} << slot(hash) % 64; }
  bool has(std::uint64_t hash) const {
    return (bits_[slot(hash) / 64] >> slot(hash) % 64 & 1) != 0;
  }

 private:
  static constexpr std::size_t kBits = 15;
  static std::size_t slot(std::uint64_t hash) { return hash >> (64 - kBits); }
  std::array<std::uint64_t, (std::size_t{1} << kBits) / 64> bits_{};
};

// A bit per byte of kWordMaskBytes.
inline constexpr std::size_t kWordMaskBytes = 64;
struct WordMasks {
  std::uint64_t alnum = 0;
  std::uint64_t joins = 0;  // a word may go on over it: apostrophes, other scripts
};

namespace internal {

inline constexpr std::uint64_t kLowerCase = 0x2020202020202020ULL;  // digits have this bit, too

// 64 bits of which the high ones differ between numbers.
inline std::uint64_t hash(std::uint64_t number) {
  return number * 0x9E3779B97F4A7C15ULL;
}
// The lowest n bytes of a number; the whole of it from 8 on.
inline std::uint64_t low_bytes(std::uint64_t number, std::size_t n) {
#if defined(__BMI2__)
  return _bzhi_u64(number, static_cast<unsigned>(n * 8));  // n is small: counts past 64 are whole
#else
  return n >= 8 ? number : number & ((std::uint64_t{1} << n * 8) - 1);
#endif
}
// The 8 bytes at p as far as there are so many. REQUIRES: p within a text of 8 bytes.
inline std::uint64_t eight_at(std::string_view s, std::size_t p) {
  std::uint64_t eight = 0;
  const std::size_t missing = p + 8 > s.size() ? p + 8 - s.size() : 0;
  std::memcpy(&eight, s.data() + p - missing, 8);
  return eight >> missing * 8;
}

inline PlainWord read_word(std::string_view s) {
  PlainWord word;
  for (const char c : s.substr(0, PlainWord::kSizeMax + 1)) {
    if (!is_alnum(c)) break;
    (word.size < 8 ? word.low : word.high) |= std::uint64_t{static_cast<unsigned char>(fold(c))}
                                              << word.size % 8 * 8;
    ++word.size;
  }
  return word;
}

}  // namespace internal

inline std::uint64_t hash_of_prefix(std::uint32_t prefix) {
  return internal::hash(prefix);
}
// Of a word's first eight letters and of how many there are.
inline std::uint64_t hash_of(const PlainWord& word) {
  return internal::hash(word.low ^ std::uint64_t{word.size} << 56);
}
// The same of the word of `size` letters and digits that begins with these eight bytes. `size` is
// less than 32.
inline std::uint64_t hash_of(std::uint64_t eight, std::size_t size) {
  return internal::hash(internal::low_bytes(eight | internal::kLowerCase, size) ^
                        std::uint64_t{size} << 56);
}

#if defined(__AVX2__)

namespace internal {

inline __m128i in_range(__m128i v, char first, char last) {
  const __m128i moved = _mm_sub_epi8(v, _mm_set1_epi8(static_cast<char>(first + 128)));
  return _mm_cmpgt_epi8(_mm_set1_epi8(static_cast<char>(last - first + 1 - 128)), moved);
}
inline __m256i in_range(__m256i v, char first, char last) {
  const __m256i moved = _mm256_sub_epi8(v, _mm256_set1_epi8(static_cast<char>(first + 128)));
  return _mm256_cmpgt_epi8(_mm256_set1_epi8(static_cast<char>(last - first + 1 - 128)), moved);
}
inline __m256i is_alpha(__m256i v) {
  return in_range(_mm256_or_si256(v, _mm256_set1_epi8(0x20)), 'a', 'z');
}
inline std::uint32_t bits_of(__m256i v) {
  return static_cast<std::uint32_t>(_mm256_movemask_epi8(v));
}

// Moves the bytes of a register down by n, noughts behind them: the 16 entries from n on.
inline constexpr std::uint8_t kMoveDown[32] = {
    0,    1,    2,    3,    4,    5,    6,    7,    8,    9,    10,   11,   12,   13,   14,   15,
    0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80};
inline constexpr std::uint8_t kPlaces[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

inline __m128i load16(const void* p) {
  return _mm_loadu_si128(static_cast<const __m128i*>(p));
}
// The 16 bytes at p, noughts behind the text's end. REQUIRES: p within a text of 16 bytes.
inline __m128i sixteen_at(std::string_view s, std::size_t p) {
  if (p + 16 <= s.size()) return load16(s.data() + p);
  return _mm_shuffle_epi8(load16(s.data() + s.size() - 16),
                          load16(kMoveDown + (p + 16 - s.size())));
}

}  // namespace internal

// REQUIRES: p < s.size().
inline PlainWord plain_word_at(std::string_view s, std::size_t p) {
  if (s.size() < 16) return internal::read_word(s.substr(p));
  const __m128i bytes = internal::sixteen_at(s, p);
  const __m128i folded = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
  const __m128i alnum =
      _mm_or_si128(internal::in_range(folded, 'a', 'z'), internal::in_range(bytes, '0', '9'));
  const int size = std::countr_one(static_cast<unsigned>(_mm_movemask_epi8(alnum)));
  const __m128i word = _mm_and_si128(folded, _mm_cmpgt_epi8(_mm_set1_epi8(static_cast<char>(size)),
                                                            internal::load16(internal::kPlaces)));
  return {static_cast<std::uint64_t>(_mm_cvtsi128_si64(word)),
          static_cast<std::uint64_t>(_mm_extract_epi64(word, 1)), static_cast<std::size_t>(size)};
}

// REQUIRES: kWordMaskBytes readable bytes.
inline WordMasks word_masks(const char* at) {
  WordMasks masks;
  for (unsigned i = 0; i < kWordMaskBytes; i += 32) {
    const __m256i v = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at + i));
    const __m256i alnum = _mm256_or_si256(internal::is_alpha(v), internal::in_range(v, '0', '9'));
    const __m256i joins = _mm256_or_si256(v, _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\'')));
    masks.alnum |= std::uint64_t{internal::bits_of(alnum)} << i;
    masks.joins |= std::uint64_t{internal::bits_of(joins)} << i;
  }
  return masks;
}

#else

inline PlainWord plain_word_at(std::string_view s, std::size_t p) {
  return internal::read_word(s.substr(p));
}

inline WordMasks word_masks(const char* at) {
  WordMasks masks;
  for (std::size_t i = 0; i < kWordMaskBytes; ++i) {
    masks.alnum |= std::uint64_t{is_alnum(at[i])} << i;
    masks.joins |= std::uint64_t{at[i] == '\'' || static_cast<unsigned char>(at[i]) >= 0x80} << i;
  }
  return masks;
}

#endif

// Whether the word that ends at `end` is whole whatever precedes: what follows is there, and is
// neither a letter of another script nor an apostrophe, over which words go on.
inline bool ends_plainly(std::string_view s, std::size_t end) {
  return end < s.size() && static_cast<unsigned char>(s[end]) < 0x80 && s[end] != '\'';
}

}  // namespace capsem::detect::injection
