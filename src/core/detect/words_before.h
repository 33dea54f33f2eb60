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

class WordsBefore {
 public:
  struct Word {
    std::size_t begin = 0, end = 0;
    bool named = false;  // two letters in a row, or a letter by itself: "A1234" names nothing
  };

  // Nothing before `floor` is looked at: a word that reaches over it is cut there.
  // REQUIRES: floor <= p <= s.size().
  WordsBefore(std::string_view s, std::size_t p, std::size_t floor)
      : s_(s), floor_(floor), at_(p), block_end_(p) {
    load();
  }

  bool next(Word& word) {
    std::uint64_t left = masks_.word & below(at_);
    while (left == 0) {
      if (block_end_ <= floor_ + kBlockBytes) return false;
      at_ = block_end_ -= kBlockBytes;
      load();
      left = masks_.word;
    }
    word.end = place_above(left);
    word.begin = begin_of(word.end);
    word.named = names(word);
    at_ = word.begin;
    return true;
  }

 private:
  // Bit i of the masks is the byte at block_end_ - 64 + i.
  void load() {
    masks_ = block_end_ >= kBlockBytes ? word_masks(s_.data() + block_end_ - kBlockBytes)
                                       : first_masks(s_, block_end_);
    const std::size_t seen = block_end_ - floor_;
    if (seen < kBlockBytes)
      masks_.word &= seen == 0 ? 0 : ~std::uint64_t{0} << (kBlockBytes - seen);
  }
  [[gnu::noinline]] static WordMasks first_masks(std::string_view s, std::size_t size) {
    char padded[kBlockBytes] = {};
    std::memcpy(padded + kBlockBytes - size, s.data(), size);
    return word_masks(padded);
  }
  // The bits of what stands before p.
  std::uint64_t below(std::size_t p) const {
    const std::size_t above = block_end_ - p;
    return above < kBlockBytes ? ~std::uint64_t{0} >> above : 0;
  }
  // Behind the last byte of `bits`. REQUIRES: bits != 0.
  std::size_t place_above(std::uint64_t bits) const {
    return block_end_ - static_cast<unsigned>(std::countl_zero(bits));
  }
  std::size_t begin_of(std::size_t end) {
    std::uint64_t gaps = ~masks_.word & below(end);
    if (gaps == 0 && block_end_ != end) {
      block_end_ = at_ = end;
      load();
      gaps = ~masks_.word;
    }
    if (gaps != 0) return std::max(place_above(gaps), floor_);
    return begin_of_long_one(end);
  }
  [[gnu::noinline]] std::size_t begin_of_long_one(std::size_t end) {
    std::size_t begin = end - kBlockBytes;
    while (begin > floor_ && internal::belongs_to_word(s_[begin - 1])) --begin;
    block_end_ = begin;
    load();
    return begin;
  }
  bool names(const Word& word) const {
    if (word.begin + kBlockBytes < block_end_ || block_end_ < word.end) return long_one_names(word);
    const std::size_t first = word.begin + kBlockBytes - block_end_;
    const std::uint64_t letters = masks_.letter & below(word.end) & ~std::uint64_t{0} << first;
    return (letters & letters >> 1) != 0 || (letters != 0 && word.end - word.begin == 1);
  }
  [[gnu::noinline]] bool long_one_names(const Word& word) const {
    for (std::size_t i = word.begin + 1; i < word.end; ++i) {
      if (is_alpha(s_[i]) && is_alpha(s_[i - 1])) return true;
    }
    return false;
  }

  const std::string_view s_;
  const std::size_t floor_;
  std::size_t at_, block_end_;
  WordMasks masks_;
};

}  // namespace capsem::detect
