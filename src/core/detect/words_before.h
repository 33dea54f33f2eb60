// Words before a place, the nearest first: runs of letters of any script, digits and '_'. 64 bytes
// are looked at at once, because in text full of numbers a word comes every few bytes and where it
// ends cannot be foretold.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "core/detect/chars.h"
#include "core/detect/half_bytes.h"
#include "core/detect/trigger.h"

namespace capsem::detect {

namespace internal {
constexpr bool belongs_to_word(char c) {
  return (class_of(c) & kWord) != 0 || is_continuation(c);
}

// One bit for each row of the table that holds word bytes, so that no byte is in it by mistake.
inline constexpr std::uint8_t kLetterBits = 1 | 2;
inline constexpr HalfBytes kWordHalves = [] {
  HalfBytes table;
  for (unsigned i = 0; i < 256; ++i) {
    const char c = static_cast<char>(i);
    if (!belongs_to_word(c)) continue;
    const unsigned row = i >> 4;
    std::uint8_t bit = 64;  // a continuation byte, D0..DF
    if (is_alpha(c)) bit = row == 4 || row == 6 ? 1 : 2;
    if (is_digit(c)) bit = 4;
    if (c == '_') bit = 8;
    if (row == 0xC) bit = 16;
    if (row == 0xE) bit = 32;
    table.mark(c, bit);
  }
  return table;
}();
constexpr bool exact(const HalfBytes& table) {
  for (unsigned i = 0; i < 256; ++i) {
    const char c = static_cast<char>(i);
    if ((table.at(c) != 0) != belongs_to_word(c)) return false;
    if (((table.at(c) & kLetterBits) != 0) != is_alpha(c)) return false;
  }
  return true;
}
static_assert(exact(kWordHalves));
}  // namespace internal

struct WordMasks {
  std::uint64_t word = 0, letter = 0;
};

// REQUIRES: 64 readable bytes at p.
inline WordMasks word_masks(const char* p) {
  WordMasks masks;
#if defined(__AVX2__)
  const WideHalfBytes table(internal::kWordHalves);
  const __m256i zero = _mm256_setzero_si256();
  const __m256i letters = _mm256_set1_epi8(internal::kLetterBits);
  for (unsigned half = 0; half < 2; ++half) {
    const __m256i sets = table.at(p + 32 * half);
    const auto no_word =
        static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(sets, zero)));
    const auto no_letter = static_cast<std::uint32_t>(
        _mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_and_si256(sets, letters), zero)));
    masks.word |= std::uint64_t{~no_word} << 32 * half;
    masks.letter |= std::uint64_t{~no_letter} << 32 * half;
  }
#else
  for (std::size_t i = 0; i < kBlockBytes; ++i) {
    masks.word |= std::uint64_t{internal::belongs_to_word(p[i])} << i;
    masks.letter |= std::uint64_t{is_alpha(p[i])} << i;
  }
#endif
  return masks;
}

// Where a stretch of two letters in a row ends.
inline std::uint64_t letter_pairs(std::uint64_t letter) {
  return letter & letter << 1;
}

class WordsBefore {
 public:
  struct Word {
    std::size_t begin = 0, end = 0;
    bool named = false;  // two letters in a row, or a letter by itself: "A1234" names nothing
  };

  // Nothing before `floor` is looked at: a word that reaches over it is cut there.
  // REQUIRES: floor <= p <= s.size().
  WordsBefore(std::string_view s, std::size_t p, std::size_t floor) : s_(s), floor_(floor) {
    load(p);
  }

  bool next(Word& word) {
    while (left_.word == 0) {
      if (base_ <= floor_) return false;
      load(base_);
    }
    skip(static_cast<unsigned>(std::countl_zero(left_.word)));
    auto size = static_cast<unsigned>(std::countl_one(left_.word));
    if (at_ - size == base_ && base_ > floor_) {  // it may begin before
      load(at_);
      size = static_cast<unsigned>(std::countl_one(left_.word));
    }
    if (size == kBlockBytes) {
      long_word(word);
      return true;
    }
    const std::uint64_t inside = ~(~std::uint64_t{0} >> size);
    word.end = at_;
    word.begin = at_ - size;
    word.named =
        (letter_pairs(left_.letter) & inside) != 0 || (size == 1 && (left_.letter & inside) != 0);
    skip(size);
    return true;
  }

 private:
  // The text before `end` comes next. The highest bit is the byte right before it.
  void load(std::size_t end) {
    at_ = end;
    base_ = end > kBlockBytes ? end - kBlockBytes : 0;
    left_ = end >= kBlockBytes ? word_masks(s_.data() + base_) : first_masks(s_, end);
    if (base_ < floor_) {
      const std::size_t seen = end - floor_;
      const std::uint64_t mask = seen == 0 ? 0 : ~std::uint64_t{0} << (kBlockBytes - seen);
      left_.word &= mask;
      left_.letter &= mask;
    }
  }
  [[gnu::noinline]] static WordMasks first_masks(std::string_view s, std::size_t size) {
    char padded[kBlockBytes] = {};
    std::memcpy(padded + kBlockBytes - size, s.data(), size);
    return word_masks(padded);
  }
  // REQUIRES: n < kBlockBytes.
  void skip(unsigned n) {
    left_.word <<= n;
    left_.letter <<= n;
    at_ -= n;
  }
  // One of kBlockBytes or more, which ends at at_.
  [[gnu::noinline]] void long_word(Word& word) {
    word = {at_, at_, false};
    while (word.begin > floor_ && internal::belongs_to_word(s_[word.begin - 1])) {
      --word.begin;
      word.named |=
          word.begin + 1 < at_ && is_alpha(s_[word.begin]) && is_alpha(s_[word.begin + 1]);
    }
    load(word.begin);
  }

  const std::string_view s_;
  const std::size_t floor_;
  std::size_t at_ = 0, base_ = 0;  // the end of what comes next, and how far left_ reaches
  WordMasks left_;
};

}  // namespace capsem::detect
