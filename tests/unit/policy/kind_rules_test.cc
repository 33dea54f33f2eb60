// Policies on kinds of secrets and of prompt injection. The names come from the detectors' own
// tables, so that no test stands or falls with one of them.
#include "core/policy/kind_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/policy/loader.h"
#include "core/policy/snapshot.h"

namespace capsem::policy {
namespace {

using event::Point;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr detect::RuleId kFirst = 10;
constexpr KindFamily kFamilies[] = {KindFamily::Secrets, KindFamily::Injection};

KindsPolicy policy_of(KindFamily family, std::vector<KindsPolicy::Named> named,
                      std::optional<Verdict> otherwise = {}) {
  KindsPolicy policy = family == KindFamily::Secrets ? secrets_policy() : injection_policy();
  policy.named = std::move(named);
  policy.otherwise = otherwise;
  return policy;
}

// The first kind that does not stand for its whole group by name.
std::size_t grouped_kind(KindFamily family) {
  const auto kinds = kinds_of(family);
  const auto found =
      std::ranges::find_if(kinds, [](const detect::Kind& k) { return k.name != k.group; });
  return static_cast<std::size_t>(found - kinds.begin()) % kinds.size();
}

Hit hit(std::size_t kind, float score, std::uint64_t begin = 0) {
  return {.rule = static_cast<detect::RuleId>(kFirst + kind),
          .score = score,
          .begin = begin,
          .end = begin + 8,
          .part = event::Part::Text};
}

std::optional<Decision> ask(const KindsPolicy& policy, const Unit& unit) {
  IdSource ids(1);
  return KindRules(policy, kFirst).judge(unit, ids);
}

TEST(Kinds, EveryNameIsAWordOnce) {
  for (const KindFamily family : kFamilies) {
    const auto words = kind_words(family);
    for (const detect::Kind& kind : kinds_of(family)) {
      EXPECT_EQ(std::ranges::count(words, kind.name), 1) << kind.name;
      EXPECT_EQ(std::ranges::count(words, kind.group), 1) << kind.group;
      EXPECT_NE(kind.name, kOtherwiseWord);
      EXPECT_NE(kind.group, kOtherwiseWord);
    }
  }
}

TEST(Kinds, TheMostSpecificWordDecides) {
  const KindFamily family = KindFamily::Injection;
  const detect::Kind kind = kinds_of(family)[grouped_kind(family)];
  const std::string name(kind.name), group(kind.group);
  EXPECT_EQ(verdict_on(policy_of(family, {}), kind), std::nullopt);
  EXPECT_EQ(verdict_on(policy_of(family, {}, Verdict::Log), kind), Verdict::Log);
  const auto by_group = policy_of(family, {{group, Verdict::Confirm}}, Verdict::Log);
  EXPECT_EQ(verdict_on(by_group, kind), Verdict::Confirm);
  EXPECT_EQ(deciding_word(by_group, kind), kind.group);
  const auto by_name =
      policy_of(family, {{group, Verdict::Confirm}, {name, Verdict::Allow}}, Verdict::Log);
  EXPECT_EQ(verdict_on(by_name, kind), Verdict::Allow);
  EXPECT_EQ(deciding_word(by_name, kind), kind.name);
}

TEST(Kinds, DecisionsNameKindAndPlaceAsPiiDoesR22) {
  const auto kind = std::string(kinds_of(KindFamily::Secrets)[0].name);
  const KindsPolicy secrets = policy_of(KindFamily::Secrets, {}, Verdict::Block);
  struct Case {
    Point point;
    std::string_view where;
  };
  constexpr Case kCases[] = {
      {Point::Prompt, "prompt"},
      {Point::ToolDefinition, "tool 't' definition"},
      {Point::ToolCall, "tool 't' arguments"},
      {Point::ToolResult, "tool 't' response"},
      {Point::ModelOutput, "model response"},
      {Point::Thought, "model response"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.where);
    auto found = hit(0, 0.9F);
    if (c.point == Point::ToolCall) found.part = event::Part::Arguments;
    const auto decision = ask(
        secrets,
        {.point = c.point, .tool_name = "t", .hits = {found, hit(0, 0.8F, 20), hit(0, 0.3F, 40)}});
    ASSERT_TRUE(decision);
    EXPECT_EQ(decision->details, "Secret detected in " + std::string(c.where) + ": " + kind +
                                     "(count=2, score=0.85, action=BLOCK)");
    EXPECT_EQ(decision->policy, "SecretDetection");
    EXPECT_EQ(decision->rule, kind);
    EXPECT_EQ(decision->verdict, Verdict::Block);
    EXPECT_EQ(decision->reason, Reason::Leakage);
  }
  const KindsPolicy injection = policy_of(KindFamily::Injection, {}, Verdict::Log);
  const auto decision = ask(injection, {.point = Point::ToolResult, .hits = {hit(0, 1)}});
  ASSERT_TRUE(decision);
  EXPECT_THAT(decision->details,
              HasSubstr("Prompt injection detected in tool 'unknown' response: "));
  EXPECT_EQ(decision->policy, "PromptInjection");
  EXPECT_EQ(decision->reason, Reason::PromptInjection);
}

TEST(Kinds, SilentWhereItDoesNotLookOrAllows) {
  KindsPolicy policy = policy_of(KindFamily::Secrets, {}, Verdict::Block);
  const Unit unit{.point = Point::Prompt, .hits = {hit(0, 1)}};
  EXPECT_TRUE(ask(policy, unit));
  policy.head.on = kResponse;
  EXPECT_FALSE(ask(policy, unit));
  EXPECT_FALSE(ask(policy_of(KindFamily::Secrets, {}, Verdict::Allow), unit));
  EXPECT_FALSE(ask(policy_of(KindFamily::Secrets, {}), unit));
}

// Data has no business giving orders; what the detector leaves out is below every weight.
TEST(Kinds, OrdersWeighMoreInToolData) {
  const detect::Kind order{.name = "x", .group = "phrase", .score = 1};
  const detect::Kind hidden{.name = "y", .group = "hidden-text", .score = 1};
  for (std::size_t i = 0; i < event::kPointCount; ++i) {
    const auto point = static_cast<Point>(i);
    const bool data = point == Point::ToolResult || point == Point::ToolDefinition;
    EXPECT_EQ(weight_at(KindFamily::Injection, order, point), data ? 1.5F : 1.0F);
    EXPECT_EQ(weight_at(KindFamily::Injection, hidden, point), 1.0F);
    EXPECT_EQ(weight_at(KindFamily::Secrets, order, point), 1.0F);
  }
}

TEST(Kinds, TheDetectorsFloorIsThatOfTheHeaviestPoint) {
  for (const KindFamily family : kFamilies) {
    KindsPolicy policy = policy_of(family, {}, Verdict::Block);
    policy.threshold = 0.6F;
    float weight = 1;
    for (const detect::Kind& kind : kinds_of(family)) {
      weight = std::max(weight, weight_at(family, kind, Point::ToolResult));
    }
    EXPECT_NEAR(lowest_score(policy), 0.6F / weight, 1e-3);
    EXPECT_LE(lowest_score(policy) * weight, 0.6F);
    policy.head.on = kPrompt | kResponse;
    EXPECT_EQ(lowest_score(policy), 0.6F);
  }
}

TEST(Kinds, ScoresAreWeighedAndCapped) {
  const Sought what{.rule = 1, .name = "order", .verdict = Verdict::Block, .weight = 1.5F};
  Head head;
  Unit unit{.point = Point::ToolResult};
  unit.hits = {{.rule = 1, .score = 0.4F}, {.rule = 1, .score = 0.9F, .begin = 9}};
  const auto counted = tally(head, unit, {&what, 1}, 0.5F);
  ASSERT_EQ(counted.size(), 1U);
  EXPECT_EQ(counted[0].count, 2U);
  EXPECT_NEAR(counted[0].score_sum, 1.6, 1e-6);
  EXPECT_EQ(counted[0].first, &unit.hits[1]);
}

// ---- Files ----

Result<Loaded> load(std::string name, std::string text) {
  const std::vector<SourceFile> files = {{std::move(name), std::move(text)}};
  return load_directory(files);
}

TEST(KindsFile, OnePolicyFilesReadSwitchesAndDecisions) {
  const std::string kind(kinds_of(KindFamily::Secrets)[0].name);
  const auto loaded = load("secrets.toml",
                           "check_prompts = false\ncheck_tool_definitions = false\n"
                           "score_threshold = 0.8\n[kind_decisions]\n" +
                               kind + " = 'BLOCK'\ndefault = 'log'\n");
  ASSERT_TRUE(loaded) << loaded.error().detail;
  EXPECT_THAT(loaded->enabled, ElementsAre("SecretDetection"));
  EXPECT_THAT(loaded->diagnostics, IsEmpty());
  const auto& policy = std::get<KindsPolicy>(loaded->documents[0].policies[0]);
  EXPECT_EQ(policy.family, KindFamily::Secrets);
  EXPECT_EQ(policy.head.on, kToolArgs | kToolResult | kResponse);
  EXPECT_EQ(policy.threshold, 0.8F);
  EXPECT_EQ(policy.otherwise, Verdict::Log);
  ASSERT_EQ(policy.named.size(), 1U);
  EXPECT_EQ(policy.named[0].name, kind);
  EXPECT_EQ(policy.named[0].verdict, Verdict::Block);

  const auto injection = load("injection.toml", "[kind_decisions]\ndefault = 'LOG'\n");
  ASSERT_TRUE(injection) << injection.error().detail;
  EXPECT_THAT(injection->enabled, ElementsAre("PromptInjection"));
  const auto off = load("injection.toml", "enabled = false\n[kind_decisions]\ndefault = 'LOG'\n");
  ASSERT_TRUE(off);
  EXPECT_THAT(off->enabled, ElementsAre("Debug"));
}

struct Mistake {
  std::string name, text, said;
};

TEST(KindsFile, AMistakeStopsTheLoadAndSaysWhereR32) {
  const std::string word(kinds_of(KindFamily::Injection)[0].group);
  const Mistake cases[] = {
      {"injection.toml", "enabled = true\n", "1:1: the file must include a table 'kind_decisions'"},
      {"secrets.toml", "kind_decisions = 1\n", "1:18: 'kind_decisions' must be a table"},
      {"injection.toml", "[kind_decisions]\n" + word + "s = 'LOG'\n",
       "2:1: Unknown kind of prompt injection: " + word + "s (did you mean '" + word + "'?)"},
      {"secrets.toml", "[kind_decisions]\ndefalt = 'LOG'\n",
       "2:1: Unknown kind of secret: defalt (did you mean 'default'?)"},
      {"secrets.toml", "[kind_decisions]\ndefault = 'LOGG'\n",
       "2:11: Unknown verdict: LOGG (did you mean 'LOG'?)"},
      {"secrets.toml", "[kind_decisions]\ndefault = 1\n",
       "2:11: the verdict of default must be a string"},
      {"secrets.toml", "chek_prompts = true\n[kind_decisions]\n",
       "1:1: unknown key 'chek_prompts' (did you mean 'check_prompts'?)"},
      {"secrets.toml", "score_threshold = 2\n[kind_decisions]\n",
       "1:19: 'score_threshold' must be a number from 0 to 1"},
      {"secrets.toml", "[kind_decisions]\nscore_threshold = 0.4\n",
       "2:1: 'score_threshold' stands in [kind_decisions]"},
  };
  for (const Mistake& c : cases) {
    SCOPED_TRACE(c.text);
    const auto loaded = load(c.name, c.text);
    ASSERT_FALSE(loaded);
    const std::string said = c.name + ":" + c.said;
    EXPECT_EQ(loaded.error().detail.substr(0, said.size()), said);
  }
  const auto empty = load("secrets.toml", "[kind_decisions]\n");
  ASSERT_TRUE(empty);
  ASSERT_EQ(empty->diagnostics.size(), 1U);
  EXPECT_EQ(empty->diagnostics[0].code, "W05");
}

std::string native(const std::string& type, const std::string& rest) {
  return "schema = 1\n[[policy]]\nid = 'x'\ntype = '" + type + "'\n" + rest;
}

TEST(KindsFile, NativePoliciesReadKindsAndHead) {
  const auto loaded = load("p.toml", native("injection",
                                            "threshold = 0.7\non = 'tool_result'\nmode = 'shadow'\n"
                                            "kinds = { default = 'approval' }\n"));
  ASSERT_TRUE(loaded) << loaded.error().detail;
  const auto& policy = std::get<KindsPolicy>(loaded->documents[0].policies[0]);
  EXPECT_EQ(policy.family, KindFamily::Injection);
  EXPECT_EQ(policy.head.on, kToolResult);
  EXPECT_EQ(policy.head.mode, Mode::Shadow);
  EXPECT_EQ(policy.threshold, 0.7F);
  EXPECT_EQ(policy.otherwise, Verdict::Confirm);
  EXPECT_EQ(type_of(loaded->documents[0].policies[0]), "injection");

  const auto unknown = load("p.toml", native("secrets", "kinds = { defaultt = 'log' }\n"));
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().detail,
            "p.toml:5:11: Unknown kind of secret: defaultt (did you mean 'default'?)");
  EXPECT_FALSE(load("p.toml", native("secrets", ""))) << "kinds are required";
}

// The same texts, the same detectors: what a snapshot says of a unit.
TEST(KindsPolicy, OnlyWantedKindsAreLookedFor) {
  KindsPolicy nothing = policy_of(KindFamily::Secrets, {});
  const auto quiet = Snapshot::freeze({Policy(nothing)}, "sha256:x");
  ASSERT_TRUE(quiet);
  EXPECT_EQ((*quiet)->detectors_at(Point::Prompt), 0U);
  KindsPolicy results = policy_of(KindFamily::Injection, {}, Verdict::Block);
  results.head.on = kToolResult;
  const auto both = Snapshot::freeze({Policy(nothing), Policy(results)}, "sha256:x");
  ASSERT_TRUE(both);
  EXPECT_EQ((*both)->detectors_at(Point::Prompt), 0U);
  EXPECT_NE((*both)->detectors_at(Point::ToolResult), 0U);
  EXPECT_EQ((*both)->catalog().size(), 1U);
}

}  // namespace
}  // namespace capsem::policy
