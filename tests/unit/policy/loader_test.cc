#include "core/policy/loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace capsem::policy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Result<Loaded> load(std::vector<SourceFile> files) {
  return load_directory(files);
}

// Everything said about the files, in its order.
std::vector<std::string> said(const Loaded& loaded) {
  std::vector<std::string> messages;
  for (const Diagnostic& diagnostic : loaded.diagnostics) messages.push_back(to_string(diagnostic));
  return messages;
}

const PiiPolicy& pii_of(const Loaded& loaded) {
  return std::get<PiiPolicy>(loaded.documents.back().policies.back());
}

PiiPolicy::EntityDecision entity(const PiiPolicy& policy, detect::EntityType type) {
  return policy.entities[static_cast<std::size_t>(type)];
}

constexpr std::string_view kPii = R"(enabled = true
check_prompts = true
check_tool_args = false
score_threshold = 0.6
language = "en"

[entity_decisions]
EMAIL_ADDRESS = "BLOCK"
PERSON = "log"
)";

TEST(Loader, ReadsTheOriginalsPiiFileR29) {
  const auto loaded = load({{"pii.toml", std::string(kPii)}});
  ASSERT_TRUE(loaded) << loaded.error().detail;
  EXPECT_THAT(loaded->enabled, ElementsAre("PIIDetection"));
  EXPECT_THAT(said(*loaded), IsEmpty());
  const PiiPolicy& policy = pii_of(*loaded);
  EXPECT_EQ(policy.head.on, kPrompt | kResponse | kToolResult);
  EXPECT_FLOAT_EQ(policy.score_threshold, 0.6F);
  EXPECT_EQ(entity(policy, detect::EntityType::EmailAddress).verdict, Verdict::Block);
  EXPECT_EQ(entity(policy, detect::EntityType::Person).verdict, Verdict::Log);
  EXPECT_FALSE(entity(policy, detect::EntityType::DateTime).configured);
}

TEST(Loader, FilesActInNameOrderR27) {
  const auto loaded = load({{"cfg/pii.toml", std::string(kPii)}, {"cfg/debug.toml", ""}});
  ASSERT_TRUE(loaded) << loaded.error().detail;
  EXPECT_THAT(loaded->enabled, ElementsAre("Debug", "PIIDetection"));
}

TEST(Loader, DebugFileMayNameItsOwnKeywords) {
  const auto loaded = load({{"debug.toml", "enabled = true\nkeywords = ['one', 'Two']\n"}});
  ASSERT_TRUE(loaded) << loaded.error().detail;
  EXPECT_THAT(std::get<KeywordPolicy>(loaded->documents.at(0).policies.at(0)).keywords,
              ElementsAre("one", "Two"));
}

struct FallbackCase {
  std::string_view name;
  std::vector<SourceFile> files;
};

