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
    if (upper_size(text, p) == 0 || word_before(text, p)) continue;
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
    {"no language before a noun", "born to German parents", "N:German"},
    {"a nation of two words", "two Sri Lankan cooks", "N:Sri Lankan"},
    {"a nation before everyday words", "The Dutch Border Force has two boats.", "N:Dutch"},
    {"no nation in an airline", "we flew American Airlines", ""},
    {"no nation in a country", "a flight to French Guiana", "L:French Guiana"},
    {"an initial in the middle", "signed by Qoqa M Arsanukayev today", "P:Qoqa M Arsanukayev"},
    {"an initial in front", "the minutes of H. Casiano", "P:H. Casiano"},
    {"a title in lower case", "i spoke to ms. Junsaku about it", "P:Junsaku"},
    {"called so", "everyone calls me Harri\xC3\xABtte", "P:Harri\xC3\xABtte"},
    {"a greeting", "Dear Sofia, thank you for the visit.", "P:Sofia"},
    {"a greeting of nobody", "Dear Customer, thank you for the visit.", ""},
    {"only a letter with a mark",
     "this is \xC5\xBD"
     "arko's new address",
     "P:\xC5\xBD"
     "arko"},
    {"a company of a person's name", "I work for Bernard Loiseau SA", ""},
    {"a person", "I work for Bernard Loiseau", "P:Bernard Loiseau"},
    {"a first name that is a nation's", "we met Christian Mckenzie there", "P:Christian Mckenzie"},
    {"a surname that is a word", "Dan Bar has a bank account.", "P:Dan Bar"},
    {"a street of that name", "4512 Dan Bar", "L:Dan Bar"},
    {"days in short", "Thu, 24 Feb 2022; Fri, 25 Feb 2022", ""},
    {"words that open sentences", "Likewise, it works.\nAlternatively, wait.", ""},
    {"a handle", "ask @Martha about #Paris", ""},
    {"members of code", "call Martha.Paris(x) or Paris::Martha", ""},
    {"a path", "see /Users/Martha/Paris", ""},
    {"a lone product", "Is Claude or Gemini faster?", ""},
    {"headings", "Getting Started\nInstallation Guide\nFrequently Asked Questions\n", ""},
};

TEST(R29Names, OfRunsAndRules) {
  for (const auto& c : kNames) EXPECT_EQ(names_in(c.text), c.want) << c.name;
}

struct LowerCase {
  std::string_view text, want;  // the findings' texts, joined by " ; "
};
constexpr LowerCase kLower[] = {
    {"my name is simone and i live here", "simone"},
    {"they all called me yousef", "yousef"},
    {"i am fijian but i live in australia", "fijian"},
    {"I'm beninese, she is turkish", "beninese ; turkish"},
    {"the spanish government, a 2015 swedish film, all germans", "spanish ; swedish ; germans"},
    {"my name is unknown, call me later, this is nice, i am human", ""},
    {"in english please, translate it to german, they speak french", ""},
    {"polish the woman's car, which is clean", ""},
    {"said \xC5\xBD"
     "arko to \xC3\x86gir: ok",
     "\xC5\xBD"
     "arko ; \xC3\x86gir"},
};

std::string texts_of(std::vector<Finding> found, std::string_view text) {
  sort_findings(found);
  std::string out;
  for (const Finding& f : found) {
    if (!out.empty()) out += " ; ";
    out += text.substr(f.begin, f.end - f.begin);
  }
  return out;
}

// Wherever the text is cut, and wherever it stands in a block of the pass.
TEST(R29Names, WithoutCapitalsAreFoundAtEveryCut) {
  Catalog catalog;
  PiiOptions options = only(catalog, EntityType::Person);
  options.enabled[static_cast<std::size_t>(EntityType::Nrp)] = true;
  catalog.add(make_pii_detector(options), kFoldedView);
  for (const auto& c : kLower) {
    for (std::size_t pad = 0; pad < 70; ++pad) {
      const std::string text = std::string(pad, '.') + " " + std::string(c.text);
      EXPECT_EQ(texts_of(block_scan(catalog, text), text), c.want) << pad << c.text;
    }
    for (std::size_t cut = 1; cut < c.text.size(); ++cut) {
      EXPECT_EQ(texts_of(scan_pieces(catalog, c.text, {cut}), c.text), c.want) << cut << c.text;
    }
  }
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
