#include "core/policy/access_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "tests/unit/policy/helpers.h"

namespace capsem::policy {
namespace {

using test::access;
using test::rule;
using test::when;
using test::when_arg;

struct Outcome {
  std::string rule;  // "default" when none decided
  Verdict effect = Verdict::Allow;
  bool undecidable = false;
  bool operator==(const Outcome&) const = default;
};

Outcome judge(const AccessPolicy& policy, std::string_view action, std::string_view resource,
              std::string_view agent = "", const char* arguments = nullptr,
              Trace* trace = nullptr) {
  const auto rules = AccessRules::compile(policy);
  EXPECT_TRUE(rules) << rules.error().detail;
  const Subject subject{.agent = agent};
  const std::string canonical = canonical_action(action);
  const std::string_view actions[] = {canonical};
  Arguments args(arguments == nullptr ? "" : arguments);
  const Unit unit{.point = event::Point::ToolCall, .tool_name = "t"};
  const Facts facts{.subject = subject,
                    .action = canonical,
                    .resource = resource,
                    .unit = &unit,
                    .arguments = arguments == nullptr ? nullptr : &args};
  const AccessOutcome outcome = rules->judge(actions, facts, trace);
  return {outcome.rule == nullptr ? "default" : outcome.rule->id, outcome.effect,
          outcome.undecidable};
}

TEST(AccessRules, ActionsHaveSeveralSpellingsR78) {
  struct Case {
    const char *written, *canonical;
  };
  for (const Case& c : {
           Case{"llm.generate", "llm.generate"},
           {"llm:generate", "llm.generate"},
           {"llm:call", "llm.generate"},
           {"llm.call", "llm.generate"},
           {"embedding:generate", "embedding.generate"},
           {"llm", "llm.*"},
           {"llm:*", "llm.*"},
           {"*", "*"},
           {"delete_*", "delete_*.*"},
           {"files:read", "files.read"},
           {"mcp:files:read", "mcp.files:read"},
       }) {
    EXPECT_EQ(canonical_action(c.written), c.canonical) << c.written;
  }
}

// ---- S4's two policies --------------------------------------------------------------------------

// allow gpt-4 and gpt-3.5-turbo, deny gpt-4-turbo*, embeddings by name.
AccessPolicy models_policy() {
  return access({
      rule("0", Verdict::Allow, {"llm:generate"}, {"model/gpt-4"}),
      rule("1", Verdict::Allow, {"llm.generate"}, {"model/gpt-3.5-turbo"}),
      rule("2", Verdict::Block, {"llm.generate"}, {"model/gpt-4-turbo*"}),
      rule("3", Verdict::Allow, {"embedding.generate"}, {"model/text-embedding-3-small"}),
  });
}

// gpt-4 for premium agents, gpt-3.5-turbo for all, nothing else.
AccessPolicy agents_policy() {
  return access({
      rule("premium", Verdict::Allow, {"llm.generate"}, {"model/gpt-4"},
           {when(Field::AgentId, Op::Glob, {"premium-*"})}),
      rule("basic", Verdict::Allow, {"llm.generate"}, {"model/gpt-3.5-turbo"}),
      rule("rest", Verdict::Block, {"llm.generate"}, {"model/*"}),
  });
}

TEST(AccessRules, TheFirstPolicyDecidesAsR71Says) {
  struct Case {
    const char *action, *resource;
    Outcome expected;
  };
  for (const Case& c : {
           Case{"llm.generate", "model/gpt-4", {"0", Verdict::Allow}},
           {"llm:call", "model/gpt-4", {"0", Verdict::Allow}},
           {"llm.generate", "model/gpt-3.5-turbo", {"1", Verdict::Allow}},
           {"llm.generate", "model/gpt-4-turbo", {"2", Verdict::Block}},
           {"llm.generate", "model/gpt-4-turbo-preview", {"2", Verdict::Block}},
           {"llm.generate", "model/gpt-4-turbo/eu", {"2", Verdict::Block}},
           {"llm.generate", "model/gpt-4o", {"default", Verdict::Block}},
           {"llm.generate", "model/GPT-4", {"default", Verdict::Block}},
           {"llm.generate", "model/openai/gpt-4", {"default", Verdict::Block}},
           {"llm.generate", "model/text-embedding-3-small", {"default", Verdict::Block}},
           {"embedding.generate", "model/text-embedding-3-small", {"3", Verdict::Allow}},
           {"embedding.generate", "model/text-embedding-3-large", {"default", Verdict::Block}},
           {"embedding.generate", "model/gpt-4", {"default", Verdict::Block}},
       }) {
    EXPECT_EQ(judge(models_policy(), c.action, c.resource), c.expected)
        << c.action << " " << c.resource;
  }
}

TEST(AccessRules, TheSecondPolicyDecidesAsR74AndR76Say) {
  struct Case {
    const char *agent, *resource;
    Outcome expected;
  };
  for (const Case& c : {
           Case{"premium-support", "model/gpt-4", {"premium", Verdict::Allow}},
           {"basic-support", "model/gpt-4", {"rest", Verdict::Block}},
           {"", "model/gpt-4", {"rest", Verdict::Block}},
           {"PREMIUM-support", "model/gpt-4", {"rest", Verdict::Block}},
           {"basic-support", "model/gpt-3.5-turbo", {"basic", Verdict::Allow}},
           {"", "model/gpt-3.5-turbo", {"basic", Verdict::Allow}},
           {"premium-support", "model/openai/gpt-4", {"rest", Verdict::Block}},  // R77
       }) {
    EXPECT_EQ(judge(agents_policy(), "llm.generate", c.resource, c.agent), c.expected)
        << c.agent << " " << c.resource;
  }
  // Under deny-overrides the broad deny kills every allow: what R74 rules out.
  AccessPolicy overriding = agents_policy();
  overriding.match = Match::DenyOverrides;
  EXPECT_EQ(judge(overriding, "llm.generate", "model/gpt-3.5-turbo", ""),
            (Outcome{"rest", Verdict::Block}));
}

// ---- Modes and effects --------------------------------------------------------------------------

TEST(AccessRules, TheFirstMatchWinsWhateverItsEffect) {
  const auto effects = {Verdict::Allow, Verdict::Monitor, Verdict::Log, Verdict::Confirm,
                        Verdict::Block};
  for (const Verdict one : effects) {
    for (const Verdict two : effects) {
      const std::vector<AccessRule> rules = {rule("one", one, {"*"}, {"*"}),
                                             rule("two", two, {"*"}, {"*"})};
      EXPECT_EQ(judge(access(rules), "a.b", "r"), (Outcome{"one", one}));
      // Deny-overrides: the strictest; the first of equally strict ones.
      const bool first = strictness(one) >= strictness(two);
      EXPECT_EQ(judge(access(rules, Verdict::Block, Match::DenyOverrides), "a.b", "r"),
                (Outcome{first ? "one" : "two", first ? one : two}));
    }
  }
}

TEST(AccessRules, TheDefaultDecidesWhenNoRuleDoesR80) {
  for (const Verdict fallback : {Verdict::Allow, Verdict::Log, Verdict::Block}) {
    for (const Match match : {Match::First, Match::DenyOverrides}) {
      const auto policy = access({rule("x", Verdict::Block, {"a.b"}, {"r"})}, fallback, match);
      EXPECT_EQ(judge(policy, "a.b", "other"), (Outcome{"default", fallback}));
      EXPECT_EQ(judge(policy, "a.c", "r"), (Outcome{"default", fallback}));
      EXPECT_EQ(judge(policy, "a.b", "r"), (Outcome{"x", Verdict::Block}));
    }
  }
  // A rule that allows wins over a default that denies, in both modes.
  EXPECT_EQ(
      judge(access({rule("x", Verdict::Allow, {"*"}, {"*"})}, Verdict::Block, Match::DenyOverrides),
            "a.b", "r"),
      (Outcome{"x", Verdict::Allow}));
}

TEST(AccessRules, ABrokenDenyStillDeniesAndABrokenAllowNeverAllows) {
  const std::vector<Condition> broken = {when_arg("n", Op::Gt, {"5"})};
  struct Case {
    Verdict effect;
    const char* arguments;
    Outcome expected;
  };
  const Outcome fallback{"default", Verdict::Log};
  for (const Case& c : {
           Case{Verdict::Block, R"({"n":"many"})", {"r", Verdict::Block, true}},
           {Verdict::Confirm, R"({"n":"many"})", {"r", Verdict::Confirm, true}},
           {Verdict::Block, "no json", {"r", Verdict::Block, true}},
           {Verdict::Allow, R"({"n":"many"})", fallback},
           {Verdict::Log, R"({"n":"many"})", fallback},
           {Verdict::Monitor, "no json", fallback},
           {Verdict::Block, R"({"n":6})", {"r", Verdict::Block}},
           {Verdict::Block, R"({"n":5})", fallback},
           {Verdict::Block, R"({})", fallback},
           {Verdict::Allow, R"({"n":6})", {"r", Verdict::Allow}},
       }) {
    const auto policy = access({rule("r", c.effect, {"*"}, {"*"}, broken)}, Verdict::Log);
    EXPECT_EQ(judge(policy, "tool.call", "tool/t", "", c.arguments), c.expected)
        << to_string(c.effect) << " " << c.arguments;
  }
}

TEST(AccessRules, ListsOfActionsAndResourcesAreJoinedByOr) {
  const auto policy = access({rule("r", Verdict::Allow, {"a.x", "b"}, {"one", "two/*"})});
  EXPECT_EQ(judge(policy, "a.x", "one").effect, Verdict::Allow);
  EXPECT_EQ(judge(policy, "b.anything", "two/three/four").effect, Verdict::Allow);
  EXPECT_EQ(judge(policy, "a.y", "one").effect, Verdict::Block);
  EXPECT_EQ(judge(policy, "a.x", "two").effect, Verdict::Block);
}

TEST(AccessRules, OnlyARuleThatCouldMeanAToolSpeaksOfTools) {
  struct Case {
    const char *action, *resource;
    bool speaks;
  };
  for (const Case& c : {
           Case{"llm.generate", "model/*", false},
           {"llm.generate", "*", false},
           {"embedding:generate", "*", false},
           {"*", "model/*", false},
           {"*", "*", true},
           {"tool.call", "tool/delete", true},
           {"*", "tool/?", true},
           {"*", "t*", true},
           {"*", "toolbox/*", false},
           {"delete_*", "tool/*", true},
           {"*", "tool/", true},
       }) {
    const auto policy = access({rule("r", Verdict::Allow, {c.action}, {c.resource})});
    const auto rules = AccessRules::compile(policy);
    EXPECT_EQ(rules->speaks_of_tools(), c.speaks) << c.action << " on " << c.resource;
  }
}

TEST(AccessRules, NeedsArgumentsWhereARuleAboutThemCouldMatch) {
  const auto policy = access({rule("0", Verdict::Block, {"tool.call"}, {"tool/pay*"},
                                   {when_arg("amount", Op::Gt, {"100"})}),
                              rule("1", Verdict::Allow, {"*"}, {"tool/*"})});
  const auto rules = *AccessRules::compile(policy);
  const std::string_view call[] = {"tool.call"}, define[] = {"tool.define"};
  EXPECT_TRUE(rules.needs_arguments(call, "tool/pay_out"));
  EXPECT_FALSE(rules.needs_arguments(call, "tool/search"));
  EXPECT_FALSE(rules.needs_arguments(define, "tool/pay_out"));
}

TEST(AccessRules, WhatCannotBeCompiledIsAnError) {
  EXPECT_FALSE(AccessRules::compile(access({rule("r", Verdict::Allow, {"["}, {"*"})})));
  EXPECT_FALSE(AccessRules::compile(access({rule("r", Verdict::Allow, {"*"}, {"["})})));
  EXPECT_FALSE(AccessRules::compile(
      access({rule("r", Verdict::Allow, {"*"}, {"*"}, {when(Field::Model, Op::Matches, {"("})})})));
}

// ---- Traced and indexed judging are one ---------------------------------------------------------

TEST(AccessRules, ATraceChangesNothingOnRandomRules) {
  std::mt19937 random(4);
  const std::vector<std::string> actions = {"*", "llm.generate", "llm:*", "llm", "tool.call"};
  const std::vector<std::string> resources = {"*",       "model/*",  "model/a",  "model/a*",
                                              "model/b", "model/?",  "tool/*",   "model/[ab]",
                                              "*/a",     "model/ab", "model/a/b"};
  const std::vector<std::string> asked = {"model/a", "model/b", "model/ab", "model/a/b",
                                          "tool/a",  "model/",  "other",    "model/c"};
  const Verdict effects[] = {Verdict::Allow, Verdict::Block, Verdict::Log, Verdict::Confirm};
  const auto any_of = [&](const auto& list) { return list[random() % std::size(list)]; };
  std::size_t by_rule = 0;
  for (int round = 0; round < 150; ++round) {
    AccessPolicy policy = access({}, any_of(effects));
    if (random() % 2 != 0) policy.match = Match::DenyOverrides;
    // More than 64 rules about one resource take another way through the index.
    const std::size_t count = random() % (round % 10 == 0 ? 200 : 12);
    for (std::size_t i = 0; i < count; ++i) {
      std::vector<std::string> of = {any_of(resources)};
      if (random() % 3 == 0) of.push_back(any_of(resources));
      AccessRule made = rule(std::to_string(i), any_of(effects), {any_of(actions)}, of);
      if (random() % 2 == 0) made.when.push_back(when(Field::AgentId, Op::Glob, {"p-*"}));
      if (random() % 4 == 0) made.when.push_back(when_arg("n", Op::Gt, {"1"}));
      policy.rules.push_back(std::move(made));
    }
    for (const std::string& resource : asked) {
      const char* agent = random() % 2 != 0 ? "p-1" : "q";
      const char* arguments = random() % 2 != 0 ? R"({"n":"x"})" : R"({"n":2})";
      const std::string action = any_of(actions);
      Trace trace;
      const Outcome fast = judge(policy, action, resource, agent, arguments);
      const Outcome slow = judge(policy, action, resource, agent, arguments, &trace);
      ASSERT_EQ(fast, slow) << resource;
      by_rule += fast.rule != "default";
      if (fast.rule != "default" && policy.match == Match::First) {
        ASSERT_EQ(trace.considered.size() + trace.left_out,
                  static_cast<std::size_t>(std::stoi(fast.rule)) + 1)
            << "each rule up to the one that decided";
      }
    }
  }
  EXPECT_GT(by_rule, 200u);
}

TEST(AccessRules, ATraceSaysWhyARuleDidNotMatch) {
  Trace trace;
  judge(access({rule("agent", Verdict::Allow, {"llm.generate"}, {"model/gpt-4"},
                     {when(Field::AgentId, Op::Glob, {"premium-*"})}),
                rule("other", Verdict::Allow, {"llm.generate"}, {"model/o*", "model/p"}),
                rule("embed", Verdict::Allow, {"embedding.generate"}, {"model/gpt-4"}),
                rule("rest", Verdict::Block, {"*"}, {"model/*"}),
                rule("never", Verdict::Block, {"*"}, {"*"})}),
        "llm.generate", "model/gpt-4", "basic-1", nullptr, &trace);
  ASSERT_EQ(trace.considered.size(), 4u);
  EXPECT_EQ(trace.considered[0].rule, "access/agent");
  EXPECT_EQ(trace.considered[0].at, "p.toml:3:1");
  EXPECT_EQ(trace.considered[0].because, "when.agent_id: basic-1 !~ premium-*");
  EXPECT_EQ(trace.considered[1].because, "resource: model/gpt-4 !~ model/o*, model/p");
  EXPECT_EQ(trace.considered[2].because, "action: llm.generate !~ embedding.generate");
  EXPECT_TRUE(trace.considered[3].matched);
}

}  // namespace
}  // namespace capsem::policy
