// A finding depends on the text near it alone; a NUL byte is the end of a text; no text is slow.
#include <ctime>

#include "core/detect/entity.h"
#include "tests/unit/detect/helpers.h"

namespace capsem::detect {
namespace {

using namespace std::string_literals;
using namespace testing;

Catalog pii_catalog(float score_min = 0) {
  Catalog catalog;
  const auto options = all_types(catalog, true, score_min);
  catalog.add(make_pii_detector(options));
  return catalog;
}

const std::vector<std::string> kSamples = {"phone: (415) 555-0132",
                                           "John Smith",
                                           "account number 12345678901",
                                           "GB82 WEST 1234 5698 7654 32",
                                           "jane@example.org",
                                           "2001:db8::1",
                                           "4242 4242 4242 4242",
                                           "3 March 2024",
                                           "in Paris",
                                           "Mr. Mayers",
                                           "my ssn is 536221234",
                                           "192.0.2.7",
                                           "3c:52:82:0a:1b:f0",
                                           "'https://example.org/a?b=1,2'",
                                           "example.org/a?b"};

std::string random_text(std::mt19937& random, std::size_t size) {
  static constexpr std::string_view parts[] = {
      "the ", "Will ", "12 ", "4242 ", "a.b@", "::", "- ",     "John ", ", ",
      "x9",   "a.com", "/?",  "\"",    "'",    "(",  "phone ", "of ",   "\n"};
  std::string text;
  while (text.size() < size) text += parts[random() % std::size(parts)];
  text.resize(size);
  return text;
}

TEST(Locality, TextFarAwayChangesNoFinding) {
  const Catalog catalog = pii_catalog();
  std::mt19937 random(5);
  for (int round = 0; round < 300; ++round) {
    const std::string middle = random_text(random, kLookBehind) +
                               kSamples[random() % kSamples.size()] +
                               random_text(random, kLookAhead);
    const std::string before = random_text(random, 700), after = random_text(random, 700);
    const auto part = [&](std::size_t shift, const std::string& text) {
      auto found = block_scan(catalog, text);
      std::erase_if(found, [&](const Finding& f) {
        return f.begin < shift + kLookBehind || f.begin > shift + middle.size() - kLookAhead;
      });
      for (auto& f : found) f.begin -= shift, f.end -= shift;
      return show(catalog, found);
    };
    ASSERT_EQ(part(0, middle), part(before.size(), before + middle + after)) << middle;
  }
}

TEST(Nul, SeparatesTextsCompletely) {
  const Catalog catalog = pii_catalog();
  std::mt19937 random(6);
  for (int round = 0; round < 200; ++round) {
    std::string batch;
    std::vector<Finding> separate;
    for (int n = 0; n < 5; ++n) {
      std::string text = kSamples[random() % kSamples.size()];
      text = text.substr(random() % 3, 3 + random() % text.size());
      for (auto f : block_scan(catalog, text)) {
        f.begin += batch.size();
        f.end += batch.size();
        separate.push_back(f);
      }
      batch += text + "\0"s;
    }
    ASSERT_EQ(show(catalog, block_scan(catalog, batch)), show(catalog, separate)) << batch;
    ASSERT_EQ(show(catalog, scan_pieces(catalog, batch, random_cuts(random, batch.size(), 9))),
              show(catalog, separate));
  }
}

// Twice the text may take at most about twice the time, whatever it is made of. The bound is wide:
// quadratic work at this size would be past it a hundred times over. Processor time: what else the
// machine does is none of the text's.
TEST(WorstCase, TimeGrowsWithTheTextOnly) {
  const Catalog catalog = pii_catalog(0.5F);
  CatalogScratch scratch(catalog);
  for (const std::string_view unit : {"a",       "1",
                                      "A",       "@",
                                      ":",       "a@",
                                      "1.",      "1 ",
                                      "John ",   "a.",
                                      "f:",      "::",
                                      "A1",      "4242 ",
                                      "(",       "+1",
                                      "Van de ", "1-",
                                      "a.com,",  "b.org/",
                                      "?a.b",    "aa-",
                                      "x@y.",    "\xC3\xA9",
                                      "\x80",    "phone 0123456789 "}) {
    std::string text;
    while (text.size() < (1U << 18)) text += unit;
    std::vector<Finding> found;
    const std::clock_t begin = std::clock();
    ASSERT_TRUE(scan_all(catalog, 1, scratch, text, found));
    Lane lane(catalog, 1);
    for (std::size_t at = 0; at < text.size() / 8; at += 16) {
      ASSERT_TRUE(lane.feed(std::string_view(text).substr(at, 16), scratch, found));
    }
    const double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
    EXPECT_LT(seconds, 20) << unit;
  }
}

}  // namespace
}  // namespace capsem::detect
