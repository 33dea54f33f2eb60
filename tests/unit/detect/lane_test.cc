// However a text is cut, a lane finds what one block scan finds, and holds back only what is open.
#include "core/detect/lane.h"

#include "tests/unit/detect/helpers.h"

namespace capsem::detect {
namespace {

using namespace std::string_literals;
using namespace testing;

Catalog rich_catalog(float score_min = 0) {
  Catalog catalog;
  const auto options = all_types(catalog, true, score_min);
  catalog.add(make_pii_detector(options));
  const RuleId rule = catalog.add_rule("keyword");
  const std::vector<Keyword> keywords = {{"capsem_block", rule},
                                         {"block", rule},
                                         {"secret", rule},
                                         {"\xC3\xA9l\xC3\xA8"
                                          "ve",
                                          rule}};
  catalog.add(make_keyword_detector(keywords));
  return catalog;
}

const std::vector<std::string>& rich_texts() {
  static const std::vector<std::string> texts = {
      "My name is Elie Bursztein, write to elie.b@gmail.com or john.smith+x@mail.example.co.uk.",
      "{\"customer\":\"John Smith\",\"card\":\"4111 1111 1111 "
      "1111\",\"ssn\":\"078-05-1123\",\"ip\":\"10.0.0.1\"}",
      "Call (415) 555-0132 or +49 30 12345678, fax 020 7946 0958; passport no. 912803456 expires "
      "5/20/2031.",
      "Transfer from GB29 NWBK 6016 1331 9268 19 to DE89370400440532013000, account number "
      "12345678901.",
      "wallet bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4 or 16Yeky6GMjeNkAiNcBY7ZhrLoMSgg1BoyZ! "
      "block",
      "src=:: dst=2001:db8::8a2e:370:7334/64 via fe80::1%eth0, ::ffff:192.0.2.1 and 192.168.1.1.1",
      "On 2024-03-15T14:30:00.123Z Mr. Mayers met Dr. Mar\xC3\xAD"
      "a van der Berg in New York City, May 1st, 2024.",
      "driver license D1234567 \xE2\x80\x9CJohn O'Brien\xE2\x80\x9D \xE4\xBD\xA0\xE5\xA5\xBD "
      "4012888888881881 \xC3\xA9l\xC3\xA8ve capsem_BLOCK",
      "one is415-555-0132 text::ffff:192.0.2.1 20241 440-600-5124 91-415-555-0132 1.5 2.25 3/4 a@b "
      "@c.d x@y.z",
      "Currently in Paris: sunny, about 20\xC2\xB0"
      "C. Would you like an hourly forecast or a 7-day outlook?\n",
      "end of one\0"s + "5 street, jane@example.org\0"s + "account\0"s + "12345678901",
      "Ludwig van Beethoven, Richard M. Nixon Mary Ann Smith John Smith JOHN SMITH will smith "
      "May-21 21-May-2024",
  };
  return texts;
}

TEST(Lane, FindsTheSameAtEveryCut) {
  for (const float score_min : {0.0F, 0.5F}) {
    const Catalog catalog = rich_catalog(score_min);
    for (const auto& text : rich_texts()) {
      const auto whole = show(catalog, block_scan(catalog, text));
      for (std::size_t cut = 1; cut < text.size(); ++cut) {
        ASSERT_EQ(show(catalog, scan_pieces(catalog, text, {cut})), whole)
            << text << "\ncut at byte " << cut;
      }
    }
  }
}

TEST(Lane, FindsTheSameHoweverTextIsCut) {
  const Catalog catalog = rich_catalog();
  std::mt19937 random(7);
  for (int round = 0; round < 1500; ++round) {
    std::string text;
    for (int parts = 0; parts < 4; ++parts) {
      const auto& part = rich_texts()[random() % rich_texts().size()];
      const std::size_t begin = random() % part.size();
      text += part.substr(begin, 1 + random() % (part.size() - begin));
      if (random() % 2 == 0) text += ' ';
    }
    const auto whole = show(catalog, block_scan(catalog, text));
    const std::size_t piece_max = 1 + random() % 40;
    ASSERT_EQ(
        show(catalog, scan_pieces(catalog, text, random_cuts(random, text.size(), piece_max))),
        whole)
        << text << "\npieces of at most " << piece_max << " bytes";
  }
}

// Random text over the bytes that entities are made of reaches states that no example does.
TEST(Lane, FindsTheSameInTextMadeOfEntityBytes) {
  const Catalog catalog = rich_catalog();
  constexpr std::string_view alphabet[] = {"0123456789 -./:()+", "abcdef0123456789:.%/ ",
                                           "ab1@.-_ Xx", "GB29NWBK60161331926819 -",
                                           "John Mary Smith van of, ."};
  std::mt19937 random(11);
  for (int round = 0; round < 2000; ++round) {
    const auto letters = alphabet[random() % std::size(alphabet)];
    std::string text(100 + random() % 900, ' ');
    for (auto& c : text) c = letters[random() % letters.size()];
    const auto whole = show(catalog, block_scan(catalog, text));
    ASSERT_EQ(show(catalog, scan_pieces(catalog, text,
                                        random_cuts(random, text.size(), 1 + random() % 200))),
              whole)
        << text;
  }
}

TEST(Lane, ReportsOnceAndOnlyWhatItHasDecided) {
  const Catalog catalog = rich_catalog();
  CatalogScratch scratch(catalog);
  for (const auto& text : rich_texts()) {
    Lane lane(catalog, 3);
    std::vector<Finding> found;
    for (const char c : text) {
      const std::size_t before = found.size();
      ASSERT_TRUE(lane.feed({&c, 1}, scratch, found));
      for (std::size_t i = before; i < found.size(); ++i) ASSERT_LE(found[i].end, lane.received());
    }
  }
}

struct HoldCase {
  const char* name;
  std::string_view text;
  std::size_t held;
};

constexpr HoldCase kHoldCases[] = {
    {"only the last word of prose", "the weather is nice toda", 4},
    {"nothing after a space", "the weather is nice ", 0},
    {"nothing after a full stop and a space", "it is nice. ", 0},
    {"nothing after a quote", "{\"city\": \"Paris\"", 0},
    {"nothing after a closing brace", "{\"n\": 4111111111111111}", 0},
    {"nothing after a line end", "Dear John\n", 0},
    {"nothing after an ideograph", "\xE4\xBD\xA0\xE5\xA5\xBD", 0},
    {"a capitalised word until the next word", "I met John ", 5},
    {"a name and the word that may tell what it is", "I met John y", 6},
    {"nothing after that word", "I met John yesterday ", 0},
    {"a number that may go on", "pay with 4111 1111 ", 10},
    {"an address that may go on", "write to joe@gmail.com", 13},
};

TEST(Lane, HoldsOnlyWhatCanStillGrow) {
  const Catalog catalog = [] {
    Catalog c;
    const auto options = all_types(c);
    c.add(make_pii_detector(options));
    return c;
  }();
  CatalogScratch scratch(catalog);
  for (const auto& c : kHoldCases) {
    Lane lane(catalog, 1);
    std::vector<Finding> found;
    ASSERT_TRUE(lane.feed(c.text, scratch, found));
    EXPECT_EQ(lane.received() - lane.decided(), c.held) << c.name;
  }
}

TEST(Lane, ForksGoOnFromTheSamePlace) {
  const Catalog catalog = rich_catalog();
  CatalogScratch scratch(catalog);
  Lane lane(catalog, 3);
  std::vector<Finding> found;
  ASSERT_TRUE(lane.feed("mail jane.doe@exam", scratch, found));
  Lane fork = lane;
  std::vector<Finding> first = found, second = found;
  ASSERT_TRUE(lane.feed("ple.org now", scratch, first));
  ASSERT_TRUE(lane.finish(scratch, first));
  ASSERT_TRUE(fork.feed("s and more", scratch, second));
  ASSERT_TRUE(fork.finish(scratch, second));
  EXPECT_EQ(show(catalog, first), "EMAIL_ADDRESS 5-25 1.00\n");
  EXPECT_EQ(show(catalog, second), "");
}

TEST(Lane, StaysSmallHoweverMuchPassesThrough) {
  const Catalog catalog = rich_catalog();
  CatalogScratch scratch(catalog);
  std::vector<Finding> found;
  for (const std::size_t piece : {1UL, 17UL, 64UL, 700UL, 5000UL, 100000UL}) {
    for (const std::string_view unit :
         {"plain words and ", "0123456789", "John Smith ", "a.b@c."}) {
      Lane lane(catalog, 3);
      std::string text;
      while (text.size() < 3 * piece + 2000) text += unit;
      for (std::size_t at = 0; at < text.size(); at += piece) {
        ASSERT_TRUE(lane.feed(std::string_view(text).substr(at, piece), scratch, found));
        ASSERT_LE(sizeof lane + lane.heap_bytes(), 1536U) << piece << " " << unit;
      }
    }
  }
}

TEST(Lane, OfNoDetectorDecidesAtOnce) {
  const Catalog catalog = rich_catalog();
  CatalogScratch scratch(catalog);
  std::vector<Finding> found;
  Lane lane(catalog, 0);
  ASSERT_TRUE(lane.feed("jane@example.org", scratch, found));
  EXPECT_EQ(lane.received(), 16U);
  EXPECT_EQ(lane.decided(), 16U);
  ASSERT_TRUE(lane.finish(scratch, found));
  EXPECT_TRUE(found.empty());
}

}  // namespace
}  // namespace capsem::detect