TEST(Loader, WithoutAnyPolicyDebugAloneActsR32) {
  const FallbackCase cases[] = {
      {"no file", {}},
      {"all disabled",
       {{"debug.toml", "enabled = false"}, {"pii.toml", "enabled = false\n[entity_decisions]\n"}}},
      {"only the server's file", {{"capsem.toml", "this is not read here"}}},
      {"only an unknown file", {{"other.toml", "a = 1"}}},
      {"only a README", {{"README.md", "rules: none"}}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto loaded = load(c.files);
    ASSERT_TRUE(loaded) << loaded.error().detail;
    EXPECT_THAT(loaded->enabled, ElementsAre("Debug"));
    EXPECT_THAT(std::get<KeywordPolicy>(loaded->documents.at(0).policies.at(0)).keywords,
                ElementsAre("capsem_block"));
  }
}

TEST(Loader, DisabledFileIsSkippedAndTheOthersActR32) {
  const auto loaded = load({{"debug.toml", "enabled = false"}, {"pii.toml", std::string(kPii)}});
  ASSERT_TRUE(loaded) << loaded.error().detail;
  EXPECT_THAT(loaded->enabled, ElementsAre("PIIDetection"));
}

TEST(Loader, UnknownFilesAreSkippedWithAWarningR32) {
  const auto loaded = load({{"config/pij.toml", ""}, {"config/compose.yaml", "services: {}"}});
  ASSERT_TRUE(loaded) << loaded.error().detail;
  EXPECT_THAT(
      said(*loaded),
      ElementsAre("config/compose.yaml:1:1: not a policy file, skipped",
                  "config/pij.toml:1:1: unknown policy file, skipped (did you mean 'pii'?)"));
}

TEST(Loader, SettingsBelowTheTablesHeaderAreReadWithAWarningR30) {
  const auto loaded = load({{"pii.toml",
                             "[entity_decisions]\nEMAIL_ADDRESS = \"BLOCK\"\n"
                             "check_prompts = false\nscore_threshold = 1\n"}});
  ASSERT_TRUE(loaded) << loaded.error().detail;
  EXPECT_EQ(pii_of(*loaded).head.on & kPrompt, 0);
  EXPECT_FLOAT_EQ(pii_of(*loaded).score_threshold, 1.0F);
  ASSERT_EQ(said(*loaded).size(), 2U);
  EXPECT_THAT(said(*loaded)[0], HasSubstr("pii.toml:3:1: 'check_prompts' stands in"));
}

TEST(Loader, WarnsOfWhatHasNoEffect) {
  const auto loaded =
      load({{"pii.toml", "language = \"de\"\n[entity_decisions]\nPERSON = \"REPLAN\"\n"}});
  ASSERT_TRUE(loaded) << loaded.error().detail;
  EXPECT_THAT(said(*loaded), ElementsAre(HasSubstr("pii.toml:1:12: language 'de' is not supported"),
                                         HasSubstr("pii.toml:3:10: REPLAN is recorded like LOG")));
  const auto empty = load({{"pii.toml", "[entity_decisions]\n"}});
  ASSERT_TRUE(empty);
  EXPECT_THAT(said(*empty), ElementsAre(HasSubstr("this policy checks nothing")));
}

struct ErrorCase {
  std::string_view name;
  SourceFile file;
  std::string_view detail;  // how the message begins, place included
};

TEST(Loader, ABrokenFileStopsTheLoadAndSaysWhereR30R32) {
  const ErrorCase cases[] = {
      {"no table",
       {"pii.toml", "enabled = true\n"},
       "pii.toml:1:1: PIIPolicy config must include 'entity_decisions'"},
      {"no table, though disabled",
       {"pii.toml", "enabled = false\n"},
       "pii.toml:1:1: PIIPolicy config must include 'entity_decisions'"},
      {"not a table",
       {"pii.toml", "entity_decisions = 1\n"},
       "pii.toml:1:20: 'entity_decisions' must be a table"},
      {"unknown entity",
       {"c/pii.toml", "[entity_decisions]\nEMAIL_ADRESS = \"BLOCK\"\n"},
       "c/pii.toml:2:1: Unknown PII entity type: EMAIL_ADRESS (did you mean 'EMAIL_ADDRESS'?)"},
      {"unknown entity, nothing near",
       {"pii.toml", "[entity_decisions]\nSHOE_SIZE_EU_XXL = \"BLOCK\"\n"},
       "pii.toml:2:1: Unknown PII entity type: SHOE_SIZE_EU_XXL"},
      {"unknown verdict",
       {"pii.toml", "[entity_decisions]\nPERSON = \"BLOK\"\n"},
       "pii.toml:2:10: Unknown verdict: BLOK (did you mean 'BLOCK'?)"},
      {"verdict not a string",
       {"pii.toml", "[entity_decisions]\nPERSON = 1\n"},
       "pii.toml:2:10: the verdict of PERSON must be a string"},
      {"unknown key",
       {"pii.toml", "chek_prompts = true\n[entity_decisions]\n"},
       "pii.toml:1:1: unknown key 'chek_prompts' (did you mean 'check_prompts'?)"},
      {"flag not boolean",
       {"pii.toml", "check_prompts = \"no\"\n[entity_decisions]\n"},
       "pii.toml:1:17: 'check_prompts' must be true or false"},
      {"threshold out of range",
       {"pii.toml", "score_threshold = 1.5\n[entity_decisions]\n"},
       "pii.toml:1:19: 'score_threshold' must be a number from 0 to 1"},
      {"threshold nan",
       {"pii.toml", "score_threshold = nan\n[entity_decisions]\n"},
       "pii.toml:1:19: 'score_threshold' must be a number from 0 to 1"},
      {"set twice",
       {"pii.toml", "check_prompts = true\n[entity_decisions]\ncheck_prompts = false\n"},
       "pii.toml:3:1: 'check_prompts' is set twice"},
      {"syntax", {"pii.toml", "enabled = \n"}, "pii.toml:1:11: "},
      {"duplicate key", {"pii.toml", "enabled = true\nenabled = true\n"}, "pii.toml:2:"},
      {"unknown key in debug",
       {"debug.toml", "keyword = ['x']\n"},
       "debug.toml:1:1: unknown key 'keyword' (did you mean 'keywords'?)"},
      {"no keywords", {"debug.toml", "keywords = []\n"}, "debug.toml:1:12: 'keywords' must be"},
      {"keyword not a string",
       {"debug.toml", "keywords = [\n  1]\n"},
       "debug.toml:2:3: a keyword must be a string"},
      {"empty keyword",
       {"debug.toml", "keywords = ['']\n"},
       "debug.toml:1:13: a keyword must have 1 to 511 bytes"},
      {"enabled not boolean",
       {"debug.toml", "enabled = 0\n"},
       "debug.toml:1:11: 'enabled' must be true or false"},
      {"an unknown file that cannot be read may hide a policy",
       {"mine.toml", "schema = \n"},
       "mine.toml:1:10: "},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto loaded = load({{"debug2.toml", ""}, c.file});
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, "invalid_config");
    EXPECT_EQ(loaded.error().detail.substr(0, c.detail.size()), c.detail);
  }
}

