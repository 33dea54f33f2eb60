#include "core/policy/content_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/policy/helpers.h"

namespace capsem::policy {
namespace {

using test::content;
using test::content_rule;
using test::when;
using test::when_arg;
using testing::ElementsAre;
using testing::IsEmpty;

using Asked = ContentRules::Asked;

std::vector<std::string> violated(const ContentPolicy& policy, std::string_view text,
                                  const Subject& subject = {}, Asked asked = Asked::Everything,
                                  Trace* trace = nullptr) {
  const auto rules = ContentRules::compile(policy);
  EXPECT_TRUE(rules) << rules.error().detail;
  const Facts facts{.subject = subject, .content = &text};
  std::vector<std::string> ids;
  for (const ContentRule* rule : rules->violated(facts, asked, trace)) ids.push_back(rule->id);
  return ids;
}

const Condition kEarnings = when(Field::Content, Op::Matches, {"(?i)\\bq4 earnings\\b"});
const Condition kStreamed = when(Field::Stream, Op::Equals, {"true"});
const Condition kFiles = when(Field::HasFiles, Op::Equals, {"true"});

TEST(ContentRules, ConditionsAreJoinedByAndR52) {
  const auto policy = content({content_rule("q4", {kEarnings, kStreamed})});
  EXPECT_THAT(violated(policy, "the Q4 Earnings", {.stream = true}), ElementsAre("q4"));
  EXPECT_THAT(violated(policy, "the Q4 Earnings", {.stream = false}), IsEmpty());
  EXPECT_THAT(violated(policy, "the q4 earningsx", {.stream = true}), IsEmpty());
}

TEST(ContentRules, AllRulesAreAskedOrTheFirstThatIsViolatedR42) {
  ContentPolicy policy = content({content_rule("no", {when(Field::Content, Op::Equals, {"z"})}),
                                  content_rule("one", {kFiles}), content_rule("two", {kEarnings})});
  EXPECT_THAT(violated(policy, "q4 earnings", {.has_files = true}), ElementsAre("one", "two"));
  policy.first_only = true;
  EXPECT_THAT(violated(policy, "q4 earnings", {.has_files = true}), ElementsAre("one"));
  EXPECT_THAT(violated(policy, "q4 earnings"), ElementsAre("two"));
}

TEST(ContentRules, MetadataIsWhatTheRequestCarriesR41) {
  const std::vector<std::string> types = {"application/pdf", "image/png"};
  const Subject with_all{.model = "gpt-4",
                         .endpoint = "/v1/chat/completions",
                         .stream = true,
                         .has_images = true,
                         .has_files = true,
                         .file_types = types};
  const Condition conditions[] = {when(Field::HasImages, Op::Equals, {"true"}),
                                  kFiles,
                                  when(Field::FileTypes, Op::Contains, {"pdf"}),
                                  when(Field::Model, Op::Glob, {"gpt-*"}),
                                  when(Field::Endpoint, Op::Equals, {"/v1/chat/completions"}),
                                  kStreamed};
  for (const Condition& condition : conditions) {
    const auto policy = content({content_rule("r", {condition})});
    EXPECT_THAT(violated(policy, "", with_all), ElementsAre("r")) << to_string(condition.field);
    EXPECT_THAT(violated(policy, "", {}), IsEmpty()) << to_string(condition.field);
  }
}

TEST(ContentRules, WhatCannotBeEvaluatedIsViolated) {
  const auto policy = content({content_rule("r", {when(Field::Content, Op::Gt, {"5"})})});
  EXPECT_THAT(violated(policy, "many"), ElementsAre("r"));
  EXPECT_THAT(violated(policy, "6"), ElementsAre("r"));
  EXPECT_THAT(violated(policy, "5"), IsEmpty());
}

TEST(ContentRules, AnswersAndCallsAreAskedOnlyWhatTheRequestCouldNotSay) {
  const auto policy =
      content({content_rule("files", {kFiles}), content_rule("text", {kEarnings}),
               content_rule("tool", {when(Field::ToolName, Op::Exists, {}, true)}),
               content_rule("usage", {when(Field::UsageTotal, Op::Exists, {}, true)})});
  const Subject subject{.has_files = true};
  EXPECT_THAT(violated(policy, "q4 earnings", subject),
              ElementsAre("files", "text", "tool", "usage"));
  EXPECT_THAT(violated(policy, "q4 earnings", subject, Asked::OfAnswer),
              ElementsAre("text", "usage"));
  EXPECT_THAT(violated(policy, "q4 earnings", subject, Asked::OfCall), ElementsAre("text", "tool"));
}

TEST(ContentRules, ATraceNamesEachRuleAndQuotesNoText) {
  Trace trace;
  violated(content({content_rule("q4", {kEarnings}), content_rule("f", {kFiles})}), "SECRETWORD",
           {.has_files = true}, Asked::Everything, &trace);
  ASSERT_EQ(trace.considered.size(), 2u);
  EXPECT_EQ(trace.considered[0].rule, "content/q4");
  EXPECT_EQ(trace.considered[0].because, "content: a value is not matches");
  EXPECT_FALSE(trace.considered[0].matched);
  EXPECT_TRUE(trace.considered[1].matched);
}

TEST(ContentRules, SayWhatTheyNeed) {
  const auto of = [](const Condition& c) {
    return *ContentRules::compile(content({content_rule("r", {c})}));
  };
  EXPECT_TRUE(of(kEarnings).needs_content());
  EXPECT_TRUE(of(kEarnings).judges_answers());
  EXPECT_FALSE(of(kFiles).judges_answers());
  EXPECT_TRUE(of(when(Field::UsageTotal, Op::Gt, {"1"})).judges_answers());
  EXPECT_TRUE(of(when(Field::ToolName, Op::Exists, {})).needs_tool());
  EXPECT_TRUE(of(when_arg("a", Op::Exists, {})).needs_tool());
  EXPECT_FALSE(of(kFiles).needs_tool());
  EXPECT_FALSE(ContentRules::compile(
      content({content_rule("r", {when(Field::Content, Op::Matches, {"("})})})));
}

}  // namespace
}  // namespace capsem::policy
