// freeze() and judge() together with the real detectors.
#include "core/policy/snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace capsem::policy {
namespace {

using detect::EntityType;
using event::Point;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

PiiPolicy pii(std::initializer_list<std::pair<EntityType, Verdict>> entities) {
  PiiPolicy policy;
  for (const auto& [type, verdict] : entities) {
    policy.entities[static_cast<std::size_t>(type)] = {.configured = true, .verdict = verdict};
  }
  return policy;
}

std::shared_ptr<const Snapshot> freeze(std::vector<Policy> policies) {
  auto snapshot = Snapshot::freeze(std::move(policies), "sha256:test");
  EXPECT_TRUE(snapshot) << snapshot.error().detail;
  return snapshot ? *snapshot : nullptr;
}

// The details of every decision on one text at one point, in order.
std::vector<std::string> judge(const Snapshot& snapshot, Point point, std::string_view text) {
  detect::CatalogScratch scratch(snapshot.catalog());
  std::vector<detect::Finding> findings;
  EXPECT_TRUE(
      detect::scan_all(snapshot.catalog(), snapshot.detectors_at(point), scratch, text, findings));
  Unit unit{.point = point};
  for (const detect::Finding& f : findings) {
    unit.hits.push_back({.rule = f.rule, .score = f.score, .begin = f.begin, .end = f.end});
  }
  IdSource ids(1);
  std::vector<Decision> decisions;
  snapshot.judge(unit, ids, decisions);
  std::vector<std::string> details;
  for (const Decision& d : decisions) details.push_back(d.details);
  return details;
}

TEST(Snapshot, EveryPolicyIsAskedInItsOrderR27) {
  const auto both = freeze({KeywordPolicy{}, pii({{EntityType::EmailAddress, Verdict::Block}})});
  EXPECT_THAT(judge(*both, Point::Prompt, "Capsem_BLOCK to jane@example.com"),
              ElementsAre("Detected 'capsem_block' in prompt",
                          "PII detected in prompt: EMAIL_ADDRESS(count=1, score=1.00, "
                          "action=BLOCK)"));
  const auto turned = freeze({pii({{EntityType::EmailAddress, Verdict::Block}}), KeywordPolicy{}});
  EXPECT_THAT(judge(*turned, Point::Prompt, "capsem_block to jane@example.com"),
              ElementsAre(HasSubstr("PII detected"), HasSubstr("Detected 'capsem_block'")));
  EXPECT_THAT(judge(*both, Point::Prompt, "nothing of note"), IsEmpty());
}

TEST(Snapshot, TwoPiiPoliciesShareADetectorAndKeepTheirOwnOpinion) {
  PiiPolicy strict = pii({{EntityType::EmailAddress, Verdict::Block}});
  PiiPolicy curious =
      pii({{EntityType::EmailAddress, Verdict::Log}, {EntityType::IpAddress, Verdict::Log}});
  curious.head.name = "Curious";
  curious.head.on = kPrompt | kToolArgs | kToolResult;
  const auto snapshot = freeze({strict, curious});
  EXPECT_EQ(snapshot->catalog().size(), 1U);
  EXPECT_EQ(judge(*snapshot, Point::Prompt, "jane@example.com").size(), 2U);
  EXPECT_THAT(judge(*snapshot, Point::ModelOutput, "jane@example.com"),
              ElementsAre(HasSubstr("action=BLOCK")));
}

TEST(Snapshot, ADetectorLooksOnlyWhereSomePolicyDoesR29) {
  PiiPolicy prompts = pii({{EntityType::EmailAddress, Verdict::Block}});
  prompts.head.on = kPrompt;
  const auto snapshot = freeze({prompts});
  EXPECT_NE(snapshot->detectors_at(Point::Prompt), 0U);
  for (const Point point : {Point::ToolDefinition, Point::ToolCall, Point::ToolResult,
                            Point::ModelOutput, Point::Thought}) {
    EXPECT_EQ(snapshot->detectors_at(point), 0U) << to_string(point);
  }
  EXPECT_FALSE(snapshot->inspects_answers());

  const auto debug = freeze({KeywordPolicy{}});
  for (std::size_t i = 0; i < event::kPointCount; ++i) {
    EXPECT_NE(debug->detectors_at(static_cast<Point>(i)), 0U);
  }
  EXPECT_TRUE(debug->inspects_answers());

  const auto nothing = freeze({PiiPolicy{}});
  EXPECT_EQ(nothing->catalog().size(), 0U);
  EXPECT_FALSE(nothing->inspects_answers());
}

TEST(Snapshot, APolicyIsToldInItsOwnSpellingOfTheKeyword) {
  KeywordPolicy policy;
  policy.keywords = {"Project-X", "other"};
  EXPECT_THAT(judge(*freeze({policy}), Point::ModelOutput, "about PROJECT-x and OTHER"),
              ElementsAre("Detected 'Project-X' in model response"));
}

TEST(Snapshot, RefusesPoliciesThatCannotBeCompiled) {
  KeywordPolicy none, empty, too_long;
  none.keywords = {};
  empty.keywords = {"x", ""};
  too_long.keywords = {std::string(detect::kLookAhead, 'x')};
  for (const KeywordPolicy& policy : {none, empty, too_long}) {
    const auto snapshot = Snapshot::freeze({policy}, "");
    ASSERT_FALSE(snapshot);
    EXPECT_EQ(snapshot.error().code, "invalid_policy");
  }
  EXPECT_FALSE(
      Snapshot::freeze(std::vector<Policy>(Snapshot::kPoliciesMax + 1, KeywordPolicy{}), ""));
  EXPECT_TRUE(Snapshot::freeze(std::vector<Policy>(Snapshot::kPoliciesMax, KeywordPolicy{}), ""));
}

TEST(Snapshot, RemembersWhereItCameFrom) {
  EXPECT_EQ(freeze({KeywordPolicy{}})->revision(), "sha256:test");
  EXPECT_EQ(freeze({KeywordPolicy{}})->policies().size(), 1U);
}

}  // namespace
}  // namespace capsem::policy
