// What a change of policies means for requests, told by samples.
#include "core/policy/diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/policy/loader.h"
#include "core/policy/rehearsal.h"
#include "core/policy/sample_words.h"

namespace capsem::policy {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::shared_ptr<const Snapshot> frozen(const std::string& toml) {
  const std::vector<SourceFile> files = {{"policy.toml", "schema = 1\n" + toml}};
  Loaded loaded = load_files(files);
  for (const Diagnostic& d : loaded.diagnostics) ADD_FAILURE() << to_string(d);
  auto snapshot = Snapshot::freeze(std::move(loaded.documents), loaded.revision);
  EXPECT_TRUE(snapshot) << snapshot.error().detail;
  return *snapshot;
}

Diff compared(const std::string& before, const std::string& after, DiffLimits limits = {}) {
  auto result = diff(frozen(before), frozen(after), limits);
  EXPECT_TRUE(result) << result.error().detail;
  return *result;
}

std::vector<std::string> said(const Diff& diff) {
  std::vector<std::string> lines;
  for (const Difference& d : diff.differences) {
    lines.push_back(std::string(to_string(d.change)) + ": " + d.request);
  }
  return lines;
}

std::string lists(const std::string& rest) {
  return "[[policy]]\nid = \"l\"\ntype = \"lists\"\n" + rest + "\n";
}
std::string limit(const std::string& rest) {
  return "[[policy]]\nid = \"r\"\ntype = \"limit\"\n" + rest + "\n";
}
std::string access(const std::string& rules, const std::string& fallback = "allow") {
  return "[[policy]]\nid = \"a\"\ntype = \"access\"\ndefault = \"" + fallback + "\"\n" + rules;
}
std::string rule(const std::string& effect, const std::string& action, const std::string& resource,
                 const std::string& more = "") {
  return "[[policy.rule]]\neffect = \"" + effect + "\"\naction = \"" + action +
         "\"\nresource = \"" + resource + "\"\n" + more + "\n";
}

TEST(PolicyDiff, ThePoliciesDifferFromThemselvesInNothing) {
  const std::string all =
      lists(
          "models = { allow = [\"gpt-4*\"], deny = [\"gpt-4-32k\"] }\n"
          "tools = { deny = [\"rm_*\"] }\nnetwork = { allow = [\"*.example.com\"] }") +
      limit("requests_per_minute = 10") + access(rule("deny", "*", "tool/x*"));
  const Diff same = compared(all, all);
  EXPECT_THAT(said(same), IsEmpty());
  EXPECT_FALSE(same.loosens);
  EXPECT_GT(same.samples, 20U);
  EXPECT_EQ(same.not_played, 0U);
}

struct Case {
  const char* name;
  std::string before, after;
  std::string says;  // one of the differences
  bool loosens;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.name;
}

class PolicyDiffCases : public testing::TestWithParam<Case> {};

TEST_P(PolicyDiffCases, SaysWhatChangedAndWhetherItLoosens) {
  const Case& c = GetParam();
  const Diff forward = compared(c.before, c.after);
  EXPECT_THAT(said(forward), Contains(HasSubstr(c.says)));
  EXPECT_EQ(forward.loosens, c.loosens);
  // The other way round it is the opposite: what loosens tightens.
  const Diff back = compared(c.after, c.before);
  EXPECT_EQ(back.loosens, !c.loosens);
  EXPECT_FALSE(back.differences.empty());
}

std::string pii(const std::string& entities) {
  return "[[policy]]\nid = \"p\"\ntype = \"pii\"\nentities = { " + entities + " }\n";
}
std::string keyword(const std::string& words, const std::string& more = "") {
  return "[[policy]]\nid = \"k\"\ntype = \"keyword\"\nkeywords = [" + words + "]\n" + more;
}

INSTANTIATE_TEST_SUITE_P(
    All, PolicyDiffCases,
    testing::Values(
        Case{"a model less is denied", lists("models = { deny = [\"m-2\"] }"),
             lists("models = { deny = [\"m-1\", \"m-2\"] }"), "denied: llm.generate model m-1",
             false},
        Case{"a glob more", lists("models = { deny = [\"m-2\"] }"),
             lists("models = { deny = [\"m-2\", \"o?-*\"] }"), "denied: llm.generate model o",
             false},
        Case{"an allow list given up", lists("models = { allow = [\"m-1\"] }"),
             lists("models = { deny = [\"m-9\"] }"), "allowed: llm.generate model another-model",
             true},
        Case{"a tool is free", lists("tools = { deny = [\"rm\", \"env\"] }"),
             lists("tools = { deny = [\"env\"] }"), "allowed: call of tool rm", true},
        Case{"a host is free", lists("network = { deny = [\"*.malware.net\", \"b.com\"] }"),
             lists("network = { deny = [\"b.com\"] }"), "allowed: provider at any.malware.net",
             true},
        Case{"TLS need not be", lists("network = { require_tls = true, allow = [\"a.com\"] }"),
             lists("network = { allow = [\"a.com\"] }"), "allowed: provider at a.com without TLS",
             true},
        Case{"a block becomes an approval", access(rule("deny", "llm.generate", "model/m")),
             access(rule("approval", "llm.generate", "model/m")), "held: llm.generate model m",
             true},
        Case{"only some agents",
             access(rule("allow", "llm.generate", "model/m", "when = { agent_id = \"pro-*\" }"),
                    "deny"),
             access(rule("allow", "llm.generate", "model/m"), "deny"),
             "allowed: llm.generate model m, agent another-agent", true},
        Case{"a tool's argument",
             access(rule("deny", "tool.call", "tool/read",
                         "when = { \"tool.args.path\" = \"/etc/*\" }")),
             access(rule("allow", "tool.call", "tool/read")), "allowed: llm.generate", true},
        Case{"an entity less", pii("EMAIL_ADDRESS = \"block\", US_SSN = \"block\""),
             pii("US_SSN = \"block\""), "allowed: prompt with", true},
        Case{"a word less", keyword("\"alpha\", \"beta\""), keyword("\"beta\""),
             "allowed: tool arguments with 'alpha'", true},
        Case{"a surface less", keyword("\"alpha\"", "on = [\"prompt\", \"response\"]\n"),
             keyword("\"alpha\"", "on = [\"prompt\"]\n"), "allowed: answer with 'alpha'", true},
        Case{"enforced becomes shadow", keyword("\"alpha\""),
             keyword("\"alpha\"", "mode = \"shadow\"\n"), "allowed: prompt with 'alpha'", true},
        Case{"a limit is raised", limit("requests_per_minute = 10"),
             limit("requests_per_minute = 11"), "allowed: limit r: ", true},
        Case{"a limit goes", limit("requests_per_minute = 10\ntokens_per_hour = 5"),
             limit("requests_per_minute = 10"), "5 -> none", true},
        Case{"a limit is only watched", limit("requests_per_minute = 10"),
             limit("requests_per_minute = 10\nmode = \"shadow\""), "10 -> none", true}),
    [](const auto& tested) {
      std::string name = tested.param.name;
      for (char& c : name) {
        if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
      }
      return name;
    });

TEST(PolicyDiff, AnotherDeciderIsSaidAndLoosensNothing) {
  const Diff d = compared(access(rule("deny", "llm.generate", "model/m", "id = \"one\"")),
                          access(rule("deny", "llm.generate", "model/m", "id = \"two\"")));
  EXPECT_FALSE(d.loosens);
  ASSERT_FALSE(d.differences.empty());
  EXPECT_EQ(d.differences[0].change, Change::Decider);
  EXPECT_EQ(d.differences[0].by_before, "a/one");
  EXPECT_EQ(d.differences[0].by_after, "a/two");
  EXPECT_THAT(to_string(d.differences[0]), HasSubstr("(BLOCK by a/two at policy.toml:"));
}

TEST(PolicyDiff, ItPlaysNoMoreSamplesThanItMayAndSaysSo) {
  std::string models;
  for (int i = 0; i < 100; ++i) models += "\"m-" + std::to_string(i) + "\", ";
  const std::string before = lists("models = { deny = [" + models + "] }");
  const Diff whole = compared(before, before);
  EXPECT_EQ(whole.not_played, 0U);
  const Diff exact = compared(before, before, {.samples_max = whole.samples * 3});
  EXPECT_EQ(exact.not_played, 0U);
  const Diff cut = compared(before, before, {.samples_max = 30});
  EXPECT_LE(cut.samples, 30U);
  // A model that was not asked about leaves its tools unasked, too, and uncounted.
  EXPECT_GE(cut.not_played, whole.samples - 40);
}

TEST(PolicyDiff, WhatLoosensIsListedFirstHoweverMuchDiffers) {
  std::string models;
  for (int i = 0; i < 50; ++i) models += "\"m-" + std::to_string(i) + "\", ";
  const Diff d = compared(lists("models = { deny = [\"z\"] }"),
                          lists("models = { deny = [" + models + "] }"), {.differences_max = 3});
  ASSERT_EQ(d.differences.size(), 3U);
  EXPECT_TRUE(d.differences[0].loosens);
  EXPECT_TRUE(d.loosens);
  EXPECT_FALSE(d.differences[2].loosens);
  EXPECT_GT(d.not_listed, 40U);
}

TEST(PolicyDiff, RegularExpressionsAreCountedAsNotAskedAbout) {
  const std::string content =
      "[[policy]]\nid = \"c\"\ntype = \"content\"\n[[policy.rule]]\nid = \"r\"\n"
      "all = [ { field = \"content\", op = \"matches\", value = \"(?i)secret\" } ]\n";
  EXPECT_EQ(compared(content, content).unsampled, 2U);
  EXPECT_EQ(compared(lists("models = { deny = [\"z\"] }"), lists("models = { deny = [\"z\"] }"))
                .unsampled,
            0U);
}

TEST(SampleWords, EveryEntityHasATextInWhichItIsFound) {
  for (std::size_t i = 0; i < detect::kEntityTypeCount; ++i) {
    const auto type = static_cast<detect::EntityType>(i);
    const std::string name(detect::to_string(type));
    if (sample_text(type).empty()) continue;
    const auto snapshot =
        frozen("[[policy]]\nid = \"p\"\ntype = \"pii\"\nthreshold = 0.3\nentities = { " + name +
               " = \"block\" }\n");
    Rehearsal rehearsal(snapshot);
    Scenario scenario;
    scenario.prompt = std::string(sample_text(type));
    const auto rehearsed = rehearsal.play(scenario);
    ASSERT_TRUE(rehearsed);
    EXPECT_EQ(rehearsed->verdict, Verdict::Block) << name << ": " << sample_text(type);
  }
}

std::string secrets(const std::string& kinds, const std::string& rest = "") {
  return "[[policy]]\nid = \"s\"\ntype = \"secrets\"\nkinds = { " + kinds + " }\n" + rest;
}

// Every kind of a group changed: the group is named.
TEST(Diff, KindsAreComparedByTheirVerdicts) {
  const std::string block = secrets("private-key = \"block\"");
  EXPECT_THAT(said(compared(block, block)), IsEmpty());
  const auto dropped = compared(block, secrets("private-key = \"log\""));
  EXPECT_THAT(said(dropped), ElementsAre("allowed: secrets private-key"));
  EXPECT_TRUE(dropped.loosens);
  const auto held = compared(block, secrets("private-key = \"approval\""));
  EXPECT_THAT(said(held), ElementsAre("held: secrets private-key"));
  EXPECT_TRUE(held.loosens);
  const auto stricter = compared("", block);
  EXPECT_THAT(said(stricter), ElementsAre("denied: secrets private-key"));
  EXPECT_FALSE(stricter.loosens);
  EXPECT_TRUE(compared(block, "").loosens);
  EXPECT_TRUE(compared(block, secrets("private-key = \"block\"", "mode = \"shadow\"\n")).loosens);
}

TEST(Diff, KindsAreComparedByWhereAndHowSurely) {
  const std::string block = secrets("private-key = \"block\"");
  const auto surer = compared(block, block + "threshold = 0.9\n");
  EXPECT_THAT(said(surer), ElementsAre("allowed: secrets of scores from 0.9 instead of 0.5"));
  EXPECT_TRUE(surer.loosens);
  const auto narrower =
      compared(block + "on = [\"prompt\", \"response\"]\n", block + "on = [\"prompt\"]\n");
  EXPECT_THAT(said(narrower), ElementsAre("allowed: secrets in response"));
  EXPECT_TRUE(narrower.loosens);
  EXPECT_FALSE(compared(block + "on = [\"prompt\"]\n", block).loosens);
}

}  // namespace
}  // namespace capsem::policy
