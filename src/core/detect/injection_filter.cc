#include "core/detect/injection_filter.h"

#include <algorithm>
#include <cstring>

#include "core/detect/chars.h"
#include "core/detect/injection_triggers.h"

namespace capsem::detect::injection {
namespace {

constexpr std::uint8_t kFreeMask = 0x3f, kHighWordMask = 0x40, kInsideMask = 0x80;
constexpr std::size_t kPrefixMax = 4;

std::size_t pair_slot(char first, char second) {
  return std::size_t{static_cast<unsigned char>(first)} << 8U | static_cast<unsigned char>(second);
}

bool is_high(char c) {
  return static_cast<unsigned char>(c) >= 0x80;
}

// The first letters of a word of another script, in the letter case they have.
std::uint32_t bytes_at(std::string_view text, std::size_t p) {
  std::uint32_t four = 0;
  std::memcpy(&four, text.data() + p, kPrefixMax);
  return four;
}

}  // namespace

void TriggerFilter::add_word(std::string_view word) {
  if (is_high(word[0])) {
    for (std::size_t i = 0; i < 3; ++i) groups_[i].mark(word[i], kHighWordMask);
    prefixes_.add(hash_of_prefix(bytes_at(word, 0)));
    return;
  }
  words_.add(hash_of(plain_word_at(word, 0)));
  for (std::size_t size = 1; size <= std::min(word.size(), kPrefixMax); ++size) {
    prefixes_.add(hash_of_prefix(plain_word_at(word.substr(0, size), 0).prefix()));
  }
}

void TriggerFilter::add_bytes(unsigned group, std::string_view first, std::string_view second,
                              std::string_view third) {
  const auto bit = static_cast<std::uint8_t>(1U << group);
  const std::array<std::string_view, 3> places = {first, second, third};
  for (std::size_t i = 0; i < places.size(); ++i) {
    for (const char c : places[i]) groups_[i].mark(c, bit);
    if (places[i].empty()) groups_[i].mark_every_byte(bit);
  }
  for (const char a : first) {
    for (const char b : second) {
      const std::size_t slot = pair_slot(a, b);
      pairs_[slot / 64] |= std::uint64_t{1} << slot % 64;
    }
  }
}

bool TriggerFilter::likely_mark(std::string_view text, std::size_t p) const {
  std::uint8_t groups = groups_[0].at(text[p]);
  if (p + 1 < text.size()) groups &= groups_[1].at(text[p + 1]);
  if (p + 2 < text.size()) groups &= groups_[2].at(text[p + 2]);
  if (!is_alpha(char_before(text, p))) groups &= static_cast<std::uint8_t>(~kInsideMask);
  if ((groups & (kFreeMask | kInsideMask)) != 0 && likely_pair(text, p)) return true;
  return (groups & kHighWordMask) != 0 && likely_high_word(text, p);
}

bool TriggerFilter::likely_pair(std::string_view text, std::size_t p) const {
  if (p + 1 == text.size()) return true;
  const std::size_t slot = pair_slot(text[p], text[p + 1]);
  return (pairs_[slot / 64] >> slot % 64 & 1U) != 0;
}

bool TriggerFilter::likely_high_word(std::string_view text, std::size_t p) const {
  if (is_alnum(char_before(text, p))) return false;
  return p + kPrefixMax > text.size() || prefixes_.has(hash_of_prefix(bytes_at(text, p)));
}

// The exact form of the test, for words that plain_words() cannot tell.
bool TriggerFilter::likely_word(std::string_view text, std::size_t p) const {
  const PlainWord word = plain_word_at(text, p);
  const bool ends = ends_plainly(text, p + word.size);
  const bool known_prefix = prefixes_.has(hash_of_prefix(word.prefix()));
  if (is_digit(text[p])) return known_prefix && (!ends || word.size >= kPrefixMax);
  if (word.size > PlainWord::kSizeMax) return false;
  if (words_.has(hash_of(word))) return true;
  if (!ends) return known_prefix;
  if (word.size > 1) return false;
  // "i g n o r e"
  const char separator = text[p + 1];
  if (p + 2 >= text.size()) return opens_spaced(text[p], separator);
  return opens_spaced(text[p], separator, text[p + 2]) &&
         (p + 3 >= text.size() || text[p + 3] == separator);
}

#if defined(__AVX2__)
namespace {

using internal::bits_of;

std::uint32_t nonzero(__m256i v) {
  return ~bits_of(_mm256_cmpeq_epi8(v, _mm256_setzero_si256()));
}
__m256i equal(__m256i v, char c) {
  return _mm256_cmpeq_epi8(v, _mm256_set1_epi8(c));
}
__m256i load(const char* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}

// The first three bytes of triggers, in registers.
struct WideGroups {
  WideHalfBytes first, second, third;

