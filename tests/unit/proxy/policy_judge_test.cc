// R53, R83: what the policies say to who only asks.
#include "server/proxy/policy_judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "core/policy/loader.h"

namespace capsem::proxy {
namespace {

using policy::Verdict;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view kPolicies = R"(schema = 1
[[policy]]
id = "lists"
type = "lists"
models.allow = ["gpt-*"]
[[policy]]
id = "access"
type = "access"
default = "allow"
  [[policy.rule]]
  id = "held"
  effect = "approval"
  action = "llm.*"
  resource = "model/gpt-held"
  [[policy.rule]]
  id = "denied"
  effect = "block"
  action = "file.*"
[[policy]]
id = "words"
type = "keyword"
keywords = ["stopword"]
[[policy]]
id = "quota"
type = "limit"
requests_per_minute = 1
)";

struct FixedClock final : Clock {
  std::int64_t monotonic_ns() const override { return 1'000'000; }
  std::int64_t wall_ms() const override { return 0; }
};

class Judge : public testing::Test {
 protected:
  Judge() {
    const policy::SourceFile file{.name = "dir/policy.toml", .text = std::string(kPolicies)};
    policy::Loaded loaded = policy::load_files({&file, 1});
    for (const policy::Diagnostic& d : loaded.diagnostics) {
      if (d.error) ADD_FAILURE() << to_string(d);
    }
    snapshot_ = *policy::Snapshot::freeze(std::move(loaded.documents), loaded.revision);
  }

  PolicyAnswer ask(const PolicyQuestion& question) {
    const policy::Subject subject = subject_of(question, "/v1/policy/enforce", {.user_id = "user", .agent = "a"});
    auto answer = rehearsing_judge(clock_)(question, subject, snapshot_, workspace_);
    EXPECT_TRUE(answer);
    return std::move(*answer);
  }

  FixedClock clock_;
  std::shared_ptr<const policy::Snapshot> snapshot_;
  engine::Workspace workspace_{1, 2};
};

PolicyQuestion about(std::string action, std::string resource) {
  PolicyQuestion question;
  question.action = std::move(action);
  question.resource = std::move(resource);
  return question;
}

TEST_F(Judge, SaysOfAResourceWhatAnExchangeWouldBeToldR56R83) {
  struct Case {
    std::string action, resource;
    Verdict verdict;
    std::string decided_by, message, code, reason_code;
  };
  const Case cases[] = {
      {"llm.generate", "model/gpt-4", Verdict::Allow, "", "", "", ""},
      {"llm.generate", "model/other", Verdict::Block, "lists/model_blocked",
       "Model other is not allowed", "model_blocked", ""},
      {"file.read", "file/x", Verdict::Block, "access/denied", "", "policy_denied", "RULE_MATCH"},
      {"mail.send", "mail/x", Verdict::Allow, "", "", "", ""},
      {"llm.generate", "model/gpt-held", Verdict::Confirm, "access/held", "", "approval_required",
       "RULE_MATCH"},
  };
  for (const Case& c : cases) {
    const PolicyAnswer answer = ask(about(c.action, c.resource));
    EXPECT_EQ(answer.verdict, c.verdict) << c.resource;
    EXPECT_EQ(answer.decided_by, c.decided_by);
    if (!c.message.empty()) {
      EXPECT_EQ(answer.message, c.message);
    }
    EXPECT_EQ(answer.message.empty(), c.verdict == Verdict::Allow) << c.resource;
    EXPECT_EQ(answer.code, c.code) << c.resource;
    EXPECT_EQ(answer.reason_code, c.reason_code) << c.resource;
    EXPECT_THAT(answer.explanation, IsEmpty());
  }
}

TEST_F(Judge, ATextAloneIsNoModelsR53) {
  PolicyQuestion question;
  question.call = PolicyCall::Evaluate;
  question.prompt = "hello";
  EXPECT_EQ(ask(question).verdict, Verdict::Allow);
  question.prompt = "a stopword";
  const PolicyAnswer answer = ask(question);
  EXPECT_EQ(answer.verdict, Verdict::Block);
  EXPECT_EQ(answer.decided_by, "words/stopword");
  EXPECT_EQ(answer.decisions.size(), 1U);
}

TEST_F(Judge, EveryTextThatIsGivenIsJudged) {
  std::string PolicyQuestion::* const texts[] = {&PolicyQuestion::prompt, &PolicyQuestion::response,
                                                 &PolicyQuestion::tool_result};
  for (const auto text : texts) {
    PolicyQuestion question;
    question.call = PolicyCall::Explain;
    question.model = "gpt-4";
    EXPECT_EQ(ask(question).verdict, Verdict::Allow);
    question.*text = "a stopword";
    EXPECT_EQ(ask(question).verdict, Verdict::Block);
  }
  PolicyQuestion calls;
  calls.call = PolicyCall::Explain;
  calls.model = "gpt-4";
  calls.tool = "search";
  calls.tool_args = R"({"q":"a stopword"})";
  EXPECT_EQ(ask(calls).verdict, Verdict::Block);
}

TEST_F(Judge, AnExplanationNamesTheFileWithoutItsDirectory) {
  PolicyQuestion question = about("file.read", "file/x");
  question.call = PolicyCall::Explain;
  question.run_id = "run";
  const std::string told = ask(question).explanation;
  EXPECT_THAT(told, HasSubstr(R"("run_id":"run")"));
  EXPECT_THAT(told, HasSubstr(R"("verdict":"BLOCK","http":403,"phase":"request")"));
  EXPECT_THAT(told, HasSubstr(R"("policy":"access","rule":"denied","at":"policy.toml:)"));
  EXPECT_THAT(told, HasSubstr(R"({"rule":"access/held","matched":false,)"));
}

TEST_F(Judge, NoLimitIsChargedHoweverOftenOneAsks) {
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(ask(about("llm.generate", "model/gpt-4")).verdict, Verdict::Allow);
  }
}

}  // namespace
}  // namespace capsem::proxy
