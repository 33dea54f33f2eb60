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

// text[begin, end) in lower case; of words that are too long the last letters.
struct LowerCase {
  std::array<char, kContextWordMax> letters;
  std::size_t size;

  LowerCase(std::string_view text, std::size_t begin, std::size_t end)
      : size(std::min(end - begin, kContextWordMax)) {
    for (std::size_t i = 0; i < size; ++i) letters[i] = fold(text[end - size + i]);
  }
  std::string_view view() const { return {letters.data(), size}; }
};

#if defined(__AVX2__)

// From kKeyMask[n] on: 16 - n bytes 0, then n bytes 0xFF.
constexpr auto kKeyMask = [] {
  std::array<std::uint8_t, 2 * kKeyBytes> mask{};
  for (std::size_t i = kKeyBytes; i < mask.size(); ++i) mask[i] = 0xFF;
  return mask;
}();

// REQUIRES: kKeyBytes readable bytes before `end`.
ContextMemo::Key wide_key(const char* end, std::size_t size) {
  const auto load = [](const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); };
  const __m128i bytes = _mm_and_si128(load(end - kKeyBytes), load(kKeyMask.data() + size));
  const __m128i upper = _mm_and_si128(_mm_cmpgt_epi8(bytes, _mm_set1_epi8('A' - 1)),
                                      _mm_cmplt_epi8(bytes, _mm_set1_epi8('Z' + 1)));
  const __m128i lower = _mm_or_si128(bytes, _mm_and_si128(upper, _mm_set1_epi8(0x20)));
  ContextMemo::Key key;
  std::memcpy(&key.low, &lower, sizeof key.low);
  std::memcpy(&key.high, reinterpret_cast<const char*>(&lower) + sizeof key.low, sizeof key.high);
  return key;
}

#endif

// REQUIRES: end - begin <= kKeyBytes.
ContextMemo::Key key_of(std::string_view text, std::size_t begin, std::size_t end) {
#if defined(__AVX2__)
  if (end >= kKeyBytes) return wide_key(text.data() + end, end - begin);
#endif
  std::array<char, kKeyBytes> bytes{};
  for (std::size_t i = begin; i < end; ++i) bytes[kKeyBytes - (end - i)] = fold(text[i]);
  ContextMemo::Key key;
  std::memcpy(&key.low, bytes.data(), sizeof key.low);
  std::memcpy(&key.high, bytes.data() + sizeof key.low, sizeof key.high);
  return key;
}

// What `read` says of text[begin, end), from memory if it is short.
template <class Value, std::size_t N>
Value recall(std::string_view text, std::size_t begin, std::size_t end,
             std::array<ContextMemo::Entry<Value>, N>& memo, Value (*read)(std::string_view)) {
  static_assert(std::has_single_bit(N));
  if (end - begin > kKeyBytes) return read(LowerCase(text, begin, end).view());
  const ContextMemo::Key key = key_of(text, begin, end);
  const std::uint64_t mixed = (key.low ^ key.high * 0xbf58476d1ce4e5b9ULL) * 0x9e3779b97f4a7c15ULL;
  auto& entry = memo[mixed >> (64 - std::countr_zero(N))];
  if (entry.key != key) entry = {key, read(LowerCase(text, begin, end).view())};
  return entry.value;
}

// Types that the token names in which the match at p begins: "SSN123".
TypeMask types_of_token(std::string_view text, std::size_t p, ContextMemo& memo) {
  std::size_t end = p;
  bool letters = false;
  while (end < text.size() && end - p < kContextWordMax && internal::belongs_to_word(text[end])) {
    letters |= end > p && is_alpha(text[end]) && is_alpha(text[end - 1]);
    ++end;
  }
  return letters ? recall(text, p, end, memo.words, context_word).types : TypeMask{};
}

}  // namespace

TypeMask context_types(std::string_view text, std::size_t p, ContextMemo& memo) {
  TypeMask types = types_of_token(text, p, memo);
  WordsBefore words(text, p, p > kWindowBytes ? p - kWindowBytes : 0);
  std::uint64_t after = 0;
  WordsBefore::Word word;
  for (unsigned count = 0; count < kWindowWords && words.next(word);) {
    // A number counts as a keyword and names nothing.
    ContextWord says;
    if (word.named) says = recall(text, word.begin, word.end, memo.words, context_word);
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
    const ContextNoun noun = recall(text, i, end, memo.nouns, context_noun);
    if (!noun.filler) return noun.types;
  }
  return {};
}

}  // namespace capsem::detect