  explicit WideGroups(const std::array<HalfBytes, 3>& groups)
      : first(groups[0]), second(groups[1]), third(groups[2]) {}
  __m256i of(__m256i a, __m256i b, __m256i c) const {
    return _mm256_and_si256(_mm256_and_si256(first.of(a), second.of(b)), third.of(c));
  }
};

}  // namespace

// REQUIRES: kReads readable bytes at `at`.
inline TriggerFilter::Bytes TriggerFilter::bytes_of(const char* at) const {
  const WideGroups groups(groups_);
  Bytes bytes;
  for (unsigned i = 0; i < kPlaces; i += 32) {
    const __m256i v = load(at + i), next = load(at + i + 1), third = load(at + i + 2);
    const __m256i mark = groups.of(v, next, third);
    const __m256i alpha = internal::is_alpha(v);
    const __m256i alnum = _mm256_or_si256(alpha, internal::in_range(v, '0', '9'));
    const auto add = [i](std::uint64_t& mask, std::uint32_t bits) {
      mask |= std::uint64_t{bits} << i;
    };
    add(bytes.alpha, bits_of(alpha));
    add(bytes.alnum, bits_of(alnum));
    add(bytes.zero, bits_of(equal(v, '0')));
    add(bytes.joins, bits_of(_mm256_or_si256(v, equal(v, '\''))));
    add(bytes.alternates, bits_of(_mm256_cmpeq_epi8(next, load(at + i + 3))));
    static_assert(kInsideMask == 0x80 && (kFreeMask | kHighWordMask) == 0x7f);
    add(bytes.in_letters, bits_of(mark));
    add(bytes.mark, nonzero(_mm256_and_si256(mark, _mm256_set1_epi8(0x7f))));
  }
  return bytes;
}

#else

inline TriggerFilter::Bytes TriggerFilter::bytes_of(const char* at) const {
  Bytes bytes;
  for (std::size_t i = 0; i < kPlaces; ++i, ++at) {
    const auto add = [i](std::uint64_t& mask, bool is) { mask |= std::uint64_t{is} << i; };
    const unsigned mark = groups_[0].at(at[0]) & groups_[1].at(at[1]) & groups_[2].at(at[2]);
    add(bytes.alpha, is_alpha(*at));
    add(bytes.alnum, is_alnum(*at));
    add(bytes.zero, *at == '0');
    add(bytes.joins, is_high(*at) || *at == '\'');
    add(bytes.alternates, at[1] == at[3]);
    add(bytes.in_letters, (mark & kInsideMask) != 0);
    add(bytes.mark, (mark & ~unsigned{kInsideMask}) != 0);
  }
  return bytes;
}

#endif

inline TriggerFilter::Masks TriggerFilter::masks_of(const char* at, char before) const {
  const Bytes bytes = bytes_of(at);
  // What ends in the block, and where nothing is known of the next bytes, begins nothing longer.
  const auto ahead = [&](unsigned n) { return ~(~bytes.alnum >> n); };
  const std::uint64_t begins = bytes.alnum & ~(bytes.alnum << 1 | (is_alnum(before) ? 1U : 0U));
  const std::uint64_t after_letter = bytes.alpha << 1 | (is_alpha(before) ? 1U : 0U);
  const std::uint64_t letters = begins & bytes.alpha, zero = begins & bytes.zero;
  Masks masks;
  masks.alnum = bytes.alnum;
  masks.joins = bytes.joins;
  masks.word = letters;
  masks.zero = zero;
  masks.odd_word =
      (letters & ~(bytes.alnum >> 1) & bytes.alternates) | (zero & ahead(1) & ahead(2) & ahead(3));
  masks.mark = ~bytes.alnum & (bytes.mark | (bytes.in_letters & after_letter));
  return masks;
}

// Leaves a word that goes on behind the block to the next one. Longer words than may be known by
// their letters are left out.
inline void TriggerFilter::Masks::end_before_open_word() {
  const auto open = static_cast<unsigned>(std::countl_one(alnum));
  if (open == 0 || open == kPlaces) return;
  const std::uint64_t before = (std::uint64_t{1} << (kPlaces - open)) - 1;
  word &= before;
  if (open > PlainWord::kSizeMax) return;
  odd_word &= before;
  size = kPlaces - open;
}

// The last bytes of a text, noughts behind them.
class TriggerFilter::Tail {
 public:
  Tail(std::string_view text, std::size_t left) {
    if (text.size() >= kCopied) {
      std::memcpy(bytes_.data(), text.data() + text.size() - kCopied, kCopied);
    } else {
      std::memcpy(bytes_.data() + kCopied - left, text.data() + text.size() - left, left);
    }
    begin_ = bytes_.data() + kCopied - left;
  }
  const char* begin() const { return begin_; }

