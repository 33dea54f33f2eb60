// What the PII detector tells from masks of 64 bytes is what a look at each byte tells.
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "core/detect/dull_numbers.h"
#include "core/detect/ids.h"
#include "core/detect/pii_chain.h"
#include "core/detect/words_before.h"

namespace capsem::detect {
namespace {

std::string random_text(std::mt19937& random, std::string_view alphabet, std::size_t size) {
  std::string text;
  while (text.size() < size) text += alphabet[random() % alphabet.size()];
  return text;
}

struct Found {
  std::size_t begin, end;
  bool named;
  bool operator==(const Found&) const = default;
};

std::vector<Found> words_by_bytes(std::string_view s, std::size_t p, std::size_t floor) {
  std::vector<Found> words;
  while (true) {
    while (p > floor && !internal::belongs_to_word(s[p - 1])) --p;
    if (p == floor) return words;
    const std::size_t end = p;
    while (p > floor && internal::belongs_to_word(s[p - 1])) --p;
    bool named = end - p == 1 && is_alpha(s[p]);
    for (std::size_t i = p + 1; i < end; ++i) named |= is_alpha(s[i]) && is_alpha(s[i - 1]);
    words.push_back({p, end, named});
  }
}

TEST(WordsBefore, AreThoseThatALookAtEachByteFinds) {
  std::mt19937 random(1);
  for (const std::string_view alphabet :
       {"ab12 ", "a1b2c3_. ", "abcdefgh12345678 ", "\xC3\xA9z0 "}) {
    for (unsigned round = 0; round < 2000; ++round) {
      const std::string text = random_text(random, alphabet, 1 + random() % 300);
      const std::size_t p = random() % (text.size() + 1);
      const std::size_t floor = random() % 2 == 0 ? 0 : random() % (p + 1);
      std::vector<Found> found;
      WordsBefore words(text, p, floor);
      for (WordsBefore::Word w; words.next(w);) found.push_back({w.begin, w.end, w.named});
      ASSERT_EQ(found, words_by_bytes(text, p, floor))
          << text << " before " << p << " to " << floor;
    }
  }
}

// The number at [p, end), as pii_digits.cc would judge it.
bool dull_by_bytes(std::string_view s, std::size_t p, std::size_t end, unsigned digits_max) {
  const char next = char_at(s, end), before = char_before(s, p);
  const auto letter = [](char c) {
    return is_alpha(c) || c == '_' || static_cast<unsigned char>(c) >= 0x80;
  };
  if (end - p > digits_max || letter(before) || before == ' ' || letter(next)) return false;
  if (next == ',' && char_at(s, end + 1) == ' ') return false;
  return std::string_view(" -./):").find(next) == std::string_view::npos;
}

TEST(DullNumbers, AreShortAndHaveNothingBesideThemThatGoesOn) {
  std::mt19937 random(2);
  for (unsigned round = 0; round < 3000; ++round) {
    const std::string text =
        random_text(random, "01234567890123456789 ,-.:/()\"a_\xC3{}+", 65) + ",";
    const std::string_view s = text;
    const auto digits_max = static_cast<unsigned>(random() % 6);
    std::uint64_t digit = 0;
    for (std::size_t i = 0; i < kBlockBytes; ++i) digit |= std::uint64_t{is_digit(s[1 + i])} << i;
    const std::uint64_t starts = digit & ~(digit << 1 | (is_digit(s[0]) ? 1 : 0));
    const std::uint64_t dull = dull_numbers(s.data() + 1, starts, digit, s[0], digits_max);
    for (std::size_t i = 0; i < kBlockBytes; ++i) {
      if ((starts >> i & 1) == 0) {
        ASSERT_EQ(dull >> i & 1, 0U);
        continue;
      }
      const std::size_t end = digits_end(s, 1 + i);
      // Where the number or its comma ends the block it is not known what follows.
      const bool known = end < kBlockBytes || (end == kBlockBytes && s[end] != ',');
      ASSERT_EQ(dull >> i & 1, known && dull_by_bytes(s, 1 + i, end, digits_max) ? 1U : 0U)
          << text << " at " << 1 + i << ", at most " << digits_max;
    }
  }
}

TEST(OpenChain, IsTheSameInALongTextAndInAShortOne) {
  std::mt19937 random(3);
  for (const std::string_view alphabet :
       {"ab ", "aB1 ,", "dev 1,", "A.-(@: ,\"", "ab\xC3\xA9 ,", "of the de la rue 1A,. "}) {
    for (unsigned round = 0; round < 3000; ++round) {
      const std::string tail = random_text(random, alphabet, random() % 50);
      const std::string before(100, '\n');
      // Short texts are read byte by byte.
      ASSERT_EQ(open_chain(before + tail), before.size() + open_chain("\n" + tail) - 1) << tail;
    }
  }
}

// What may follow the first run of a text that fits a shape is what Shape::after() says of it.
TEST(Shape, KnowsWhatMayFollowItsFirstRun) {
  std::mt19937 random(4);
  std::size_t fits = 0;
  for (const auto table :
       {us_ids(), uk_ids(), german_ids(), european_ids(), asian_ids(), other_ids()}) {
    for (const IdRow& row : table) {
      const Shape shape(row.shape);
      for (unsigned round = 0; round < 600; ++round) {
        std::string text = random_text(random, round % 2 == 0 ? "0123456789" : "123456789 -A", 3);
        if (round % 3 == 0) text = random_text(random, "ABCDEHJKMX", 1 + random() % 3) + text;
        text += random_text(random, "0123456789012345678901234567AB -./", random() % 14);
        if (!is_alnum(text[0])) continue;
        const bool letters = is_alpha(text[0]);
        std::size_t n = 1;
        while (n < text.size() && is_alnum(text[n]) && is_alpha(text[n]) == letters) ++n;
        const Shape::Next next = shape.after(letters, n);
        const std::size_t end = shape.fit(text, 0).end;
        const bool goes_on = next.chars.has(char_at(text, n));
        if (end == n) {
          EXPECT_TRUE(next.possible && next.nothing) << row.shape << ": " << text;
        } else if (end != 0) {
          EXPECT_TRUE(next.possible && goes_on) << row.shape << ": " << text;
        }
        if (next.any && shape.first().has(text[0]) && !goes_on && !word_at(text, n)) {
          EXPECT_EQ(end, n) << row.shape << ": " << text;
        }
        fits += end != 0 ? 1 : 0;
      }
    }
  }
  EXPECT_GT(fits, 300U);
}

}  // namespace
}  // namespace capsem::detect
