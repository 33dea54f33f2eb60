#include "core/detect/name_starts.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "core/detect/chars.h"
#include "core/detect/half_bytes.h"

namespace capsem::detect {
namespace {

// Three bytes up to the last one of a word of interest; '?' is any byte. Each group is a bit.
struct Ending {
  std::string_view text;
  std::uint8_t group;
};
constexpr std::size_t kEndingSize = 3;
constexpr auto kEndings = std::to_array<Ending>({
    {"?an", 0},
    {"ans", 1},
    {"ish", 2},
    {"?ch", 3},
    {"ese", 4},
    {"?ek", 5},
    {"??i", 6},
    // Hints, which all end in a space and no other does.
    {"is ", 7},
    {"me ", 7},
    {"am ", 7},
    {"'m ", 7},
});

constexpr std::array<HalfBytes, kEndingSize> make_tables() {
  std::array<HalfBytes, kEndingSize> tables;
  for (const Ending& ending : kEndings) {
    const auto bit = static_cast<std::uint8_t>(1U << ending.group);
    for (std::size_t i = 0; i < kEndingSize; ++i) {
      const char c = ending.text[i];
      c == '?' ? tables[i].mark_every_byte(bit) : tables[i].mark(c, bit);
    }
  }
  return tables;
}
constexpr auto kTables = make_tables();

#if defined(__AVX2__)
// Where an ending may end in 32 bytes. REQUIRES: 2 readable bytes before them, 32 from there on.
std::uint64_t half_ends(const char* bytes) {
  const __m256i sets = _mm256_and_si256(_mm256_and_si256(WideHalfBytes(kTables[0]).at(bytes - 2),
                                                         WideHalfBytes(kTables[1]).at(bytes - 1)),
                                        WideHalfBytes(kTables[2]).at(bytes));
  const __m256i none = _mm256_cmpeq_epi8(sets, _mm256_setzero_si256());
  return ~static_cast<std::uint32_t>(_mm256_movemask_epi8(none)) & 0xFFFFFFFFULL;
}

std::uint64_t block_ends(const char* bytes) {
  return half_ends(bytes + 32) << 32 | half_ends(bytes);
}

bool all_ascii(const char* bytes) {
  const auto* wide = reinterpret_cast<const __m256i*>(bytes);
  return _mm256_movemask_epi8(
             _mm256_or_si256(_mm256_loadu_si256(wide), _mm256_loadu_si256(wide + 1))) == 0;
}
#else
std::uint64_t block_ends(const char* bytes) {
  std::uint64_t ends = 0;
  for (std::size_t i = 0; i < kBlockBytes; ++i) {
    const char* at = bytes + i;
    const bool one = (kTables[0].at(at[-2]) & kTables[1].at(at[-1]) & kTables[2].at(at[0])) != 0;
    ends |= std::uint64_t{one} << i;
  }
  return ends;
}

bool all_ascii(const char* bytes) {
  return std::none_of(bytes, bytes + kBlockBytes, [](char c) { return (c & 0x80) != 0; });
}
#endif

// Where an ending may end in the block of s at p: too often, never too seldom.
std::uint64_t ends_in(std::string_view s, std::size_t p, const char* bytes, unsigned shift) {
  if (p >= 2 && p + kBlockBytes <= s.size()) return block_ends(s.data() + p);
  if (shift != 0 && bytes - s.data() >= 2) return block_ends(bytes) >> shift;
  char around[kBlockBytes + 2] = {};
  if (p >= 2) std::memcpy(around, s.data() + p - 2, 2);
  std::memcpy(around + 2, bytes + shift, kBlockBytes - shift);
  return block_ends(around + 2);
}

// "name is ", "she is "; "calls me ", "called me "; "i am ", "i'm ": read backwards from p, as far
// as it takes to tell most others from them.
bool hint_before(std::string_view s, std::size_t p) {
  if (p < 5 || s[p - 1] != ' ') return false;
  const char one = s[p - 3], two = s[p - 2], last = fold(s[p - 5]);
  if (two == 'm' && one == '\'') return true;
  if (s[p - 4] != ' ') return false;
  if (two == 's') return one == 'i' && last == 'e';
  if (two == 'e') return one == 'm' && (last == 'l' || last == 's' || last == 'd');
  return two == 'm' && one == 'a' && last == 'i';
}

std::uint64_t hinted_in(std::string_view s, std::size_t p, std::uint64_t likely) {
  std::uint64_t hinted = 0;
  for (; likely != 0; likely &= likely - 1) {
    const std::uint64_t bit = likely & -likely;
    if (hint_before(s, p + static_cast<unsigned>(std::countr_zero(bit)))) hinted |= bit;
  }
  return hinted;
}

// Where words of five and more small letters end. What lies before the block may be any letters.
std::uint64_t long_ends(std::string_view s, std::size_t p, std::uint64_t lower) {
  const bool goes_on = p + kBlockBytes < s.size() && is_lower(s[p + kBlockBytes]);
  const std::uint64_t last = lower & ~(lower >> 1 | std::uint64_t{goes_on} << 63);
  const std::uint64_t two = lower & (lower << 1 | 1);
  return last & (two << 1 | 1) & (two << 3 | 7);
}

}  // namespace

bool ends_as_peoples(std::string_view word) {
  if (word.size() < 5) return false;
  const std::string_view end = word.substr(word.size() - kEndingSize);
  return std::any_of(kEndings.begin(), kEndings.end(), [&](const Ending& ending) {
    return std::equal(end.begin(), end.end(), ending.text.begin(),
                      [](char c, char wanted) { return wanted == '?' || wanted == c; });
  });
}

NameStarts name_starts(std::string_view s, std::size_t p, const char* bytes, unsigned shift,
                       std::uint64_t lower) {
  NameStarts out;
  if (!all_ascii(bytes)) {
    for (const char lead : {'\xC3', '\xC4', '\xC5'})
      out.marked |= block_equals(bytes, lead) >> shift;
  }
  const std::uint64_t ends = ends_in(s, p, bytes, shift);
  // Of a hint that ends with the block before, the space is left.
  const std::uint64_t before = p > 0 && s[p - 1] == ' ' ? 1 : 0;
  const std::uint64_t likely = ((ends & ~lower) << 1 | before) & lower;
  out.peoples = ends & long_ends(s, p, lower);
  if (likely != 0) out.hinted = hinted_in(s, p, likely);
  return out;
}

}  // namespace capsem::detect
