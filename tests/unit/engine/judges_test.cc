// Judge services in an exchange: asked last, waited for, and what their silence means.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/engine/exchange.h"
#include "core/policy/snapshot.h"
#include "tests/support/answers.h"
#include "tests/unit/policy/helpers.h"

namespace capsem::engine {
namespace {

using codec::Dialect;
using policy::JudgeAnswer;
using policy::JudgePolicy;
using policy::JudgeQuestion;
using policy::OnError;
using policy::Policy;
using policy::Verdict;

// Knows nothing until the test says what it thinks.
class FakeDesk final : public policy::JudgeDesk {
 public:
  struct Asked {
    event::Point point;
    std::string text;
  };

  const JudgeAnswer* ask(const JudgeQuestion& question) override {
    const auto [at, fresh] = asked_.try_emplace(question.id);
    if (fresh) questions.push_back({question.point, std::string(question.text)});
    if (at_once) return &*at_once;
    return answers ? &*answers : nullptr;
  }

  std::optional<JudgeAnswer> answers;  // to all questions, once it is there
  std::optional<JudgeAnswer> at_once;
  std::vector<Asked> questions;  // each once

 private:
  std::map<std::uint64_t, int> asked_;
};

JudgeAnswer scored(float score, std::string label = "rude") {
  return {.answered = true, .score = score, .label = std::move(label)};
}

JudgePolicy judge() {
  JudgePolicy policy;
  policy.head = policy::test::head("j");
  policy.head.on = policy::kPrompt | policy::kToolArgs | policy::kToolResult | policy::kResponse;
  policy.url = "http://127.0.0.1:9/";
  policy.threshold = 0.8F;
  return policy;
}

class Judged {
 public:
  explicit Judged(const JudgePolicy& policy) : Judged(std::vector<Policy>{policy}) {}
  explicit Judged(std::vector<Policy> policies) {
    auto snapshot = policy::Snapshot::freeze(std::move(policies), "r");
    EXPECT_TRUE(snapshot) << snapshot.error().detail;
    exchange.emplace(RouteProfile{.dialect = Dialect::OpenAiChat}, *snapshot, settings_, workspace_,
                     policy::Subject{}, Services{.judges = &desk});
  }

  Step request(std::string_view text, bool stream = false) {
    exchange->on_request_bytes(test::request_body(Dialect::OpenAiChat, text, stream));
    return exchange->on_request_end();
  }
  // A clean request, and an answer up to its end.
  Step answer(std::string_view body, Answer kind) {
    desk.at_once = scored(0);
    EXPECT_EQ(request("hi", kind != Answer::Body), Step::Continue);
    desk.at_once.reset();
    desk.questions.clear();
    exchange->on_answer_head(kind, true);
    EXPECT_EQ(exchange->on_answer_bytes(body, out), Step::Continue);
    return exchange->on_answer_end(out);
  }

  FakeDesk desk;
  std::string out;

 private:
  EngineSettings settings_;
  Workspace workspace_{1, 2};

