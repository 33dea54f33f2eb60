#include "core/policy/self_test.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace capsem::policy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::string_view kPolicy = R"(schema = 1
[[policy]]
id = "models"
type = "access"
default = "block"
  [[policy.rule]]
  id = "cheap"
  effect = "allow"
  action = "llm.*"
  resource = "model/*-mini"
)";

std::shared_ptr<const Snapshot> snapshot_with(std::string_view tests) {
  const SourceFile file{.name = "policy.toml", .text = std::string(kPolicy) + std::string(tests)};
  Loaded loaded = load_files({&file, 1});
  for (const Diagnostic& d : loaded.diagnostics) {
    if (d.error) ADD_FAILURE() << to_string(d);
  }
  auto snapshot = Snapshot::freeze(std::move(loaded.documents), loaded.revision);
  EXPECT_TRUE(snapshot) << snapshot.error().detail;
  return *snapshot;
}

std::vector<std::string> lines_of(std::string_view tests) {
  const auto snapshot = snapshot_with(tests);
  const auto results = run_tests(snapshot);
  EXPECT_TRUE(results);
  std::vector<std::string> lines;
  for (const Diagnostic& d : failures_of(*results)) {
    EXPECT_EQ(d.code, "E07");
    lines.push_back(to_string(d));
  }
  return lines;
}

TEST(SelfTest, AnAgentIsBoundByTheFilesOwnKeysX11) {
  constexpr std::string_view kBound = R"([[policy]]
id = "proof"
type = "access"
default = "allow"
  [[policy.rule]]
  effect = "deny"
  when = { agent_bound = false }
[[key]]
user_id = "abc"
agents = ["premium-*"]
)";
  const auto test = [&](std::string_view key, std::string_view agent, std::string_view verdict) {
    return std::string(kBound) + "[[test]]\ngiven = { model = \"gpt-mini\", key_id = \"" +
           std::string(key) + "\", agent_id = \"" + std::string(agent) +
           "\" }\nexpect = { verdict = \"" + std::string(verdict) + "\" }\n";
  };
  EXPECT_THAT(lines_of(test("abc", "premium-1", "allow")), IsEmpty());
  EXPECT_THAT(lines_of(test("abd", "premium-1", "block")), IsEmpty());
}

TEST(SelfTest, SaysWhichExpectationDoesNotHoldAndWhere) {
  struct Case {
    std::string_view tests;
    std::vector<std::string> lines;
  };
  const Case cases[] = {
      {"", {}},
      {"[[test]]\ngiven = { model = \"gpt-mini\" }\nexpect = { verdict = \"allow\" }\n", {}},
      {"[[test]]\ngiven = { model = \"gpt-4\" }\n"
       "expect = { verdict = \"block\", decided_by = \"models/default\", code = \"policy_denied\" "
       "}\n",
       {}},
      {"[[test]]\ngiven = { model = \"gpt-4\" }\nexpect = { verdict = \"allow\" }\n",
       {"policy.toml:11:1: the test fails: verdict: expected ALLOW, got BLOCK"}},
      {"[[test]]\ngiven = { model = \"gpt-mini\" }\n"
       "expect = { verdict = \"block\", decided_by = \"models/x\", code = \"y\" }\n",
       {"policy.toml:11:1: the test fails: verdict: expected BLOCK, got ALLOW; decided_by: "
        "expected models/x, got nothing; code: expected y, got nothing"}},
  };
  for (const Case& c : cases) EXPECT_EQ(lines_of(c.tests), c.lines) << c.tests;
}

TEST(SelfTest, RunsEveryTestAndNamesEachThatFails) {
  const std::string tests =
      "[[test]]\ngiven = { model = \"a\" }\nexpect = { verdict = \"allow\" }\n"
      "[[test]]\ngiven = { model = \"a\" }\nexpect = { verdict = \"block\" }\n"
      "[[test]]\ngiven = { model = \"b\" }\nexpect = { verdict = \"log\" }\n";
  const auto snapshot = snapshot_with(tests);
  const auto results = run_tests(snapshot);
  ASSERT_TRUE(results);
  std::vector<bool> passed;
  for (const TestResult& result : *results) passed.push_back(result.passed());
  EXPECT_THAT(passed, ElementsAre(false, true, false));
  EXPECT_EQ((*results)[0].test->model, "a");

  const Status status = self_test(snapshot);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, "policy_test");
  EXPECT_EQ(status.error().detail,
            "policy.toml:11:1: E07 the test fails: verdict: expected ALLOW, got BLOCK\n"
            "policy.toml:17:1: E07 the test fails: verdict: expected LOG, got BLOCK");
}

TEST(SelfTest, PoliciesThatPromiseNothingPass) {
  const auto snapshot = snapshot_with("");
  EXPECT_TRUE(self_test(snapshot));
  const auto results = run_tests(snapshot);
  ASSERT_TRUE(results);
  EXPECT_THAT(*results, IsEmpty());
}

}  // namespace
}  // namespace capsem::policy