 private:
  static constexpr std::size_t kCopied = 96;  // a constant size needs no call
  static_assert(kReads <= kCopied);
  std::array<char, 2 * kCopied> bytes_{};
  const char* begin_;
};

// What the last three bytes of a text begin is not known, nor is where its last word ends.
inline TriggerFilter::Masks TriggerFilter::tail_masks(const Tail& tail, std::size_t left,
                                                      char before) const {
  Masks masks = masks_of(tail.begin(), before);
  const auto from = [](std::size_t at) { return at < kPlaces ? ~std::uint64_t{0} << at : 0; };
  const auto last = [&](std::size_t n) { return from(left - std::min(left, n)); };
  const std::uint64_t last_word = masks.alnum & ~(masks.alnum << 1) & last(PlainWord::kSizeMax);
  masks.odd_word |= (masks.word | masks.zero) & last(3);
  masks.odd_word |= masks.word & std::bit_floor(last_word & ~from(left));
  masks.mark = (masks.mark | (~masks.alnum & last(2))) & ~from(left);
  if (left >= kPlaces) masks.end_before_open_word();
  return masks;
}

// Which of masks.word are in the set; those that may go on behind their letters become odd ones.
// Nothing branches on the text's words: they are as good as random.
inline std::uint64_t TriggerFilter::plain_words(const char* at, Masks& masks) const {
  std::uint64_t found = 0, joined = 0;
  const std::uint64_t joins = masks.joins & masks.alnum << 1;
  for (std::uint64_t some = masks.word & ~masks.odd_word; some != 0; some &= some - 1) {
    const auto i = static_cast<unsigned>(std::countr_zero(some));
    const auto size = static_cast<unsigned>(std::countr_one(masks.alnum >> i));
    std::uint64_t eight = 0;
    std::memcpy(&eight, at + i, 8);
    found |= std::uint64_t{words_.has(hash_of(eight, size))} << i;
  }
  for (std::uint64_t some = joins; some != 0; some &= some - 1) {
    joined |= std::bit_floor(masks.word & ((some & -some) - 1));  // the word before it
  }
  masks.odd_word |= joined;
  return found;
}

// REQUIRES: kReads readable bytes at `at`, which stand at p of the text.
inline TriggerFilter::Block TriggerFilter::block_of(std::string_view text, std::size_t p,
                                                    const char* at, Masks masks) const {
  std::uint64_t found = plain_words(at, masks);
  for (std::uint64_t some = masks.odd_word & ~found; some != 0; some &= some - 1) {
    const auto i = static_cast<unsigned>(std::countr_zero(some));
    found |= std::uint64_t{likely_word(text, p + i)} << i;
  }
  for (std::uint64_t some = masks.mark; some != 0; some &= some - 1) {
    const auto i = static_cast<unsigned>(std::countr_zero(some));
    found |= std::uint64_t{likely_mark(text, p + i)} << i;
  }
  return {found, masks.size};
}

TriggerFilter::Block TriggerFilter::block_at(std::string_view text, std::size_t p) const {
  const std::size_t left = text.size() - p;
  const char before = char_before(text, p);
  if (left < kReads) return last_block(text, p, left, before);
  Masks masks = masks_of(text.data() + p, before);
  masks.end_before_open_word();
  return block_of(text, p, text.data() + p, masks);
}

TriggerFilter::Block TriggerFilter::last_block(std::string_view text, std::size_t p,
                                               std::size_t left, char before) const {
  // A word that the block before has left, or a part of one.
  if (left <= PlainWord::kSizeMax && plain_word_at(text, p).size == left) {
    return {!is_alnum(before) && likely_word(text, p) ? 1U : 0U};
  }
  const Tail tail(text, left);
  return block_of(text, p, tail.begin(), tail_masks(tail, left, before));
}

}  // namespace capsem::detect::injection
