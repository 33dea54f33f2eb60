#include "core/detect/injection_filter.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/detect/chars.h"

namespace capsem::detect::injection {
namespace {

constexpr std::uint8_t kFreeMask = 0x07, kInsideMask = 0x08, kWordMask = 0xf0;

// Words that begin with letters of the same half-byte row share a group, so that the two letter
// cases add nothing to what a group lets through.
unsigned word_group(char first) {
  if (first <= 'e') return 4;
  if (first <= 'o') return 5;
  return first <= 's' ? 6 : 7;
}

std::size_t pair_slot(char first, char second) {
  return std::size_t{static_cast<unsigned char>(first)} << 8U | static_cast<unsigned char>(second);
}

}  // namespace

std::size_t TriggerFilter::prefix_slot(const char* four) {
  std::uint32_t value = 0;
  std::memcpy(&value, four, 4);
  return ((value | 0x20202020U) * 0x9E3779B1U) >> (32 - kPrefixBits);
}

void TriggerFilter::add_word(std::string_view word) {
  const auto bit = static_cast<std::uint8_t>(1U << word_group(word[0]));
  for (std::size_t i = 0; i < 3; ++i) {
    halves_[i].mark(word[i], bit);
    if (is_lower(word[i])) halves_[i].mark(static_cast<char>(word[i] & ~0x20), bit);
  }
  char four[4];
  std::memcpy(four, word.data(), 3);
  for (unsigned c = 0; c < 256; ++c) {
    four[3] = static_cast<char>(c);
    if (word.size() > 3 ? four[3] != word[3] : is_alpha(four[3])) continue;
    const std::size_t slot = prefix_slot(four);
    prefixes_[slot / 64] |= std::uint64_t{1} << slot % 64;
  }
}

void TriggerFilter::add_bytes(unsigned group, std::string_view first, std::string_view second,
                              std::string_view third) {
  const auto bit = static_cast<std::uint8_t>(1U << group);
  const std::array<std::string_view, 3> places = {first, second, third};
  for (std::size_t i = 0; i < places.size(); ++i) {
    for (const char c : places[i]) halves_[i].mark(c, bit);
    if (places[i].empty()) halves_[i].mark_every_byte(bit);
  }
  for (const char a : first) {
    for (const char b : second) {
      const std::size_t slot = pair_slot(a, b);
      pairs_[slot / 64] |= std::uint64_t{1} << slot % 64;
    }
  }
}

bool TriggerFilter::likely_pair(std::string_view text, std::size_t p) const {
  if (p + 1 == text.size()) return true;
  const std::size_t slot = pair_slot(text[p], text[p + 1]);
  return (pairs_[slot / 64] >> slot % 64 & 1U) != 0;
}

// The exact form of the test: what the wide form lets through, and the last bytes of a text.
bool TriggerFilter::likely(std::string_view text, std::size_t p) const {
  std::uint8_t groups = halves_[0].at(text[p]);
  if (p + 1 < text.size()) groups &= halves_[1].at(text[p + 1]);
  if (p + 2 < text.size()) groups &= halves_[2].at(text[p + 2]);
  if ((groups & (kFreeMask | kInsideMask)) != 0 && likely_pair(text, p)) {
    if ((groups & kFreeMask) != 0) return true;
    if (p > 0 && is_alpha(text[p - 1])) return true;
  }
  if (p > 0 && is_alpha(text[p - 1])) return false;
  if ((groups & kWordMask) == 0) return false;
  if (p + 4 > text.size()) return true;
  const std::size_t slot = prefix_slot(text.data() + p);
  return (prefixes_[slot / 64] >> slot % 64 & 1U) != 0;
}

#if defined(__AVX2__)
struct TriggerFilter::Tables {
  WideHalfBytes first, second, third;

  explicit Tables(const std::array<HalfBytes, 3>& halves)
      : first(halves[0]), second(halves[1]), third(halves[2]) {}

  static constexpr std::size_t kPlaces = 32, kReads = kPlaces + 2;
  // A bit for each of kPlaces places that may be a trigger. REQUIRES: kReads readable bytes at
  // `at`, and one before.
  std::uint32_t likely(const char* at) const {
    const __m256i hit =
        _mm256_and_si256(_mm256_and_si256(first.at(at), second.at(at + 1)), third.at(at + 2));
    const __m256i previous = _mm256_or_si256(
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at - 1)), _mm256_set1_epi8(0x20));
    const __m256i moved = _mm256_sub_epi8(previous, _mm256_set1_epi8(static_cast<char>('a' + 128)));
    const __m256i letter = _mm256_cmpgt_epi8(_mm256_set1_epi8(26 - 128), moved);
    const __m256i groups =
        _mm256_blendv_epi8(_mm256_set1_epi8(static_cast<char>(kFreeMask | kWordMask)),
                           _mm256_set1_epi8(static_cast<char>(kFreeMask | kInsideMask)), letter);
    return ~static_cast<std::uint32_t>(_mm256_movemask_epi8(
        _mm256_cmpeq_epi8(_mm256_and_si256(hit, groups), _mm256_setzero_si256())));
  }
};
#endif

std::size_t TriggerFilter::next(std::string_view text, std::size_t p) const {
#if defined(__AVX2__)
  constexpr std::size_t kPlaces = Tables::kPlaces, kReads = Tables::kReads;
  if (p == 0 && !text.empty() && likely(text, p)) return p;
  if (p == 0) p = 1;
  const Tables tables(halves_);
  while (p < text.size() && text.size() > kReads) {
    // The last block overlaps the one before.
    const std::size_t block = std::min(p, text.size() - kReads);
    if (p - block >= kPlaces) break;
    std::uint32_t some = tables.likely(text.data() + block) >> (p - block) << (p - block);
    for (; some != 0; some &= some - 1) {
      const std::size_t place = block + static_cast<unsigned>(std::countr_zero(some));
      if (likely(text, place)) return place;
    }
    p = block + kPlaces;
  }
#endif
  while (p < text.size() && !likely(text, p)) ++p;
  return p;
}

}  // namespace capsem::detect::injection
