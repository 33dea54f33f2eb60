// The pass over every byte, 64 at a time. It finds two things and nothing else is looked at again:
//
// - Tokens: 16 or more bytes of the kinds that tokens are made of, from the beginning of a word on.
//   Every shape of secrets_families.h begins with such a stretch, and prose has next to none.
// - Hints: three bytes that begin a word like "password", a URL's "://", a PEM label, curl's -u.
//
// Both may be reported too often, never too seldom.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "core/detect/chars.h"
#include "core/detect/half_bytes.h"

namespace capsem::detect::secrets {

inline constexpr std::size_t kTokenMin = 16;  // shortest token that is found by its own shape

// Letters, digits and "!_$%+-./:=~": what a token's first kTokenMin bytes may be.
constexpr bool is_token_byte(char c) {
  return is_alnum(c) || std::string_view("!_$%+-./:=~").find(c) != std::string_view::npos;
}
constexpr bool is_word_byte(char c) {
  return is_alnum(c) || c == '_';
}

namespace internal {

// Bits of a byte's classes. Sets of bytes that are a product of halves share a bit; the first four
// make up the words.
inline constexpr std::uint8_t kWordBits = 0x0f;
constexpr HalfBytes make_class_tables() {
  HalfBytes t;
  for (char c = '0'; c <= '9'; ++c) t.mark(c, 1);
  for (const char c : std::string_view("abcdefghijklmnoABCDEFGHIJKLMNO")) t.mark(c, 2);
  for (const char c : std::string_view("pqrstuvwxyzPQRSTUVWXYZ")) t.mark(c, 4);
  t.mark('_', 8);
  for (const char c : std::string_view("!$%+-./")) t.mark(c, 16);
  for (const char c : std::string_view(":=")) t.mark(c, c == ':' ? 32 : 64);
  t.mark('~', 128);
  return t;
}
inline constexpr HalfBytes kClassTables = make_class_tables();

// Hints of one group are told apart by whoever is called; groups keep unlike hints from crossing.
inline constexpr std::size_t kHintSize = 3;
struct Hint {
  std::string_view text;  // letters in either case
  std::uint8_t group;
};
inline constexpr auto kHints = std::to_array<Hint>({
    {"key", 0},
    {"tok", 1},
    {"sec", 2},
    {"pas", 3},
    {"pwd", 4},
    {"bea", 4},
    {"cre", 5},
    {"aut", 6},
    {"://", 7},
    {"--B", 7},
    {"-u ", 7},
    {"--u", 7},
});
constexpr std::array<HalfBytes, kHintSize> make_hint_tables() {
  std::array<HalfBytes, kHintSize> tables;
  for (const Hint& hint : kHints) {
    const auto bit = static_cast<std::uint8_t>(1U << hint.group);
    for (std::size_t i = 0; i < kHintSize; ++i) {
      const char c = hint.text[i];
      tables[i].mark(c, bit);
      if (is_lower(c)) tables[i].mark(static_cast<char>(c & ~0x20), bit);
    }
  }
  return tables;
}
inline constexpr auto kHintTables = make_hint_tables();

// One bit per byte of 64.
struct SecretMasks {
  std::uint64_t token = 0, word = 0, hint = 0;
};
inline constexpr std::size_t kMaskBytes = 64;
inline constexpr std::size_t kMaskReads = kMaskBytes + kHintSize - 1;

#if defined(__AVX2__)

inline std::uint32_t nonzero(__m256i v) {
  return ~static_cast<std::uint32_t>(
      _mm256_movemask_epi8(_mm256_cmpeq_epi8(v, _mm256_setzero_si256())));
}

class MaskMaker {
 public:
  // REQUIRES: kMaskReads readable bytes at p.
  SecretMasks at(const char* p) const {
    const Half a = half(p), b = half(p + 32);
    const auto join = [](std::uint32_t low, std::uint32_t high) {
      return std::uint64_t{high} << 32 | low;
    };
    return {join(a.token, b.token), join(a.word, b.word), join(a.hint, b.hint)};
  }

 private:
  struct Half {
    std::uint32_t token, word, hint;
  };
  Half half(const char* p) const {
    const __m256i classes = classes_.at(p);
    const __m256i hints =
        _mm256_and_si256(_mm256_and_si256(first_.at(p), second_.at(p + 1)), third_.at(p + 2));
    return {nonzero(classes), nonzero(_mm256_and_si256(classes, _mm256_set1_epi8(kWordBits))),
            nonzero(hints)};
  }
  WideHalfBytes classes_{kClassTables};
  WideHalfBytes first_{kHintTables[0]}, second_{kHintTables[1]}, third_{kHintTables[2]};
};

#else

class MaskMaker {
 public:
  SecretMasks at(const char* p) const {
    SecretMasks m;
    for (std::size_t i = 0; i < kMaskBytes; ++i) {
      const std::uint64_t bit = std::uint64_t{1} << i;
      const std::uint8_t classes = kClassTables.at(p[i]);
      if (classes != 0) m.token |= bit;
      if ((classes & kWordBits) != 0) m.word |= bit;
      if ((kHintTables[0].at(p[i]) & kHintTables[1].at(p[i + 1]) & kHintTables[2].at(p[i + 2])) !=
          0) {
        m.hint |= bit;
      }
    }
    return m;
  }
};

#endif

// Bits at which kTokenMin set bits begin, of `low` followed by `high`.
inline std::uint64_t long_runs(std::uint64_t low, std::uint64_t high) {
  static_assert(kTokenMin == 16);
  for (unsigned step = 1; step < kTokenMin; step *= 2) {
    low &= low >> step | high << (64 - step);
    high &= high >> step;
  }
  return low;
}

}  // namespace internal

// Calls visit.token(p) and visit.hint(p) for places of s, in ascending order of 64-byte blocks,
// from `begin` on. What follows an incomplete text counts as a token's bytes.
template <class Visitor>
void visit_triggers(std::string_view s, std::size_t begin, bool complete, Visitor&& visit) {
  const internal::MaskMaker maker;
  const auto masks_at = [&](std::size_t p) {
    internal::SecretMasks m;
    if (p + internal::kMaskReads <= s.size()) return maker.at(s.data() + p);
    const std::size_t size = p < s.size() ? std::min(s.size() - p, internal::kMaskReads) : 0;
    if (size > 0) {
      char padded[internal::kMaskReads] = {};
      std::memcpy(padded, s.data() + p, size);
      m = maker.at(padded);
    }
    if (!complete && size < internal::kMaskBytes) m.token |= ~std::uint64_t{0} << size;
    return m;
  };
  std::uint64_t carry = begin > 0 && is_word_byte(s[begin - 1]) ? 1 : 0;
  internal::SecretMasks now = masks_at(begin);
  for (std::size_t p = begin; p < s.size(); p += internal::kMaskBytes) {
    const internal::SecretMasks next = masks_at(p + internal::kMaskBytes);
    std::uint64_t tokens = internal::long_runs(now.token, next.token) & ~(now.word << 1 | carry);
    if (s.size() - p < internal::kMaskBytes) {
      tokens &= (std::uint64_t{1} << (s.size() - p)) - 1;
    }
    for (; tokens != 0; tokens &= tokens - 1) {
      visit.token(p + static_cast<unsigned>(std::countr_zero(tokens)));
    }
    for (std::uint64_t hints = now.hint; hints != 0; hints &= hints - 1) {
      visit.hint(p + static_cast<unsigned>(std::countr_zero(hints)));
    }
    carry = now.word >> 63;
    now = next;
  }
}

}  // namespace capsem::detect::secrets
