#include "core/detect/phone_words.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "core/detect/chars.h"

namespace capsem::detect {
namespace {

constexpr std::size_t kBetweenMax = 4;  // words between the one that announces and the number

// The last eight letters of a word, case aside, as one number.
constexpr std::uint64_t letters_of(std::string_view word) {
  std::uint64_t letters = 0;
  for (const char c : word) letters = letters << 8 | static_cast<unsigned char>(fold(c));
  return letters;
}

template <std::size_t N>
constexpr std::array<std::uint64_t, N> letters_of_all(
    const std::array<std::string_view, N>& words) {
  std::array<std::uint64_t, N> all{};
  std::ranges::transform(words, all.begin(), letters_of);
  return all;
}

// Words that say whose number follows, and those that may stand between.
constexpr auto kNouns = letters_of_all(
    std::to_array<std::string_view>({"phone", "telephone", "tel", "cellphone", "fax", "landline",
                                     "hotline", "whatsapp", "telefon", "sms"}));
// Nouns with other uses ("on mobile 250000 users"): a sign or a word has to lead to the number, or
// it is written in groups.
constexpr auto kVagueNouns = letters_of_all(
    std::to_array<std::string_view>({"mobile", "cell", "desk", "handy", "answering"}));
// Verbs with other uses ("reach 250000 users"): somebody has to be called.
constexpr auto kVerbs = letters_of_all(
    std::to_array<std::string_view>({"call", "dial", "ring", "reach", "text", "message"}));
constexpr auto kCalled =
    letters_of_all(std::to_array<std::string_view>({"me", "us", "him", "her", "them"}));
constexpr auto kBetween = letters_of_all(
    std::to_array<std::string_view>({"number", "no", "nr", "num", "is", "at", "on", "under", "to",
                                     "my", "your", "the", "office", "home", "work"}));

template <std::size_t N>
bool is_listed(std::uint64_t letters, const std::array<std::uint64_t, N>& list) {
  bool found = false;
  for (const std::uint64_t entry : list) found |= entry == letters;  // all at once
  return found;
}

constexpr auto kGapBytes = [] {
  std::array<bool, 256> bytes{};
  for (const char c : std::string_view(" :#.\"'=-(\t\n"))
    bytes[static_cast<unsigned char>(c)] = true;
  return bytes;
}();

bool is_grouped(std::string_view s, std::size_t p) {
  const std::size_t end = digits_end(s, p);
  const char gap = char_at(s, end);
  return (gap == ' ' || gap == '-' || gap == '.' || gap == ')') && digit_at(s, end + 1);
}

// "386 3694", "386-3694" at p.
bool is_local_number(std::string_view s, std::size_t p) {
  const std::size_t end = digits_end(s, p);
  const char gap = char_at(s, end);
  return end - p == 3 && (gap == ' ' || gap == '-') && digits_end(s, end + 1) == end + 5;
}
}  // namespace

bool phone_announced(std::string_view s, std::size_t p) {
  const bool local = is_local_number(s, p), grouped = is_grouped(s, p);
  bool called = false, led = false;
  constexpr std::size_t kGapMax = 4, kWordMax = 9;
  for (std::size_t n = 0; n <= kBetweenMax; ++n) {
    const std::size_t gap_end = p;
    while (p > 0 && gap_end - p < kGapMax && kGapBytes[static_cast<unsigned char>(s[p - 1])]) {
      --p;
    }
    const std::size_t end = p;
    led = led || n > 0 || gap_end - end > 1 || (gap_end > end && s[end] != ' ');
    std::uint64_t letters = 0;
    while (p > 0 && end - p <= kWordMax && is_alpha(s[p - 1])) {
      --p;
      if (end - p <= 8) {
        letters |= std::uint64_t{static_cast<unsigned char>(fold(s[p]))} << 8 * (end - p - 1);
      }
    }
    if (p == end || p == gap_end || end - p > kWordMax || word_before(s, p)) return false;
    if (is_listed(letters, kNouns)) return true;
    if (is_listed(letters, kVagueNouns)) return led || grouped;
    if (is_listed(letters, kVerbs)) return called || local;
    const bool object = is_listed(letters, kCalled);
    if (!object && !is_listed(letters, kBetween)) return false;
    called = called || object;
  }
  return false;
}

}  // namespace capsem::detect
