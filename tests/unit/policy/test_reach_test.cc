// Which rules the tests of a file reach.
#include "core/policy/test_reach.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/policy/loader.h"

namespace capsem::policy {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr const char* kPolicies = R"(schema = 1
[[policy]]
id = "words"
type = "keyword"
keywords = ["alpha"]
[[policy]]
id = "pii"
type = "pii"
entities = { EMAIL_ADDRESS = "block", US_SSN = "block", PERSON = "allow" }
[[policy]]
id = "models"
type = "access"
match = "first"
default = "deny"
  [[policy.rule]]
  id = "good"
  effect = "allow"
  action = "llm.generate"
  resource = "model/good*"
  [[policy.rule]]
  id = "rest"
  effect = "deny"
  action = "*"
  resource = "model/*"
[[policy]]
id = "names"
type = "lists"
models = { allow = ["good*"], deny = ["good-old"] }
tools = { allow = ["look"], deny = ["rm"] }
network = { allow = ["a.com"], deny = ["b.com"] }
[[policy]]
id = "rate"
type = "limit"
agents = ["x-*"]
requests_per_minute = 5
[[policy]]
id = "texts"
type = "content"
  [[policy.rule]]
  id = "q4"
  all = [ { field = "content", op = "contains", value = "earnings" } ]
[[policy]]
id = "watch"
type = "keyword"
mode = "shadow"
keywords = ["gamma"]
[[policy]]
id = "keys"
type = "secrets"
kinds = { private-key = "block", default = "log" }
)";

std::vector<ReachedRule> reached_by(const std::string& tests) {
  const std::vector<SourceFile> files = {{"p.toml", kPolicies + tests}};
  Loaded loaded = load_files(files);
  for (const Diagnostic& d : loaded.diagnostics) {
    if (d.error) ADD_FAILURE() << to_string(d);
  }
  auto snapshot = Snapshot::freeze(std::move(loaded.documents), loaded.revision);
  EXPECT_TRUE(snapshot) << snapshot.error().detail;
  auto rules = rules_reached(*snapshot);
  EXPECT_TRUE(rules);
  return *rules;
}

std::vector<std::string> names(const std::vector<ReachedRule>& rules) {
  std::vector<std::string> reached;
  for (const ReachedRule& rule : rules) {
    if (rule.reached) reached.push_back(rule.kind + " " + rule.name);
  }
  return reached;
}

std::string test(const std::string& given) {
  return "[[test]]\ngiven = { " + given + " }\nexpect = { verdict = \"allow\" }\n";
}

TEST(TestReach, WithoutTestsNothingIsReachedAndEveryRuleIsListedWithItsPlace) {
  const auto rules = reached_by("");
  EXPECT_THAT(names(rules), IsEmpty());
  EXPECT_EQ(rules.size(), 16U);  // PERSON = allow decides nothing
  for (const ReachedRule& rule : rules) {
    EXPECT_EQ(rule.origin.file, "p.toml");
    EXPECT_GT(rule.origin.line, 1U) << rule.name;
  }
}

struct Case {
  std::string given;
  std::vector<std::string> reached;
};

TEST(TestReach, EachKindIsReachedByItsOwnRequests) {
  const std::string allowed = "model = \"good-1\"";
  const std::vector<std::string> base = {"access rule models/good",
                                         "allow list names/models.allow"};
  const std::vector<Case> cases = {
      {allowed, {}},
      {allowed + ", prompt = \"ALPHA\"", {"keyword policy words"}},
      {allowed + ", prompt = \"gamma\"", {"keyword policy watch"}},
      {allowed + ", prompt = \"mail a.b@example.com\"", {"entity pii/EMAIL_ADDRESS"}},
      {allowed + ", prompt = \"a.b@example.com, social security number 078-05-1127\"",
       {"entity pii/EMAIL_ADDRESS", "entity pii/US_SSN"}},
      {allowed + ", tools = [\"look\"]", {"allow list names/tools.allow"}},
      {allowed + ", tools = [\"other\"]", {"allow list names/tools.allow"}},
      {allowed + ", tools = [\"rm\"]", {"deny list names/tools.deny"}},
      {allowed + ", tool = \"rm\", tool_args = \"{}\"", {"deny list names/tools.deny"}},
      {allowed + ", tool = \"look\", tool_args = '{\"u\":\"https://a.com/\"}'",
       {"allow list names/network.allow", "allow list names/tools.allow"}},
      {allowed + ", tool = \"look\", tool_args = '{\"u\":\"https://b.com/\"}'",
       {"allow list names/tools.allow", "deny list names/network.deny"}},
      {allowed + ", prompt = \"earnings\"", {"content rule texts/q4"}},
      {allowed + ", agent_id = \"x-1\"", {"limit rate"}},
  };
  for (const Case& c : cases) {
    std::vector<std::string> expected = base;
    expected.insert(expected.end(), c.reached.begin(), c.reached.end());
    EXPECT_THAT(names(reached_by(test(c.given))), testing::UnorderedElementsAreArray(expected))
        << c.given;
  }
  EXPECT_THAT(names(reached_by(test("model = \"bad\""))),
              UnorderedElementsAre("access rule models/rest", "allow list names/models.allow"));
  EXPECT_THAT(names(reached_by(test("model = \"good-old\""))),
              UnorderedElementsAre("access rule models/good", "deny list names/models.deny"));
}

TEST(TestReach, SeveralTestsAddUp) {
  const auto rules = reached_by(test("model = \"bad\"") + test("model = \"good-old\""));
  EXPECT_EQ(names(rules).size(), 4U);
}

}  // namespace
}  // namespace capsem::policy
