// Names beyond the founding examples (entity_test.cc): what the rules and the tagger make of runs.
#include "core/detect/names.h"

#include "core/detect/model_data.h"
#include "core/detect/name_table.h"
#include "core/detect/tagger.h"
#include "tests/unit/detect/helpers.h"

namespace capsem::detect {
namespace {

using namespace testing;

struct NameCase {
  const char* name;
  std::string_view text;
  std::string_view want;  // "P:", "L:" or "N:" and the text, joined by " ; "
};

std::string names_in(std::string_view text) {
  NameReader reader(text);
  std::string out;
  for (std::size_t p = 0; p < text.size(); ++p) {
    if (!is_upper(text[p]) || word_before(text, p)) continue;
    const Name name = reader.at(p);
    if (!name) continue;
    if (!out.empty()) out += " ; ";
    out += "PLN"[static_cast<std::size_t>(name.kind)];
    out += ":" + std::string(text.substr(name.begin, name.end - name.begin));
  }
  return out;
}

constexpr NameCase kNames[] = {
    {"a doctor", "The results went to Dr. Okonkwo yesterday.", "P:Okonkwo"},
    {"an honorific's name of two words", "We asked Mrs. Anna Kowalska about it.",
     "P:Anna Kowalska"},
    {"introduced", "Hello, my name is Tomasz.", "P:Tomasz"},
    {"a key before it", "{\"name\": \"Ingrid Solheim\"}", "P:Ingrid Solheim"},
    {"a first letter with a mark", "said \xC3\x89lodie Martin today", "P:\xC3\x89lodie Martin"},
    {"a joint inside", "said Mary O'Brien quietly", "P:Mary O'Brien"},
    {"a town that is a surname", "the novels of Jack London", "P:Jack London"},
    {"a city and a country", "I moved from Lyon to Portugal.", "L:Lyon ; L:Portugal"},
    {"a group", "Two Norwegian sailors met a Buddhist monk.", "N:Norwegian ; N:Buddhist"},
    {"a language is no group", "Please answer in French.", ""},
    {"a language's version", "the German translation of it", ""},
    {"a handle", "ask @Martha about #Paris", ""},
    {"members of code", "call Martha.Paris(x) or Paris::Martha", ""},
    {"a path", "see /Users/Martha/Paris", ""},
    {"a lone product", "Is Claude or Gemini faster?", ""},
    {"headings", "Getting Started\nInstallation Guide\nFrequently Asked Questions\n", ""},
};

TEST(R29Names, OfRunsAndRules) {
  for (const auto& c : kNames) EXPECT_EQ(names_in(c.text), c.want) << c.name;
}

// What is found from each of a run's words is the same, whether the reader has seen the run or not.
TEST(R29Names, AreTheSameFromEveryWord) {
  constexpr std::string_view text =
      "Yesterday Mr. Ludwig van Beethoven met Anna Maria Schmidt of New York City in Berlin.";
  NameReader reader(text);
  for (std::size_t p = 0; p < text.size(); ++p) {
    if (!is_upper(text[p]) || word_before(text, p)) continue;
    const Name warm = reader.at(p), cold = NameReader(text).at(p);
    EXPECT_EQ(warm.begin, cold.begin) << p;
    EXPECT_EQ(warm.end, cold.end) << p;
  }
}

TEST(R29Names, OfAHeadingLongerThanARunAreStillRead) {
  std::string text;
  for (int i = 0; i < 40; ++i) text += "Alpha ";
  text += "and Mr. Johansson left";
  EXPECT_TRUE(names_in(text).ends_with("P:Johansson")) << names_in(text);
}

TEST(Tables, HaveTheirSizesAndStayWithinFourMegabytes) {
  EXPECT_EQ(tagger_table().size(), kTableBytes);
  const std::size_t slots = name_table_slots().size();
  EXPECT_EQ(slots & (slots - 1), 0U);
  EXPECT_LE(tagger_table().size() + slots * sizeof(std::uint32_t), std::size_t{4} << 20);
}

TEST(Tables, KnowKindsOfNames) {
  EXPECT_NE(name_flags("Mary") & kStrongFirstName, 0U);
  EXPECT_NE(name_flags("smith") & kStrongSurname, 0U);
  EXPECT_NE(name_flags("New York") & kSurePlace, 0U);
  EXPECT_NE(name_flags("Norwegian") & kGroup, 0U);
  EXPECT_EQ(name_flags("qxzvbn"), 0U);
}

}  // namespace
}  // namespace capsem::detect
