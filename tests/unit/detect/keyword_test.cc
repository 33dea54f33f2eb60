// Keywords: everywhere, letter case ignored, all of them, held back only while one is under way.
#include "core/detect/keyword.h"

#include "tests/unit/detect/helpers.h"

namespace capsem::detect {
namespace {

using namespace testing;

// Each word is a rule of its own unless `one_rule`.
Catalog keyword_catalog(const std::vector<std::string>& words, bool one_rule = false) {
  Catalog catalog;
  std::vector<Keyword> keywords;
  for (const auto& word : words) {
    const RuleId rule = one_rule && !keywords.empty() ? 0 : catalog.add_rule(word);
    keywords.push_back({word, rule});
  }
  catalog.add(make_keyword_detector(keywords));
  return catalog;
}

std::string naive(const std::vector<std::string>& words, const Catalog& catalog, std::string text) {
  const auto lower = [](std::string s) {
    for (auto& c : s) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return s;
  };
  text = lower(text);
  std::vector<Finding> found;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string word = lower(words[i]);
    for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
      found.push_back({static_cast<RuleId>(i), 1, at, at + word.size()});
    }
  }
  return show(catalog, found);
}

TEST(R25Keyword, IsFoundInsideWordsAndInAnyCase) {
  const Catalog catalog = keyword_catalog({"capsem_block"});
  EXPECT_EQ(show(catalog, block_scan(catalog, "xxCapSem_BLOCKyy")), "capsem_block 2-14 1.00\n");
  EXPECT_EQ(show(catalog, block_scan(catalog, "capsem block")), "");
  EXPECT_EQ(show(catalog, block_scan(catalog, "")), "");
}

TEST(Keyword, BeyondAsciiIsLiteral) {
  const Catalog catalog = keyword_catalog({"\xC3\xA9t\xC3\xA9"});
  EXPECT_EQ(block_scan(catalog, "un \xC3\xA9T\xC3\xA9 chaud").size(), 1U);
  EXPECT_EQ(block_scan(catalog, "un \xC3\x89t\xC3\xA9 chaud").size(), 0U);
}

TEST(Keyword, AllOverlappingOnesAreReported) {
  const Catalog catalog = keyword_catalog({"he", "she", "his", "hers"});
  EXPECT_EQ(show(catalog, block_scan(catalog, "ushers")),
            "she 1-4 1.00\nhe 2-4 1.00\nhers 2-6 1.00\n");
}

TEST(Keyword, OfOneRuleOnlyTheLongerOfNestedOnesIsReported) {
  const Catalog catalog = keyword_catalog({"capsem_block", "block"}, true);
  EXPECT_EQ(show(catalog, block_scan(catalog, "capsem_block block")),
            "capsem_block 0-12 1.00\ncapsem_block 13-18 1.00\n");
}

TEST(Keyword, HoldsExactlyTheLongestBeginningOfOne) {
  const Catalog catalog = keyword_catalog({"secret", "retry", "x"});
  CatalogScratch scratch(catalog);
  const std::pair<std::string_view, std::size_t> cases[] = {
      {"nothing", 0},   {"a sec", 3}, {"a secre", 5}, {"a secret", 3},
      {"a secrets", 1}, {"box", 0},   {"S", 1}};
  for (const auto& [text, held] : cases) {
    Lane lane(catalog, 1);
    std::vector<Finding> found;
    ASSERT_TRUE(lane.feed(text, scratch, found));
    EXPECT_EQ(lane.received() - lane.decided(), held) << text;
  }
}

TEST(Keyword, FindsWhatNaiveSearchFindsHoweverTextIsCut) {
  std::mt19937 random(1);
  for (int round = 0; round < 400; ++round) {
    std::vector<std::string> words;
    for (std::size_t n = 1 + random() % 6; n > 0; --n) {
      std::string word;
      for (std::size_t size = 1 + random() % 6; size > 0; --size) word += "abA_"[random() % 4];
      const bool seen = std::any_of(words.begin(), words.end(), [&](const std::string& w) {
        return std::equal(w.begin(), w.end(), word.begin(), word.end(),
                          [](char x, char y) { return (x | 32) == (y | 32); });
      });
      if (!seen) words.push_back(word);
    }
    const Catalog catalog = keyword_catalog(words);
    std::string text(random() % 300, ' ');
    for (auto& c : text) c = "abAB_ c"[random() % 7];
    const auto want = naive(words, catalog, text);
    ASSERT_EQ(show(catalog, block_scan(catalog, text)), want) << text;
    ASSERT_EQ(show(catalog,
                   scan_pieces(catalog, text, random_cuts(random, text.size(), 1 + random() % 20))),
              want)
        << text;
  }
}

TEST(Keyword, OfGreatestLengthIsFoundInPieces) {
  const std::string word(kLookAhead - 1, 'k');
  const Catalog catalog = keyword_catalog({word});
  const std::string text = "ab" + word + "c" + word.substr(1) + "d";
  std::mt19937 random(2);
  for (int round = 0; round < 50; ++round) {
    EXPECT_EQ(scan_pieces(catalog, text, random_cuts(random, text.size(), 90)).size(), 1U);
  }
}

}  // namespace
}  // namespace capsem::detect
