#include "core/detect/context.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "core/detect/chars.h"
#include "core/detect/words_before.h"

namespace capsem::detect {
namespace {

constexpr std::size_t kWindowBytes = 200;  // how far back the window may reach; < kLookBehind
constexpr unsigned kWindowWords = 5;
constexpr std::size_t kKeyBytes = 16;

using Key = ContextMemo::Key;

Key as_key(const void* bytes) {
  Key key;
  std::memcpy(&key, bytes, sizeof key);
  return key;
}

// text[begin, end) in lower case, at the end of kKeyBytes bytes, with 0 before it.
// REQUIRES: end - begin <= kKeyBytes.
[[gnu::noinline]] Key narrow_key(std::string_view text, std::size_t begin, std::size_t end) {
  std::array<char, kKeyBytes> bytes{};
  for (std::size_t i = begin; i < end; ++i) bytes[kKeyBytes - (end - i)] = fold(text[i]);
  return as_key(bytes.data());
}

#if defined(__AVX2__)

// From kKeyMask[n] on: 16 - n bytes 0, then n bytes 0xFF.
constexpr auto kKeyMask = [] {
  std::array<std::uint8_t, 2 * kKeyBytes> mask{};
  for (std::size_t i = kKeyBytes; i < mask.size(); ++i) mask[i] = 0xFF;
  return mask;
}();

// The same. REQUIRES: kKeyBytes readable bytes before `end`.
inline Key wide_key(const char* end, std::size_t size) {
  const auto load = [](const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); };
  const __m128i bytes = _mm_and_si128(load(end - kKeyBytes), load(kKeyMask.data() + size));
  const __m128i upper = _mm_and_si128(_mm_cmpgt_epi8(bytes, _mm_set1_epi8('A' - 1)),
                                      _mm_cmplt_epi8(bytes, _mm_set1_epi8('Z' + 1)));
  const __m128i lower = _mm_or_si128(bytes, _mm_and_si128(upper, _mm_set1_epi8(0x20)));
  return as_key(&lower);
}

#endif

inline Key key_of(std::string_view text, std::size_t begin, std::size_t end) {
#if defined(__AVX2__)
  if (end >= kKeyBytes) return wide_key(text.data() + end, end - begin);
#endif
  return narrow_key(text, begin, end);
}

// Sets `value` to what `read` says of text[begin, end) in lower case; of a word that is too long,
// of its last letters.
template <class Value>
[[gnu::noinline]] void look_up(std::string_view text, std::size_t begin, std::size_t end,
                               Value (*read)(std::string_view), Value& value) {
  std::array<char, kContextWordMax> letters;
  const std::size_t size = std::min(end - begin, kContextWordMax);
  for (std::size_t i = 0; i < size; ++i) letters[i] = fold(text[end - size + i]);
  value = read({letters.data(), size});
}

// The same from memory, if the word is short: valid until the next call.
template <class Value, std::size_t N>
inline const Value& recall(std::string_view text, std::size_t begin, std::size_t end,
                           ContextMemo::Table<Value, N>& memo, Value (*read)(std::string_view)) {
  static_assert(std::has_single_bit(N));
  if (end - begin > kKeyBytes) {
    look_up(text, begin, end, read, memo.long_one);
    return memo.long_one;
  }
  const Key key = key_of(text, begin, end);
  const std::uint64_t mixed = (key.low ^ key.high * 0xbf58476d1ce4e5b9ULL) * 0x9e3779b97f4a7c15ULL;
  auto& entry = memo.entries[mixed >> (64 - std::countr_zero(N))];
  if (entry.key != key) {
    look_up(text, begin, end, read, entry.value);
    entry.key = key;
  }
  return entry.value;
}

// Of the text at p; behind its end there is nothing.
WordMasks masks_at(std::string_view text, std::size_t p) {
  const std::size_t size = text.size() - p;
  if (size >= kBlockBytes) return word_masks(text.data() + p);
  if (text.size() < kBlockBytes) return word_masks(PaddedBlock(text.data() + p, size).bytes);
  if (size == 0) return {};
  WordMasks masks = word_masks(text.data() + text.size() - kBlockBytes);
  masks.word >>= kBlockBytes - size;
  masks.letter >>= kBlockBytes - size;
  return masks;
}

// Types that the token names in which the match at p begins: "SSN123".
TypeMask types_of_token(std::string_view text, std::size_t p, ContextMemo& memo) {
  const WordMasks masks = masks_at(text, p);
  const std::size_t token =
      std::min<std::size_t>(static_cast<unsigned>(std::countr_one(masks.word)), kContextWordMax);
  const std::uint64_t inside = (std::uint64_t{1} << token) - 1;
  if ((letter_pairs(masks.letter) & inside) == 0) return {};
  return recall(text, p, p + token, memo.words, context_word).types;
}

}  // namespace

TypeMask context_types(std::string_view text, std::size_t p, ContextMemo& memo) {
  TypeMask types = types_of_token(text, p, memo);
  WordsBefore words(text, p, p > kWindowBytes ? p - kWindowBytes : 0);
  std::uint64_t after = 0;
  WordsBefore::Word word;
  for (unsigned count = 0; count < kWindowWords && words.next(word);) {
    if (!word.named) {  // a number counts as a keyword
      after = 0;
      ++count;
      continue;
    }
    const ContextWord& says = recall(text, word.begin, word.end, memo.words, context_word);
    if (says.stop) continue;
    types |= says.types;
    if (says.parts != 0) types |= phrases_of(says.parts, after | says.parts);
    after = says.parts;
    ++count;
  }
  return types;
}

namespace {

constexpr std::size_t kPhraseBytes = 48;

// What may stand between a noun and its number; a sentence's end is not that.
constexpr auto kPhraseGaps = [] {
  std::array<bool, 256> gaps{};
  for (const char c : std::string_view(" :#.\"'=_-(\t")) gaps[static_cast<unsigned char>(c)] = true;
  return gaps;
}();

}  // namespace

TypeMask phrase_types(std::string_view text, std::size_t p, ContextMemo& memo) {
  const std::size_t floor = p > kPhraseBytes ? p - kPhraseBytes : 0;
  std::size_t i = p;
  for (unsigned words = 0; words < 4; ++words) {
    const std::size_t gap_end = i;
    while (i > floor && gap_end - i < 4 && kPhraseGaps[static_cast<unsigned char>(text[i - 1])]) {
      --i;
    }
    const std::size_t end = i;
    while (i > floor && is_alpha(text[i - 1])) --i;
    if (i == end) return {};
    const ContextNoun& noun = recall(text, i, end, memo.nouns, context_noun);
    if (!noun.filler) return noun.types;
  }
  return {};
}

}  // namespace capsem::detect
