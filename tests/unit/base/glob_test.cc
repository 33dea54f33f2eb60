#include "core/base/glob.h"

#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace capsem {
namespace {

struct Case {
  const char *pattern, *text;
  bool matches;
};

const Case kCases[] = {
    {"", "", true},
    {"", "a", false},
    {"gpt-4", "gpt-4", true},
    {"gpt-4", "gpt-4o", false},
    {"gpt-4", "GPT-4", false},
    {"*", "", true},
    {"**", "x/y", true},
    // R77: `*` crosses '/'.
    {"model/*", "model/openai/gpt-4", true},
    {"model/gpt-4-turbo*", "model/gpt-4-turbo-preview", true},
    {"model/gpt-4-turbo*", "model/gpt-4-turbo", true},
    {"model/gpt-4-turbo*", "model/gpt-4o", false},
    {"*gpt*", "model/my-gpt-4", true},
    {"a*b*c", "a-b-b-c", true},
    {"a*b*c", "a-b-b-c-", false},
    {"*ab", "aab", true},
    {"*aab", "aaab", true},
    {"?", "", false},
    {"?", "a", true},
    {"?", "ab", false},
    {"gpt-?", "gpt-4", true},
    {"gpt-??", "gpt-4", false},
    // `?` and sets take a whole character.
    {"?", "\xC3\xA9", true},
    {"??", "\xC3\xA9", false},
    {"?b",
     "\xE2\x82\xAC"
     "b",
     true},
    {"*?", "\xE2\x82\xAC", true},
    {"*??", "\xE2\x82\xAC", false},
    {"[!a]", "\xF0\x9F\x98\x80", true},
    {"[a-z]", "\xC3\xA9", false},
    {"caf\xC3\xA9*", "caf\xC3\xA9-1", true},
    {"[a-c]x", "bx", true},
    {"[a-c]x", "dx", false},
    {"[!a-c]x", "dx", true},
    {"[^a-c]x", "ax", false},
    {"[a-]", "-", true},
    {"[a-]", "b", false},
    {"[]]", "]", true},
    {"[!]]", "]", false},
    {"[!]]", "a", true},
    {"[0-9][0-9]", "42", true},
    {"[0-9][0-9]", "4", false},
    {"[*]", "*", true},
    {"[*]", "a", false},
    {"[/]", "/", true},
    {"\\*", "*", true},
    {"\\*", "a", false},
    {"\\[a]", "[a]", true},
    {"\\\\", "\\", true},
    {"a\\?c", "abc", false},
    {"*\\*", "abc*", true},
    {"*\\*", "abc", false},
    {"files:*", "files:read", true},
    {"premium-*", "premium-", true},
    {"premium-*", "basic-premium-1", false},
};

TEST(Glob, MatchesWholeNamesR77) {
  for (const Case& c : kCases) {
    const auto glob = Glob::parse(c.pattern);
    ASSERT_TRUE(glob) << c.pattern;
    EXPECT_EQ(glob->matches(c.text), c.matches) << c.pattern << " on " << c.text;
  }
}

TEST(Glob, RefusesPatternsThatMeanNothing) {
  for (const char* pattern : {"[", "[a", "[!", "[]", "[!]", "a\\", "[z-a]", "[\xC3\xA9]"}) {
    const auto glob = Glob::parse(pattern);
    ASSERT_FALSE(glob) << pattern;
    EXPECT_EQ(glob.error().code, "invalid_glob");
  }
  EXPECT_TRUE(Glob::parse(std::string(Glob::kBytesMax, 'a')));
  EXPECT_FALSE(Glob::parse(std::string(Glob::kBytesMax + 1, 'a')));
}

// ---- Oracle -------------------------------------------------------------------------------------

// One character of a text: its bytes.
std::vector<std::string> characters(std::string_view text) {
  std::vector<std::string> all;
  for (const char c : text) {
    const bool goes_on = (static_cast<unsigned char>(c) & 0xC0) == 0x80;
    if (goes_on && !all.empty()) {
      all.back() += c;
    } else {
      all.emplace_back(1, c);
    }
  }
  return all;
}

// The definition, written down without any thought of speed. Sets: the ones the generator makes.
bool naive(const std::vector<std::string>& pattern, std::size_t p,
           const std::vector<std::string>& text, std::size_t t) {
  if (p == pattern.size()) return t == text.size();
  const std::string& c = pattern[p];
  if (c == "*") {
    return naive(pattern, p + 1, text, t) || (t < text.size() && naive(pattern, p, text, t + 1));
  }
  if (t == text.size()) return false;
  bool takes = c == text[t];
  if (c == "?") takes = true;
  if (c.size() > 1 && c[0] == '\\') takes = c.substr(1) == text[t];
  if (c == "[ab]") takes = text[t] == "a" || text[t] == "b";
  if (c == "[!ab]") takes = text[t] != "a" && text[t] != "b";
  if (c == "[a-c]") takes = text[t] == "a" || text[t] == "b" || text[t] == "c";
  return takes && naive(pattern, p + 1, text, t + 1);
}

const std::vector<std::string> kPatternPieces = {"a", "b",   "/",    "\xC3\xA9",    "*",
                                                 "*", "?",   "[ab]", "[!ab]",       "[a-c]",
                                                 "c", "\\*", "\\\\", "\xE2\x82\xAC"};
const std::vector<std::string> kTextPieces = {"a", "b",  "c",        "/",
                                              "*", "\\", "\xC3\xA9", "\xE2\x82\xAC"};

std::string joined(const std::vector<std::string>& pieces) {
  std::string all;
  for (const std::string& piece : pieces) all += piece;
  return all;
}

std::vector<std::string> pick(std::mt19937& random, const std::vector<std::string>& from,
                              std::size_t most) {
  std::vector<std::string> picked(random() % (most + 1));
  for (std::string& piece : picked) piece = from[random() % from.size()];
  return picked;
}

TEST(Glob, AgreesWithTheNaiveMatcher) {
  std::mt19937 random(77);
  std::size_t matched = 0;
  for (int i = 0; i < 60'000; ++i) {
    const auto pattern = pick(random, kPatternPieces, 7);
    const std::string text = joined(pick(random, kTextPieces, 7));
    const auto glob = Glob::parse(joined(pattern));
    ASSERT_TRUE(glob) << joined(pattern);
    const bool expected = naive(pattern, 0, characters(text), 0);
    matched += expected;
    ASSERT_EQ(glob->matches(text), expected) << joined(pattern) << " on " << text;
    ASSERT_TRUE(!expected || text.starts_with(glob->prefix()));
  }
  EXPECT_GT(matched, 1'000u);
}

// All texts of up to `most` of these characters.
std::vector<std::string> all_texts(const std::vector<std::string>& alphabet, std::size_t most) {
  std::vector<std::string> texts{""};
  for (std::size_t begin = 0, length = 0; length < most; ++length) {
    const std::size_t end = texts.size();
    for (std::size_t i = begin; i < end; ++i) {
      for (const std::string& c : alphabet) texts.push_back(texts[i] + c);
    }
    begin = end;
  }
  return texts;
}

// Short patterns, so that a counterexample, if there is one, is short as well. Former bugs: `?` and
// sets were one byte to overlaps() and covers(), and a whole character to matches().
TEST(Glob, CoversAndOverlapsAgreeWithTryingAllShortTexts) {
  const std::vector<std::string> pieces = {"a", "b", "*", "?", "[ab]", "[!a]", "\xC3\xA9"};
  const auto texts = all_texts({"a", "b", "z", "\xC3\xA9"}, 5);
  std::mt19937 random(78);
  std::size_t covered = 0, overlapping = 0;
  for (int i = 0; i < 1'000; ++i) {
    const std::string one = joined(pick(random, pieces, 3)), two = joined(pick(random, pieces, 3));
    const Glob a = *Glob::parse(one), b = *Glob::parse(two);
    bool covers = true, overlaps = false;
    for (const std::string& text : texts) {
      if (!b.matches(text)) continue;
      const bool both = a.matches(text);
      covers = covers && both;
      overlaps = overlaps || both;
    }
    covered += covers;
    overlapping += overlaps;
    ASSERT_EQ(a.covers(b), covers) << one << " covers " << two;
    ASSERT_EQ(a.overlaps(b), overlaps) << one << " overlaps " << two;
    ASSERT_EQ(b.overlaps(a), overlaps) << two << " overlaps " << one;
  }
  EXPECT_GT(covered, 100u);
  EXPECT_GT(overlapping, 100u);
}

// Former bugs: a set without a visible ASCII member had a witness it does not match.
TEST(Glob, AWitnessMatchesItsPattern) {
  for (const char* pattern : {"", "a", "*", "?", "a*b?c", "[a-z]x", "[!a-z]", "\\*[]]", "[ ]",
                              "[\t]", "[!!-~]", "[!\x01-\x7F]", "caf\xC3\xA9?"}) {
    const auto glob = Glob::parse(pattern);
    ASSERT_TRUE(glob) << pattern;
    EXPECT_TRUE(glob->matches(glob->witness())) << pattern << " and " << glob->witness();
  }
  std::mt19937 random(79);
  for (int i = 0; i < 5'000; ++i) {
    const Glob glob = *Glob::parse(joined(pick(random, kPatternPieces, 8)));
    ASSERT_TRUE(glob.matches(glob.witness())) << glob.pattern();
  }
}

// ---- Time ---------------------------------------------------------------------------------------

template <class F>
double seconds(F&& f) {
  const auto begin = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

TEST(Glob, TakesTimeLinearInPatternTimesText) {
  std::string pattern;
  for (int i = 0; i < 300; ++i) pattern += "a*";
  const Glob glob = *Glob::parse(pattern + "b");
  const std::string text(100'000, 'a');
  bool matched = true;
  EXPECT_LT(seconds([&] { matched = glob.matches(text); }), 2.0);
  EXPECT_FALSE(matched);
  EXPECT_TRUE(glob.matches(text + "b"));
}

// Former bugs: the subsets of this pattern's positions are 2^40.
TEST(Glob, CoversEndsWhateverThePattern) {
  const Glob hard = *Glob::parse("*a" + std::string(40, '?'));
  const Glob any = *Glob::parse("*[ab]*c");
  EXPECT_LT(seconds([&] { EXPECT_FALSE(hard.covers(any)); }), 5.0);
  EXPECT_TRUE(Glob::parse("*")->covers(hard));
  EXPECT_TRUE(hard.overlaps(any));
}

}  // namespace
}  // namespace capsem
