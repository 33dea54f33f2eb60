#include "core/detect/context.h"

#include <algorithm>
#include <array>

#include "core/detect/chars.h"

namespace capsem::detect {
namespace {

constexpr std::size_t kWindowBytes = 200;  // how far back the window may reach; < kLookBehind
constexpr unsigned kWindowWords = 5;
constexpr std::size_t kWordMax = 40;  // longer words are identifiers and blobs, not context

struct Listed {
  std::string_view word;
  EntityType type;
  bool at_start = false;  // only at a word's beginning
};

constexpr auto kListed = std::to_array<Listed>({
    {"account", EntityType::UsBankNumber},
    {"acct", EntityType::UsBankNumber},
    {"amex", EntityType::CreditCard},
    {"bank", EntityType::UsBankNumber},
    {"bank", EntityType::IbanCode},
    {"birthday", EntityType::DateTime},
    {"bitcoin", EntityType::Crypto},
    {"btc", EntityType::Crypto},
    {"call", EntityType::PhoneNumber},
    {"card", EntityType::CreditCard},
    {"cdl", EntityType::UsDriverLicense, true},
    {"cell", EntityType::PhoneNumber},
    {"check", EntityType::UsBankNumber},
    {"credit", EntityType::CreditCard},
    {"crypto", EntityType::Crypto},
    {"date", EntityType::DateTime},
    {"debit", EntityType::UsBankNumber},
    {"diners", EntityType::CreditCard},
    {"discover", EntityType::CreditCard},
    {"document", EntityType::UsPassport},
    {"driver", EntityType::UsDriverLicense},
    {"driving", EntityType::UsDriverLicense},
    {"email", EntityType::EmailAddress},
    {"iban", EntityType::IbanCode},
    {"identification", EntityType::UsDriverLicense},
    {"ip", EntityType::IpAddress, true},
    {"jcb", EntityType::CreditCard},
    {"lic", EntityType::UsDriverLicense, true},
    {"maestro", EntityType::CreditCard},
    {"mobile", EntityType::PhoneNumber},
    {"number", EntityType::PhoneNumber},
    {"passport", EntityType::UsPassport},
    {"permit", EntityType::UsDriverLicense},
    {"phone", EntityType::PhoneNumber},
    {"save", EntityType::UsBankNumber},
    {"security", EntityType::UsSsn},
    {"social", EntityType::UsSsn},
    {"ssid", EntityType::UsSsn},
    {"ssn", EntityType::UsSsn},
    {"states", EntityType::UsPassport},
    {"transaction", EntityType::IbanCode},
    {"travel", EntityType::UsPassport},
    {"united", EntityType::UsPassport},
    {"visa", EntityType::CreditCard},
    {"wallet", EntityType::Crypto},
});
static_assert(std::is_sorted(kListed.begin(), kListed.end(),
                             [](const Listed& a, const Listed& b) { return a.word < b.word; }));

// First entry of kListed for each letter, and one past the last.
constexpr std::array<std::uint8_t, 27> make_index() {
  std::array<std::uint8_t, 27> index{};
  for (unsigned letter = 0; letter < 27; ++letter) {
    std::uint8_t n = 0;
    while (n < kListed.size() && kListed[n].word[0] < static_cast<char>('a' + letter)) ++n;
    index[letter] = n;
  }
  return index;
}
constexpr auto kIndex = make_index();

constexpr auto kStopWords = std::to_array<std::string_view>({
    "a",     "about",  "all",  "also", "am",   "an",    "and",   "any",   "are",  "as",     "at",
    "be",    "been",   "but",  "by",   "can",  "did",   "do",    "does",  "for",  "from",   "get",
    "give",  "had",    "has",  "have", "he",   "her",   "here",  "his",   "how",  "i",      "if",
    "in",    "into",   "is",   "it",   "its",  "just",  "me",    "my",    "no",   "not",    "now",
    "of",    "on",     "one",  "only", "or",   "our",   "out",   "over",  "per",  "please", "s",
    "she",   "should", "so",   "some", "than", "that",  "the",   "their", "them", "then",   "there",
    "these", "they",   "this", "to",   "too",  "under", "up",    "us",    "used", "using",  "very",
    "was",   "we",     "well", "were", "what", "when",  "where", "which", "who",  "will",   "with",
    "would", "you",    "your",
});
static_assert(std::is_sorted(kStopWords.begin(), kStopWords.end()));

struct Word {
  std::array<char, kWordMax> letters;
  std::size_t size = 0;
  std::string_view view() const { return {letters.data(), size}; }
};

// Lower-cases text[begin, end) into `word`; words that are too long keep their last letters.
void fold_into(std::string_view text, std::size_t begin, std::size_t end, Word& word) {
  if (end - begin > kWordMax) begin = end - kWordMax;
  word.size = end - begin;
  for (std::size_t i = begin; i < end; ++i) word.letters[i - begin] = fold(text[i]);
}

TypeMask listed_in(std::string_view word) {
  TypeMask types;
  for (std::size_t at = 0; at < word.size(); ++at) {
    if (!is_lower(word[at])) continue;
    const auto letter = static_cast<unsigned>(word[at] - 'a');
    for (unsigned n = kIndex[letter]; n < kIndex[letter + 1]; ++n) {
      const Listed& listed = kListed[n];
      if (listed.at_start && at != 0) continue;
      if (word.substr(at).starts_with(listed.word)) types.insert(listed.type);
    }
  }
  return types;
}

bool is_stop_word(std::string_view word) {
  return word.size() <= 6 && std::binary_search(kStopWords.begin(), kStopWords.end(), word);
}

// Types that the word text[begin, end) names; `stop` tells that it is not a keyword at all.
ContextMemo::Entry look_up(std::string_view text, std::size_t begin, std::size_t end,
                           ContextMemo& memo) {
  if (end - begin > sizeof(std::uint64_t)) {
    Word word;
    fold_into(text, begin, end, word);
    return {0, listed_in(word.view()), false};
  }
  std::uint64_t key = 0;
  for (std::size_t i = begin; i < end; ++i) {
    key = key << 8 | static_cast<unsigned char>(fold(text[i]));
  }
  auto& entry = memo.entries[key * 0x9e3779b97f4a7c15ULL >> 56];
  if (entry.word != key) {
    Word word;
    fold_into(text, begin, end, word);
    entry = {key, listed_in(word.view()), is_stop_word(word.view())};
  }
  return entry;
}

bool word_byte(char c) {
  return (class_of(c) & kWord) != 0 || is_continuation(c);
}

// The word that ends at `end`, cut at `floor`. A number counts as a keyword and names nothing.
const ContextMemo::Place& word_ending_at(std::string_view text, std::size_t end, std::size_t floor,
                                         ContextMemo& memo) {
  auto& place = memo.places[end % memo.places.size()];
  if (place.scan == memo.scan && place.end == end && place.begin > floor) return place;
  std::size_t begin = end;
  bool letters = false;
  while (begin > floor && word_byte(text[begin - 1])) letters |= is_alpha(text[--begin]);
  place = {memo.scan, begin, end, {}, false};
  if (letters) {
    const auto entry = look_up(text, begin, end, memo);
    place.types = entry.types;
    place.stop = entry.stop;
  }
  if (begin == floor) place.scan = 0;  // cut short: another window may see more of it
  return place;
}

}  // namespace

TypeMask context_types(std::string_view text, std::size_t p, ContextMemo& memo) {
  const std::size_t floor = p > kWindowBytes ? p - kWindowBytes : 0;
  TypeMask types;
  // The token that holds the beginning of the match.
  std::size_t end = p;
  bool letters = false;
  while (end < text.size() && end - p < kWordMax && word_byte(text[end])) {
    letters |= is_alpha(text[end++]);
  }
  if (letters) types |= look_up(text, p, end, memo).types;
  std::size_t i = p;
  for (unsigned words = 0; words < kWindowWords;) {
    while (i > floor && !word_byte(text[i - 1])) --i;
    if (i == floor) break;
    const auto& word = word_ending_at(text, i, floor, memo);
    i = word.begin;
    if (word.stop) continue;
    types |= word.types;
    ++words;
  }
  return types;
}

namespace {

constexpr std::size_t kPhraseBytes = 48;

bool strip_suffix(std::string_view& word, std::string_view suffix) {
  if (!word.ends_with(suffix)) return false;
  word.remove_suffix(suffix.size());
  return true;
}

// "number", "no", "is": words between the noun and the number, also glued to the noun as in
// "accountNumber".
bool strip_filler(std::string_view& word) {
  for (const std::string_view filler : {"number", "num", "nr", "is", "the", "code"}) {
    if (strip_suffix(word, filler)) return true;
  }
  if (word == "no" || word == "id" || word == "was") {
    word = {};
    return true;
  }
  return false;
}

TypeMask phrase_noun(std::string_view word) {
  if (word.ends_with("account") || word == "acct") return TypeMask{EntityType::UsBankNumber};
  if (word.ends_with("passport")) return TypeMask{EntityType::UsPassport};
  if (word.ends_with("license") || word.ends_with("licence")) {
    return TypeMask{EntityType::UsDriverLicense};
  }
  if (word == "ssn" || word.ends_with("security")) return TypeMask{EntityType::UsSsn};
  return {};
}

}  // namespace

TypeMask phrase_types(std::string_view text, std::size_t p) {
  const std::size_t floor = p > kPhraseBytes ? p - kPhraseBytes : 0;
  std::size_t i = p;
  Word letters;
  for (unsigned words = 0; words < 4; ++words) {
    // Only what may stand between a noun and its number; a sentence's end is not that.
    const std::size_t gap_end = i;
    while (i > floor && gap_end - i < 4 &&
           std::string_view(" :#.\"'=_-(\t").find(text[i - 1]) != std::string_view::npos) {
      --i;
    }
    const std::size_t end = i;
    while (i > floor && is_alpha(text[i - 1])) --i;
    if (i == end) return {};
    fold_into(text, i, end, letters);
    std::string_view word = letters.view();
    strip_filler(word);
    if (word.empty()) continue;
    return phrase_noun(word);
  }
  return {};
}

TypeMask types_with_context() {
  TypeMask types;
  for (const Listed& listed : kListed) types.insert(listed.type);
  return types;
}

}  // namespace capsem::detect
