// Short numbers that nothing begins with, told 64 bytes at once: most of what numeric text holds
// are counts, ratings, coordinates' fractions and days, with a comma, a quote or a bracket behind.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/detect/chars.h"
#include "core/detect/half_bytes.h"
#include "core/detect/trigger.h"

namespace capsem::detect {

// More digits by themselves may be an account, a licence, a telephone number.
inline constexpr unsigned kDullDigitsMax = 5;

namespace internal {
// Where the text goes on from a number: separators of numbers and times, and what belongs to words.
// Rows of the table have a bit each, so that no byte is in it by mistake.
inline constexpr std::uint8_t kSeparatorBits = 1 | 2, kWordBits = 4 | 8 | 16 | 32;
inline constexpr HalfBytes kGoesOn = [] {
  HalfBytes table;
  for (const char c : {' ', ')', '-', '.', '/'}) table.mark(c, 1);
  table.mark(':', 2);
  for (char c = 'a'; c <= 'z'; ++c) {
    table.mark(c, c < 'p' ? 4 : 8);
    table.mark(static_cast<char>(c - 0x20), c < 'p' ? 4 : 8);
  }
  table.mark('_', 16);
  for (unsigned c = 0x80; c < 0x100; ++c) table.mark(static_cast<char>(c), 32);
  return table;
}();

struct NumberNeighbours {
  std::uint64_t separator = 0, word = 0;
};

// REQUIRES: 64 readable bytes at p.
inline NumberNeighbours number_neighbours(const char* p) {
  NumberNeighbours found;
#if defined(__AVX2__)
  const WideHalfBytes table(kGoesOn);
  const auto mask_of = [](__m256i sets, std::uint8_t bits) {
    const __m256i none = _mm256_cmpeq_epi8(
        _mm256_and_si256(sets, _mm256_set1_epi8(static_cast<char>(bits))), _mm256_setzero_si256());
    return std::uint64_t{~static_cast<std::uint32_t>(_mm256_movemask_epi8(none))};
  };
  const __m256i low = table.at(p), high = table.at(p + 32);
  found.separator = mask_of(high, kSeparatorBits) << 32 | mask_of(low, kSeparatorBits);
  found.word = mask_of(high, kWordBits) << 32 | mask_of(low, kWordBits);
#else
  for (std::size_t i = 0; i < kBlockBytes; ++i) {
    const std::uint8_t sets = kGoesOn.at(p[i]);
    found.separator |= std::uint64_t{(sets & kSeparatorBits) != 0} << i;
    found.word |= std::uint64_t{(sets & kWordBits) != 0} << i;
  }
#endif
  return found;
}
}  // namespace internal

// Of the numbers that begin at `starts`, those of at most `digits_max` digits with nothing before
// or behind that could make them a part of something: no letter on either side, no separator behind
// (a comma with a space is one), no space before (that may be a year). `digit` are the digits of
// the 64 bytes at p, `before` the byte before them.
inline std::uint64_t dull_numbers(const char* p, std::uint64_t starts, std::uint64_t digit,
                                  char before, unsigned digits_max) {
  const internal::NumberNeighbours near = internal::number_neighbours(p);
  const std::uint64_t space = block_equals(p, ' '), last = std::uint64_t{1} << (kBlockBytes - 1);
  const std::uint64_t listing = block_equals(p, ',') & (space >> 1 | last);
  const std::uint64_t ends = ~(digit | near.separator | near.word | listing);
  // Digits with such an end right behind, then the ones before these.
  std::uint64_t reached = ends >> 1 & digit, dull = reached;
  for (unsigned n = 1; n < digits_max; ++n) {
    reached = reached >> 1 & digit;
    dull |= reached;
  }
  const bool first_joined =
      before == ' ' || (internal::kGoesOn.at(before) & internal::kWordBits) != 0;
  const std::uint64_t joined = (near.word | space) << 1 | (first_joined ? 1 : 0);
  return digits_max == 0 ? 0 : starts & dull & ~joined;
}

}  // namespace capsem::detect
