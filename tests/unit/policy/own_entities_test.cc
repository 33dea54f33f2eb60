// Entities that a policy defines itself, groups of types, and values that it lets pass.
#include "core/policy/own_entities.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "core/detect/lane.h"
#include "core/policy/convert.h"
#include "core/policy/loader.h"
#include "core/policy/rehearsal.h"
#include "core/policy/snapshot.h"

namespace capsem::policy {
namespace {

using detect::EntityType;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Loaded load(std::string name, std::string text) {
  const SourceFile file{.name = std::move(name), .text = std::move(text)};
  return load_files({&file, 1});
}

std::vector<std::string> said(const Loaded& loaded) {
  std::vector<std::string> messages;
  for (const Diagnostic& d : loaded.diagnostics) messages.push_back(d.code + " " + to_string(d));
  return messages;
}

const PiiPolicy& pii_of(const Loaded& loaded) {
  return std::get<PiiPolicy>(loaded.documents.back().policies.back());
}

// What the policies of one file say of a prompt; empty: nothing.
std::string details_on(const std::string& name, const std::string& text, std::string prompt) {
  auto loaded = load(name, text);
  EXPECT_THAT(said(loaded), IsEmpty());
  auto snapshot = Snapshot::freeze(std::move(loaded.documents), "sha256:x");
  if (!snapshot) return snapshot.error().detail;
  PolicyTest test;
  test.model = "m";
  test.prompt = std::move(prompt);
  const auto played = Rehearsal(*snapshot).play(scenario_of(test));
  if (!played) return played.error().detail;
  std::string all;
  for (const Decision& d : played->decisions) all += (all.empty() ? "" : "\n") + d.details;
  return all;
}

// ---- Groups ----

TEST(EntityGroups, TheClosestWordDecidesInAnyOrder) {
  for (const std::string_view words : {"default = 'LOG'\nus = 'CONFIRM'\nUS_SSN = 'BLOCK'\n",
                                       "US_SSN = 'BLOCK'\nus = 'CONFIRM'\ndefault = 'LOG'\n"}) {
    const auto loaded = load("pii.toml", "[entity_decisions]\n" + std::string(words));
    EXPECT_THAT(said(loaded), IsEmpty());
    const PiiPolicy& policy = pii_of(loaded);
    const auto verdict = [&](EntityType type) { return policy.entities[index_of(type)].verdict; };
    EXPECT_EQ(verdict(EntityType::UsSsn), Verdict::Block);
    EXPECT_EQ(verdict(EntityType::UsPassport), Verdict::Confirm);
    EXPECT_EQ(verdict(EntityType::UsMbi), Verdict::Confirm);
    EXPECT_EQ(verdict(EntityType::EmailAddress), Verdict::Log);
    EXPECT_FALSE(policy.entities[index_of(EntityType::DeTaxId)].configured);
  }
}

TEST(EntityGroups, AMembersOwnGroupIsCloserThanTheUnions) {
  const auto loaded = load("p.toml",
                           "schema = 1\n[[policy]]\nid = 'x'\ntype = 'pii'\n"
                           "entities = { de = 'block', eu = 'log', uk = 'approval' }\n");
  EXPECT_THAT(said(loaded), IsEmpty());
  const PiiPolicy& policy = pii_of(loaded);
  EXPECT_EQ(policy.entities[index_of(EntityType::DeTaxId)].verdict, Verdict::Block);
  EXPECT_EQ(policy.entities[index_of(EntityType::EsNif)].verdict, Verdict::Log);
  EXPECT_EQ(policy.entities[index_of(EntityType::UkNino)].verdict, Verdict::Confirm);
}

TEST(EntityGroups, AWordThatIsNoneIsToldWithTheNearest) {
  EXPECT_THAT(said(load("pii.toml", "[entity_decisions]\nukk = 'LOG'\n")),
              ElementsAre(HasSubstr("pii.toml:2:1: Unknown PII entity type: ukk (did you mean")));
}

// ---- Recognizers ----

OwnEntity entity(std::vector<std::string> patterns, std::vector<std::string> words = {}) {
  return {.name = "OWN",
          .origin = {},
          .action = Verdict::Block,
          .patterns = std::move(patterns),
          .words = std::move(words),
          .context = {},
          .checksum = {}};
}

detect::Catalog catalog_of(const OwnEntity& own, float score_min = 0) {
  detect::Catalog catalog;
  const std::vector<OwnEntityRule> rules = {{&own, catalog.add_rule(own.name)}};
  auto detector = make_own_entity_detector(rules, score_min);
  EXPECT_TRUE(detector) << detector.error().detail;
  catalog.add(std::move(*detector));
  return catalog;
}

std::string show(std::string_view text, std::vector<detect::Finding> found) {
  std::string out;
  for (const auto& f : found) {
    if (!out.empty()) out += " ; ";
    out += std::string(text.substr(f.begin, f.end - f.begin)) + "|" +
           std::to_string(f.score).substr(0, 4);
  }
  return out;
}

std::string in_block(const detect::Catalog& catalog, std::string_view text) {
  detect::CatalogScratch scratch(catalog);
  std::vector<detect::Finding> found;
  EXPECT_TRUE(scan_all(catalog, 1, scratch, text, found));
  return show(text, found);
}

std::string in_pieces(const detect::Catalog& catalog, std::string_view text, std::size_t piece) {
  detect::CatalogScratch scratch(catalog);
  std::vector<detect::Finding> found;
  detect::Lane lane(catalog, 1);
  for (std::size_t at = 0; at < text.size(); at += piece) {
    EXPECT_TRUE(lane.feed(text.substr(at, piece), scratch, found));
  }
  EXPECT_TRUE(lane.finish(scratch, found));
  return show(text, found);
}

TEST(OwnEntity, MatchesBetweenTheBoundariesOfWordsHoweverTheTextIsCut) {
  struct Case {
    const char* name;
    OwnEntity own;
    std::string text;
    std::string want;
  };
  const std::vector<Case> cases = {
      {"a number", entity({R"(EMP-\d{6})"}), "for EMP-123456, EMP-654321.",
       "EMP-123456|0.50 ; EMP-654321|0.50"},
      {"the longest", entity({R"(AB|ABC\d+)"}), "ABC12 AB", "ABC12|0.50 ; AB|0.50"},
      {"inside words", entity({R"(\d{4})"}), "12345 x1234 1234x 1234_ 1234", "1234|0.50"},
      {"signs at its ends", entity({R"(#\w+#)"}), "a#b# #c##d#", "#b#|0.50 ; #c#|0.50 ; #d#|0.50"},
      {"over words", entity({R"(case \d+ of \d+)"}), "in case 12 of 2024, say",
       "case 12 of 2024|0.50"},
      {"not over lines", entity({R"(case\s\d+)"}), "case\n12 case 13", "case 13|0.50"},
      {"a line's ends", entity({R"(^\d+$)"}), "12\na 34\n56", "12|0.50 ; 56|0.50"},
      {"one in another", entity({R"([A-Z]+-\d+(-\d+)?)", R"(\d+-\d+)"}), "AB-12-34",
       "AB-12-34|0.50"},
      {"words in any case", entity({}, {"Project Falcon", "Ann"}), "project falcon: ANN, Annual",
       "project falcon|1.00 ; ANN|1.00"},
      {"a word beats what holds it", entity({R"(x-\w+)"}, {"blue"}), "x-blue x-red",
       "blue|1.00 ; x-red|0.50"},
      {"a text's end", entity({R"(\d{3})"}), std::string("123") + '\0' + "456 789",
       "123|0.50 ; 456|0.50 ; 789|0.50"},
      {"letter case counts in patterns", entity({"abc"}), "ABC abc", "abc|0.50"},
  };
  for (const Case& c : cases) {
    ASSERT_TRUE(check_own_entity(c.own)) << c.name;
    const detect::Catalog catalog = catalog_of(c.own);
    EXPECT_EQ(in_block(catalog, c.text), c.want) << c.name;
    for (std::size_t piece = 1; piece < c.text.size(); ++piece) {
      ASSERT_EQ(in_pieces(catalog, c.text, piece), c.want) << c.name << " by " << piece;
    }
  }
}

TEST(OwnEntity, ContextRaisesAndAChecksumDecides) {
  OwnEntity own = entity({R"(\d{8})"});
  own.score = 0.1F;
  own.context = {"Staff id", "badge"};
  const detect::Catalog weak = catalog_of(own);
  EXPECT_EQ(in_block(weak, "badge 12345678"), "12345678|0.45");
  EXPECT_EQ(in_block(weak, "staff ID no. 12345678"), "12345678|0.45");
  EXPECT_EQ(in_block(weak, "badges 12345678"), "12345678|0.10");
  EXPECT_EQ(in_block(weak, "badge" + std::string(100, ' ') + "12345678"), "12345678|0.10");
  EXPECT_EQ(in_block(catalog_of(own, 0.4F), "12345678 badge 12345678"), "12345678|0.45");
  own.checksum = "luhn";
  EXPECT_EQ(in_block(catalog_of(own), "12345674 12345678"), "12345674|1.00");
  own.patterns = {R"([A-Z]{2}\d{2}[ \d]+)"};
  own.checksum = "mod97";
  EXPECT_EQ(in_block(catalog_of(own), "GB33 1234 GB82 1234"), "");
}

TEST(OwnEntity, LongAndRandomTextsInPiecesAreOneText) {
  const std::vector<OwnEntity> all = {entity({R"(\w+-\w+)"}), entity({R"(a.*b)"}),
                                      entity({R"(\d+ ?\d+)"}, {"ab", "b a"})};
  std::mt19937 random(11);
  for (int round = 0; round < 120; ++round) {
    const detect::Catalog catalog = catalog_of(all[random() % all.size()]);
    std::string text(50 + random() % 1500, ' ');
    for (char& c : text) c = std::string_view("aab-1 1bbb\n")[random() % 11];
    ASSERT_EQ(in_pieces(catalog, text, 1 + random() % 90), in_block(catalog, text)) << text;
  }
}

TEST(OwnEntity, IsReportedUnderItsName) {
  const std::string file =
      "[entity_decisions]\nEMAIL_ADDRESS = 'LOG'\n"
      "[[recognizer]]\nname = 'EMPLOYEE_ID'\naction = 'BLOCK'\npattern = 'EMP-\\d{6}'\n"
      "score = 0.9\n"
      "[[recognizer]]\nname = 'codename'\naction = 'allow'\nwords = ['Falcon']\n";
  EXPECT_EQ(details_on("pii.toml", file, "EMP-123456 and EMP-123457 of a@example.org"),
            "PII detected in prompt: EMAIL_ADDRESS(count=1, score=1.00, action=LOG), "
            "EMPLOYEE_ID(count=2, score=0.90, action=BLOCK)");
  EXPECT_EQ(details_on("pii.toml", file, "falcon"), "");
  EXPECT_EQ(details_on("pii.toml", file, "EMP-12345"), "");
}

TEST(OwnEntity, WhatCannotBeIsToldWithFileAndKey) {
  const std::string head = "[entity_decisions]\nPERSON = 'LOG'\n[[recognizer]]\n";
  struct Case {
    const char* name;
    std::string text;
    const char* want;
  };
  const Case cases[] = {
      {"not a pattern", "name = 'A'\naction = 'LOG'\npattern = '(x'\n",
       "E04 pii.toml:6:11: recognizer A: pattern: not a regular expression this engine runs: "
       "missing"},
      {"a look-ahead", "name = 'A'\naction = 'LOG'\npattern = 'x(?=y)'\n",
       "E04 pii.toml:6:11: recognizer A: pattern: not a regular"},
      {"too long", "name = 'A'\naction = 'LOG'\npattern = '" + std::string(4097, 'x') + "'\n",
       "recognizer A: pattern: a regular expression has at most 4096 bytes"},
      {"too large", "name = 'A'\naction = 'LOG'\npattern = '(\\pL{1000}){9}'\n",
       "recognizer A: pattern: not a regular"},
      {"the empty text", "name = 'A'\naction = 'LOG'\npattern = 'x*'\n",
       "recognizer A: pattern: 'x*' matches the empty text"},
      {"an empty word", "name = 'A'\naction = 'LOG'\nwords = ['']\n",
       "E04 pii.toml:6:9: recognizer A: words: a word has 1 to 128 bytes"},
      {"nothing to find", "name = 'A'\naction = 'LOG'\n",
       "E03 pii.toml:3:1: recognizer A has no pattern and no words"},
      {"a type's name", "name = 'PERSON'\naction = 'LOG'\npattern = 'x'\n",
       "E05 pii.toml:4:8: PERSON is a type that is there already"},
      {"a name with a space", "name = 'a b'\naction = 'LOG'\npattern = 'x'\n",
       "E03 pii.toml:4:8: a recognizer's name has up to 64"},
      {"twice",
       "name = 'A'\naction = 'LOG'\npattern = 'x'\n"
       "[[recognizer]]\nname = 'A'\naction = 'LOG'\npattern = 'y'\n",
       "E05 pii.toml:8:8: two recognizers are named A"},
      {"no such checksum", "name = 'A'\naction = 'LOG'\npattern = 'x'\nchecksum = 'lun'\n",
       "E03 pii.toml:7:12: unknown word 'lun' for 'checksum' (did you mean 'luhn'?)"},
      {"no such key", "name = 'A'\naction = 'LOG'\npatern = 'x'\n",
       "E02 pii.toml:6:1: unknown key"},
      {"allowed of what is not there",
       "name = 'A'\naction = 'LOG'\npattern = 'x'\n[[allow]]\nentity = 'B'\nvalues = 'y'\n",
       "E03 pii.toml:8:10: Unknown PII entity type: B"},
      {"an allowed pattern that is none",
       "name = 'A'\naction = 'LOG'\npattern = 'x'\n[[allow]]\nentity = 'A'\npattern = '['\n",
       "E04 pii.toml:9:11: allow A: pattern: not a regular"},
  };
  for (const Case& c : cases) {
    const auto loaded = load("pii.toml", head + c.text);
    EXPECT_THAT(said(loaded), testing::Contains(HasSubstr(c.want))) << c.name;
  }
  EXPECT_THAT(said(load("pii.toml", "recognizer = 1\n[entity_decisions]\n")),
              testing::Contains(HasSubstr("E03 pii.toml:1:14: 'recognizer' must be tables")));
}

// ---- Allowed values ----

TEST(Allowed, ValuesAndPatternsOfOneEntityPass) {
  const std::string file =
      "schema = 1\n[[policy]]\nid = 'pii'\ntype = 'pii'\n"
      "entities = { EMAIL_ADDRESS = 'block', IP_ADDRESS = 'log' }\n"
      "  [[policy.recognizer]]\n  name = 'TICKET'\n  action = 'block'\n  pattern = 'T-\\d+'\n"
      "  [[policy.allow]]\n  entity = 'EMAIL_ADDRESS'\n  values = ['Help@example.org']\n"
      "  pattern = '@corp\\.example\\.net$'\n"
      "  [[policy.allow]]\n  entity = 'TICKET'\n  values = 'T-1'\n";
  EXPECT_EQ(details_on("p.toml", file, "help@example.org, x@corp.example.net, T-1"), "");
  EXPECT_THAT(details_on("p.toml", file, "xhelp@example.org"), HasSubstr("EMAIL_ADDRESS(count=1"));
  EXPECT_THAT(details_on("p.toml", file, "help@example.org a@corp.example.net.org"),
              HasSubstr("EMAIL_ADDRESS(count=1"));
  EXPECT_THAT(details_on("p.toml", file, "T-1 T-12"), HasSubstr("TICKET(count=1"));
  EXPECT_THAT(details_on("p.toml", file, "192.0.2.7"), HasSubstr("IP_ADDRESS(count=1"));
}

TEST(Allowed, IsOnePolicysOwn) {
  const std::string file =
      "schema = 1\n[[policy]]\nid = 'lax'\ntype = 'pii'\nentities = { EMAIL_ADDRESS = 'log' }\n"
      "  [[policy.allow]]\n  entity = 'EMAIL_ADDRESS'\n  values = 'a@example.org'\n"
      "[[policy]]\nid = 'strict'\ntype = 'pii'\nentities = { EMAIL_ADDRESS = 'block' }\n";
  EXPECT_EQ(details_on("p.toml", file, "a@example.org"),
            "PII detected in prompt: EMAIL_ADDRESS(count=1, score=1.00, action=BLOCK)");
}

TEST(OwnEntity, IsWrittenAsItWasRead) {
  const std::string file =
      "[entity_decisions]\nEMAIL_ADDRESS = 'LOG'\n"
      "[[recognizer]]\nname = 'TICKET'\naction = 'BLOCK'\npattern = ['T-\\d+', 'U-\\d+']\n"
      "context = 'ticket'\nscore = 0.25\nchecksum = 'luhn'\n"
      "[[allow]]\nentity = 'TICKET'\nvalues = ['T-1', 'T-2']\n";
  const auto loaded = load("pii.toml", file);
  const std::string written = to_toml(loaded.documents.back());
  const auto again = load("p.toml", written);
  EXPECT_THAT(said(again), IsEmpty()) << written;
  const PiiPolicy& policy = pii_of(again);
  ASSERT_EQ(policy.own.size(), 1U);
  EXPECT_THAT(policy.own[0].patterns, ElementsAre("T-\\d+", "U-\\d+"));
  EXPECT_THAT(policy.own[0].context, ElementsAre("ticket"));
  EXPECT_FLOAT_EQ(policy.own[0].score, 0.25F);
  EXPECT_EQ(policy.own[0].checksum, "luhn");
  EXPECT_EQ(policy.own[0].action, Verdict::Block);
  ASSERT_EQ(policy.allow.size(), 1U);
  EXPECT_THAT(policy.allow[0].values, ElementsAre("T-1", "T-2"));
}

}  // namespace
}  // namespace capsem::policy