// What might hold rules is never skipped, however it is written.
TEST(Loader, AFileThatMayHoldRulesIsReadOrRefusedR32) {
  const ErrorCase cases[] = {
      {"[[policy]] without the schema",
       {"acme.toml", "name = 'x'\n[[policy]]\nid = 'a'\n"},
       "acme.toml:2:3: a file with [[policy]] needs 'schema = 1' at its top"},
      {"another schema", {"acme.toml", "schema = 2\n"}, "acme.toml:1:10: 'schema' must be"},
      {"the native format under an original name",
       {"pii.toml", "schema = 1\n[entity_decisions]\n"},
       "pii.toml:2:2: unknown key 'entity_decisions'"},
      {"sekuire.yml without a policy section (R69)",
       {"sekuire.yml", "project:\n  name: x\n"},
       "sekuire.yml:1:1: No policy enforcer available. Ensure sekuire.yml has policy "
       "configuration."},
      {"an empty sekuire.yaml", {"sekuire.yaml", ""}, "sekuire.yaml:1:1: "},
      {"sekuire.yml that is no YAML", {"sekuire.yml", "a: [\n"}, "sekuire.yml:2:1: "},
      {"rules in what is no JSON", {"a.json", "{ \"rules\": [ }"}, "a.json:1:14: "},
      {"rules behind an alias",
       {"a.yml", "x: &x 1\nrules: []\n"},
       "a.yml:1:4: anchors (&name) are not supported"},
      {"rules that are no list", {"a.json", R"({"rules":null})"}, "a.json:1:10: 'rules' must be"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto loaded = load({c.file});
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().detail.substr(0, c.detail.size()), c.detail);
  }
}

TEST(Loader, SaysEverythingThatIsWrongInAllFilesAtOnce) {
  const auto loaded = load({{"pii.toml", "chek = 1\n[entity_decisions]\nPERSON = 1\n"},
                            {"debug.toml", "keyword = []\n"},
                            {"a.json", R"({"rules":[{"effect":"alow","action":"x"}]})"}});
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().detail,
            "a.json:1:21: Unknown verdict: alow (did you mean 'allow'?)\n"
            "debug.toml:1:1: unknown key 'keyword' (did you mean 'keywords'?)\n"
            "pii.toml:1:1: unknown key 'chek'\n"
            "pii.toml:3:10: the verdict of PERSON must be a string");
}

TEST(Loader, RevisionChangesWithWhatActsAndWithNothingElse) {
  const auto revision = [](std::vector<SourceFile> files) {
    const auto loaded = load_directory(files);
    EXPECT_TRUE(loaded);
    return loaded ? loaded->revision : std::string();
  };
  const std::string pii(kPii);
  const std::string base = revision({{"pii.toml", pii}});
  EXPECT_EQ(base.substr(0, 7), "sha256:");
  EXPECT_EQ(base.size(), 7U + 64U);
  EXPECT_EQ(base,
            revision({{"elsewhere/pii.toml", pii}, {"README.md", "x"}, {"capsem.toml", "x"}}));
  EXPECT_NE(base, revision({{"pii.toml", pii + "\n"}}));
  EXPECT_NE(base, revision({{"pii.toml", pii}, {"debug.toml", ""}}));
}

}  // namespace
}  // namespace capsem::policy