 public:
  std::optional<Exchange> exchange;
};

std::string told(Judged& judged) {
  const audit::Record record = judged.exchange->take_record();
  std::string text;
  for (const policy::Decision& d : record.decisions) {
    text += d.policy + "/" + d.rule + " " + std::string(to_string(d.verdict)) +
            (d.enforced ? "; " : " not enforced; ");
  }
  for (const auto& [surface, reason] : record.not_checked) text += surface + ": " + reason + "; ";
  return text;
}

constexpr std::string_view kSaid =
    R"({"choices":[{"index":0,"message":{"role":"assistant","content":"so it is"}}]})";
constexpr std::string_view kStreamed =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"so it is\"}}]}\n\n"
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
    "data: [DONE]\n\n";

TEST(Judges, ARequestWaitsUntilItIsKnownR52) {
  for (const bool bad : {false, true}) {
    Judged judged(judge());
    ASSERT_EQ(judged.request("hello you"), Step::Wait);
    ASSERT_EQ(judged.exchange->on_request_end(), Step::Wait) << "asked again too early";
    ASSERT_EQ(judged.desk.questions.size(), 1U);
    EXPECT_EQ(judged.desk.questions[0].text, "hello you");
    EXPECT_EQ(judged.desk.questions[0].point, event::Point::Prompt);
    judged.desk.answers = scored(bad ? 0.93F : 0.1F);
    ASSERT_EQ(judged.exchange->on_request_end(), bad ? Step::Deny : Step::Continue);
    EXPECT_EQ(judged.desk.questions.size(), 1U);
    if (bad) {
      EXPECT_EQ(judged.exchange->denial().message,
                "Request blocked by security policy: Judged in prompt: rude(score=0.93, "
                "action=BLOCK)");
      EXPECT_EQ(judged.exchange->denial().status, 403);
    }
    EXPECT_EQ(told(judged), bad ? "j/rude BLOCK; " : "");
  }
}

TEST(Judges, TheThresholdIsAFindingAndLessIsNone) {
  for (const auto& [score, step] : {std::pair(0.8F, Step::Deny), {0.79F, Step::Continue}}) {
    Judged judged(judge());
    judged.desk.at_once = scored(score, "");
    EXPECT_EQ(judged.request("hi"), step);
    EXPECT_EQ(told(judged), step == Step::Deny ? "j/score BLOCK; " : "");
  }
}

TEST(Judges, WhatIsBlockedAlreadyIsShownToNobody) {
  policy::KeywordPolicy words;
  words.keywords = {"secret"};
  Judged judged({words, judge()});
  EXPECT_EQ(judged.request("a secret"), Step::Deny);
  EXPECT_TRUE(judged.desk.questions.empty());
  EXPECT_EQ(told(judged), "Debug/secret BLOCK; request: refused before its judge was asked; ");
}

// A person could release what is held: the judge's word must be known by then.
TEST(Judges, WhatIsHeldIsJudged) {
  policy::KeywordPolicy words;
  words.keywords = {"maybe"};
  words.action = Verdict::Confirm;
  Judged judged({words, judge()});
  judged.desk.at_once = scored(0.9F);
  EXPECT_EQ(judged.request("maybe"), Step::Deny);
  EXPECT_FALSE(judged.exchange->wants_approval());
  EXPECT_EQ(told(judged), "Debug/maybe CONFIRM; j/rude BLOCK; ");
}

struct SilenceCase {
  OnError on_error;
  policy::Mode mode;
  Step step;
  std::string_view told;
};

TEST(Judges, SilenceMeansWhatOnErrorSays) {
  const SilenceCase cases[] = {
      {OnError::Block, policy::Mode::Enforce, Step::Deny, ""},
      {OnError::Warn, policy::Mode::Enforce, Step::Continue,
       "engine/inspection_failed LOG; request: a judge service failed or passed its deadline; "},
      {OnError::Allow, policy::Mode::Enforce, Step::Continue,
       "request: a judge service failed or passed its deadline; "},
      {OnError::Block, policy::Mode::Shadow, Step::Continue,
       "request: a judge service failed or passed its deadline; "},
  };
  for (const SilenceCase& c : cases) {
    SCOPED_TRACE(static_cast<int>(c.on_error));
    JudgePolicy policy = judge();
    policy.head.on_error = c.on_error;
    policy.head.mode = c.mode;
    Judged judged(policy);
    ASSERT_EQ(judged.request("hi"), Step::Wait);
    judged.desk.answers = JudgeAnswer{};
    EXPECT_EQ(judged.exchange->on_request_end(), c.step);
    if (c.step == Step::Deny) {
      EXPECT_EQ(judged.exchange->denial().code, "inspection_failed");
    }
    EXPECT_EQ(told(judged), c.told);
  }
}

TEST(Judges, AnAnswerIsHeldUntilItIsJudged) {
  for (const auto& [body, kind] : {std::pair(kSaid, Answer::Body), {kStreamed, Answer::Sse}}) {
    for (const bool bad : {false, true}) {
      Judged judged(judge());
      ASSERT_EQ(judged.answer(body, kind), Step::Wait);
      EXPECT_EQ(judged.out, "");
      ASSERT_EQ(judged.exchange->on_answer_end(judged.out), Step::Wait);
      ASSERT_EQ(judged.desk.questions.size(), 1U);
      EXPECT_EQ(judged.desk.questions[0].text, "so it is");
      judged.desk.answers = scored(bad ? 0.9F : 0);
      EXPECT_EQ(judged.exchange->on_answer_end(judged.out), bad ? Step::Deny : Step::Done);
      EXPECT_EQ(judged.out, bad ? "" : body);
      EXPECT_EQ(told(judged), bad ? "j/rude BLOCK; " : "");
    }
  }
}

TEST(Judges, AStreamThatIsOnlyRecordedFlowsX3) {
  JudgePolicy policy = judge();
  policy.head.output = policy::Output::Log;
  Judged judged(policy);
  ASSERT_EQ(judged.answer(kStreamed, Answer::Sse), Step::Wait);
  EXPECT_NE(judged.out.find("so it is"), std::string::npos);
  judged.desk.answers = scored(0.9F);
  EXPECT_EQ(judged.exchange->on_answer_end(judged.out), Step::Done);
  EXPECT_EQ(judged.out, kStreamed);
  EXPECT_EQ(told(judged), "j/rude BLOCK not enforced; ");
}

TEST(Judges, CallsAreJudgedByTheirArguments) {
  constexpr std::string_view kCall =
      R"({"choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[)"
      R"({"id":"c","type":"function","function":{"name":"send","arguments":"{\"a\":1}"}}]}}]})";
  Judged judged(judge());
  ASSERT_EQ(judged.answer(kCall, Answer::Body), Step::Wait);
  ASSERT_EQ(judged.desk.questions.size(), 1U);
  EXPECT_EQ(judged.desk.questions[0].text, R"({"a":1})");
  EXPECT_EQ(judged.desk.questions[0].point, event::Point::ToolCall);
}

TEST(Judges, AnExchangeMayEndWhileItWaits) {
  Judged judged(judge());
  ASSERT_EQ(judged.request("hi"), Step::Wait);
  EXPECT_EQ(told(judged), "");
}

}  // namespace
}  // namespace capsem::engine
