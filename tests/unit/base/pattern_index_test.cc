#include "core/base/pattern_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace capsem {
namespace {

std::vector<std::uint32_t> matches(const PatternIndex& index, std::string_view text) {
  std::vector<std::uint32_t> ids;
  index.each_match(text, [&ids](std::uint32_t id) { ids.push_back(id); });
  std::ranges::sort(ids);
  return ids;
}

TEST(PatternIndex, FindsLiteralsPrefixesAndEverythingElse) {
  PatternIndex index;
  EXPECT_TRUE(index.empty());
  const char* patterns[] = {"gpt-4", "gpt-*", "*", "*-4", "gp?-4", "other", "", "gpt-4"};
  for (std::uint32_t i = 0; i < std::size(patterns); ++i) ASSERT_TRUE(index.add(patterns[i], i));
  EXPECT_FALSE(index.empty());
  EXPECT_EQ(matches(index, "gpt-4"), (std::vector<std::uint32_t>{0, 1, 2, 3, 4, 7}));
  EXPECT_EQ(matches(index, ""), (std::vector<std::uint32_t>{2, 6}));
  EXPECT_EQ(matches(index, "g"), (std::vector<std::uint32_t>{2}));
  EXPECT_EQ(index.first_match("x-4"), 2u);
}

TEST(PatternIndex, SaysNoneWhenNoneMatchesAndRefusesWhatIsNoPattern) {
  PatternIndex index;
  ASSERT_TRUE(index.add("a*", 3));
  EXPECT_EQ(index.first_match("b"), PatternIndex::kNone);
  EXPECT_FALSE(index.add("[", 4));
}

TEST(PatternIndex, LongPrefixesAreToldApart) {
  PatternIndex index;
  const std::string long_one(40, 'p');
  ASSERT_TRUE(index.add(long_one + "a*", 1));
  ASSERT_TRUE(index.add(long_one + "b*", 2));
  ASSERT_TRUE(index.add(std::string(31, 'p') + "*", 3));
  ASSERT_TRUE(index.add(std::string(32, 'p') + "*", 4));
  ASSERT_TRUE(index.add(std::string(33, 'p') + "*", 5));
  EXPECT_EQ(matches(index, long_one + "b"), (std::vector<std::uint32_t>{2, 3, 4, 5}));
  EXPECT_EQ(matches(index, std::string(32, 'p')), (std::vector<std::uint32_t>{3, 4}));
}

TEST(PatternIndex, EqualsTryingEachPattern) {
  const std::string alphabet = "ab/*?";
  std::mt19937 random(5);
  const auto word = [&](std::size_t most, std::size_t letters) {
    std::string text(random() % (most + 1), ' ');
    for (char& c : text) c = alphabet[random() % letters];
    return text;
  };
  std::size_t found = 0;
  for (int round = 0; round < 60; ++round) {
    PatternIndex index;
    std::vector<Glob> globs;
    for (std::uint32_t i = 0; i < 80; ++i) {
      const std::string pattern = word(6, 5);
      ASSERT_TRUE(index.add(pattern, i));
      globs.push_back(*Glob::parse(pattern));
    }
    for (int i = 0; i < 80; ++i) {
      const std::string text = word(6, 3);
      std::vector<std::uint32_t> expected;
      for (std::uint32_t id = 0; id < globs.size(); ++id) {
        if (globs[id].matches(text)) expected.push_back(id);
      }
      found += expected.size();
      ASSERT_EQ(matches(index, text), expected) << text;
      ASSERT_EQ(index.first_match(text), expected.empty() ? PatternIndex::kNone : expected[0]);
    }
  }
  EXPECT_GT(found, 1'000u);
}

}  // namespace
}  // namespace capsem
