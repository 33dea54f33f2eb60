#include "server/proxy/policy_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace capsem::proxy {
namespace {

using policy::Verdict;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

Result<PolicyQuestion> ask(PolicyCall call, std::string body) {
  const std::size_t size = body.size();
  body.append(wire::JsonReader::kPadding, ' ');
  wire::JsonReader reader;
  const Status parsed = reader.parse(std::string_view(body).substr(0, size));
  EXPECT_TRUE(parsed) << parsed.error().detail;
  return read_question(call, reader);
}

std::string refusal(PolicyCall call, const std::string& body) {
  const auto question = ask(call, body);
  return question ? "" : question.error().code + "|" + question.error().detail;
}

std::string in_quotes(const std::string& text) {
  return '"' + text + '"';
}

TEST(PolicyApi, R83_AnActionAndAResourceAreAskedAbout) {
  const auto q = ask(PolicyCall::Enforce,
                     R"({"action":"llm.generate","resource":"model/gpt-4","context":)"
                     R"({"agent_id":"premium-1","tier":"gold","n":1.50,"on":true,"off":null}})");
  ASSERT_TRUE(q) << q.error().detail;
  EXPECT_EQ(q->action, "llm.generate");
  EXPECT_EQ(q->resource, "model/gpt-4");
  EXPECT_EQ(q->agent, "premium-1");
  EXPECT_THAT(q->context, ElementsAre(Pair("tier", "gold"), Pair("n", "1.50"), Pair("on", "true")));
}

TEST(PolicyApi, TextsAreAskedAboutInExplain) {
  const auto q =
      ask(PolicyCall::Explain,
          R"({"model":"gpt-4","prompt":"p","response":"r","tool":"t",)"
          R"("tool_args":{"a": [1]},"tool_result":"x","tools":["a","b"],"stream":true})");
  ASSERT_TRUE(q) << q.error().detail;
  EXPECT_EQ(q->model + q->prompt + q->response + q->tool + q->tool_result, "gpt-4prtx");
  EXPECT_EQ(q->tool_args, R"({"a": [1]})");
  EXPECT_THAT(q->tools, ElementsAre("a", "b"));
  EXPECT_TRUE(q->stream);
  EXPECT_EQ(ask(PolicyCall::Explain, R"({"tool":"t","tool_args":"{\"a\":1}"})")->tool_args,
            R"({"a":1})");
}

TEST(PolicyApi, R53_AnInputIsEvaluated) {
  const auto q =
      ask(PolicyCall::Evaluate, R"({"input":"text","targetKey":"k","targetMetadata":{"a":{"b":1}},)"
                                R"("correlationId":"c","sessionId":"s","callbackUrl":null})");
  ASSERT_TRUE(q) << q.error().detail;
  EXPECT_EQ(q->prompt, "text");
  EXPECT_EQ(q->target_key + q->correlation_id + q->session_id, "kcs");
  EXPECT_EQ(q->target_metadata, R"({"a":{"b":1}})");
  EXPECT_THAT(q->context, IsEmpty());  // metadata is never matched
}

// Both sides of every limit, in characters.
TEST(PolicyApi, R53_R83_LengthsAreLimited) {
  struct Case {
    PolicyCall call;
    const char* name;
    std::size_t max;
    const char* others;
  };
  for (const Case& c : {
           Case{PolicyCall::Evaluate, "targetKey", 1'000, R"("input":"x")"},
           Case{PolicyCall::Evaluate, "correlationId", 255, R"("input":"x")"},
           Case{PolicyCall::Evaluate, "sessionId", 255, R"("input":"x")"},
           Case{PolicyCall::Enforce, "action", 255, R"("resource":"x")"},
           Case{PolicyCall::Enforce, "resource", 1'000, R"("action":"x")"},
           Case{PolicyCall::Explain, "model", 255, R"("prompt":"x")"},
           Case{PolicyCall::Explain, "tool", 255, R"("prompt":"x")"},
       }) {
    for (const std::string one : {"a", "\xC3\xA9", "\xF0\x9F\x98\x80"}) {
      SCOPED_TRACE(c.name);
      const auto body = [&](std::size_t length) {
        std::string text;
        for (std::size_t i = 0; i < length; ++i) text += one;
        return std::string("{") + c.others + "," + in_quotes(c.name) + ":" + in_quotes(text) + "}";
      };
      EXPECT_EQ(refusal(c.call, body(c.max)), "");
      EXPECT_EQ(refusal(c.call, body(c.max + 1)), "invalid_member|" + std::string(c.name) +
                                                      ": longer than " + std::to_string(c.max) +
                                                      " characters");
    }
  }
}

TEST(PolicyApi, R53_ACallbackIsReadAndHasItsLength) {
  const auto body = [](std::size_t length) {
    return R"({"input":"x","callbackUrl":)" + in_quotes(std::string(length, 'u')) + "}";
  };
  EXPECT_EQ(refusal(PolicyCall::Evaluate, body(1'024)), "");
  EXPECT_EQ(refusal(PolicyCall::Evaluate, body(1'025)),
            "invalid_member|callbackUrl: longer than 1024 characters");
}

TEST(PolicyApi, ContextsAndToolsAreLimited) {
  const auto context = [](std::size_t members, std::size_t name, std::size_t value) {
    std::string text = R"({"action":"a","resource":"r","context":{)";
    for (std::size_t i = 0; i < members; ++i) {
      std::string key = std::to_string(i);
      key.resize(std::max(name, key.size()), '_');
      text += (i == 0 ? "" : ",") + in_quotes(key) + ":" + in_quotes(std::string(value, 'v'));
    }
    return text + "}}";
  };
  EXPECT_EQ(refusal(PolicyCall::Enforce, context(64, 1, 1)), "");
  EXPECT_THAT(refusal(PolicyCall::Enforce, context(65, 1, 1)), HasSubstr("more than 64"));
  EXPECT_EQ(refusal(PolicyCall::Enforce, context(1, 255, 1'000)), "");
  EXPECT_THAT(refusal(PolicyCall::Enforce, context(1, 256, 1)), HasSubstr("name is too long"));
  EXPECT_THAT(refusal(PolicyCall::Enforce, context(1, 1, 1'001)), HasSubstr("longer than 1000"));
  const auto tools = [](std::size_t count, std::size_t length) {
    std::string text = R"({"tools":[)";
    for (std::size_t i = 0; i < count; ++i) {
      text += (i == 0 ? "" : ",") + in_quotes(std::string(length, 't'));
    }
    return text + "]}";
  };
  EXPECT_EQ(refusal(PolicyCall::Explain, tools(1'024, 255)), "");
  EXPECT_THAT(refusal(PolicyCall::Explain, tools(1'025, 1)), HasSubstr("more than 1024"));
  EXPECT_THAT(refusal(PolicyCall::Explain, tools(1, 256)), HasSubstr("tools: longer than 255"));
}

TEST(PolicyApi, AMistakeNamesTheMember) {
  using enum PolicyCall;
  struct Case {
    PolicyCall call;
    const char* body;
    const char* says;
  };
  for (const Case& c : {
           Case{Enforce, "[]", "must be a JSON object"},
           Case{Enforce, "{}", "missing_member|action:"},
           Case{Enforce, R"({"action":"","resource":"r"})", "missing_member|action:"},
           Case{Enforce, R"({"action":"a"})", "missing_member|resource:"},
           Case{Enforce, R"({"action":"a","resource":null})", "missing_member|resource:"},
           Case{Enforce, R"({"action":1,"resource":"r"})", "action: must be a string"},
           Case{Enforce, R"({"action":"a","resource":"r","resorce":"x"})",
                "unknown member 'resorce'"},
           Case{Enforce, R"({"action":"a","resource":"r","prompt":"x"})",
                "unknown member 'prompt'"},
           Case{Enforce, R"({"action":"a","resource":"r","context":[]})",
                "context: must be an object"},
           Case{Enforce, R"({"action":"a","resource":"r","context":{"x":{}}})",
                "context.x: must be"},
           Case{Enforce, R"({"action":"a","resource":"r","context":{"x":[1]}})",
                "context.x: must be"},
           Case{Enforce, R"({"action":"a","resource":"r","context":{"agent_id":7}})",
                "agent_id: must be"},
           Case{Explain, "{}", "nothing is asked"},
           Case{Explain, R"({"context":{"a":"b"},"stream":true})", "nothing is asked"},
           Case{Explain, R"({"tool_args":"{}"})", "tool: is required"},
           Case{Explain, R"({"tool":"t","tool_args":[1]})", "tool_args: must be"},
           Case{Explain, R"({"prompt":"p","stream":"yes"})", "stream: must be"},
           Case{Explain, R"({"tools":"t"})", "tools: must be"},
           Case{Explain, R"({"tools":[1]})", "tools: must be"},
           Case{Explain, R"({"input":"x"})", "unknown member 'input'"},
           Case{Evaluate, "{}", "missing_member|input:"},
           Case{Evaluate, R"({"input":""})", "missing_member|input:"},
           Case{Evaluate, R"({"input":{"text":"x"}})", "input: must be a string"},
           Case{Evaluate, R"({"input":"x","targetMetadata":"m"})", "targetMetadata: must be"},
           Case{Evaluate, R"({"input":"x","callbackUrl":5})", "callbackUrl: must be"},
           Case{Evaluate, R"({"input":"x","context":{}})", "unknown member 'context'"},
       }) {
    EXPECT_THAT(refusal(c.call, c.body), HasSubstr(c.says)) << c.body;
  }
}

TEST(PolicyApi, TheSubjectIsWhatIsAskedAboutAndNoProvider) {
  PolicyQuestion question;
  question.action = "embedding.generate";
  question.resource = "model/text-embedding-3-small";
  question.context = {{"tier", "gold"}};
  auto subject = subject_of(question, "/v1/policy/enforce", {.user_id = "0123", .agent = "premium-1", .agent_bound = true});
  EXPECT_EQ(subject.action, "embedding.generate");
  EXPECT_EQ(subject.resource, "model/text-embedding-3-small");
  EXPECT_EQ(subject.model, "text-embedding-3-small");
  EXPECT_EQ(subject.agent, "premium-1");
  EXPECT_EQ(subject.key, "0123");
  EXPECT_TRUE(subject.agent_bound);
  EXPECT_EQ(subject.upstream_host, "");
  EXPECT_EQ(subject.context.size(), 1U);

  PolicyQuestion chat;
  chat.model = "gpt-4";
  subject = subject_of(chat, "/v1/policy/evaluate", {.user_id = "0123", .agent = "a"});
  EXPECT_EQ(subject.action, "llm.generate");
  EXPECT_EQ(subject.resource, "");

  PolicyQuestion text;
  text.prompt = "p";
  EXPECT_EQ(subject_of(text, "/v1/evaluate", {.user_id = "0123", .agent = "a"}).action, "");
  PolicyQuestion tool;
  tool.action = "tool.call";
  tool.resource = "tool/file_delete";
  EXPECT_EQ(subject_of(tool, "/v1/policy/enforce", {.user_id = "0123", .agent = "a"}).model, "");
}

TEST(PolicyApi, R83_EnforceSaysAllowedAndItsStatus) {
  PolicyQuestion question;
  question.run_id = "run";
  PolicyAnswer answer;
  EXPECT_EQ(status_of(PolicyCall::Enforce, answer), 200);
  EXPECT_EQ(render_answer(question, answer, "sha256:9f"),
            R"({"allowed":true,"verdict":"ALLOW","decided_by":null,"message":null,"code":null,)"
            R"("reason_code":null,"run_id":"run","revision":"sha256:9f"})");
  answer.verdict = Verdict::Block;
  answer.decided_by = "models/rest";
  answer.message = "Model gpt-4 is not allowed";
  answer.code = "model_blocked";
  answer.reason_code = "RULE_MATCH";
  EXPECT_EQ(status_of(PolicyCall::Enforce, answer), 403);
  EXPECT_EQ(render_answer(question, answer, "sha256:9f"),
            R"({"allowed":false,"verdict":"BLOCK","decided_by":"models/rest",)"
            R"("message":"Model gpt-4 is not allowed","code":"model_blocked",)"
            R"("reason_code":"RULE_MATCH","run_id":"run","revision":"sha256:9f"})");
}

TEST(PolicyApi, R83_WhatIsLoggedIsAllowedAndWhatIsHeldIsNot) {
  const std::pair<Verdict, int> cases[] = {{Verdict::Allow, 200},  {Verdict::Monitor, 200},
                                           {Verdict::Log, 200},    {Verdict::Clarify, 200},
                                           {Verdict::Replan, 200}, {Verdict::Confirm, 403},
                                           {Verdict::Block, 403}};
  for (const auto& [verdict, status] : cases) {
    const PolicyAnswer answer{.verdict = verdict};
    EXPECT_EQ(status_of(PolicyCall::Enforce, answer), status) << policy::to_string(verdict);
    EXPECT_EQ(status_of(PolicyCall::Explain, answer), 200);
    EXPECT_EQ(status_of(PolicyCall::Evaluate, answer), 200);
  }
}

TEST(PolicyApi, ExplainAnswersWithTheExplanation) {
  PolicyQuestion question;
  question.call = PolicyCall::Explain;
  PolicyAnswer answer;
  answer.explanation = R"({"verdict":"BLOCK"})";
  EXPECT_EQ(render_answer(question, answer, "r"), R"({"verdict":"BLOCK"})");
}

TEST(PolicyApi, R53_AnEvaluationHasOutcomeMeansAndViolations) {
  struct Case {
    Verdict verdict;
    const char* words;
  };
  PolicyQuestion question;
  question.call = PolicyCall::Evaluate;
  question.run_id = "run";
  for (const Case& c :
       {Case{Verdict::Allow, R"("outcome":"ALLOW","enforcementAction":"ALLOW")"},
        Case{Verdict::Monitor, R"("outcome":"ALLOW","enforcementAction":"MONITOR_ONLY")"},
        Case{Verdict::Log, R"("outcome":"WARN","enforcementAction":"WARN")"},
        Case{Verdict::Confirm, R"("outcome":"BLOCK","enforcementAction":"APPROVAL_REQUIRED")"},
        Case{Verdict::Block, R"("outcome":"BLOCK","enforcementAction":"BLOCK")"}}) {
    PolicyAnswer answer;
    answer.verdict = c.verdict;
    EXPECT_EQ(render_answer(question, answer, "r"),
              std::string(R"({"data":{)") + c.words +
                  R"(,"evaluationRunId":"run","reviewRequestId":null,"pollUrl":null,)"
                  R"("violations":[]}})");
  }
  PolicyAnswer answer;
  answer.verdict = Verdict::Block;
  answer.decisions = {
      {.id = "0123456789ab",
       .policy = "earnings",
       .rule = "q4",
       .verdict = Verdict::Block,
       .details = "Mentions \"results\"",
       .severity = "HIGH"},
      {.policy = "shadowed", .verdict = Verdict::Block, .enforced = false, .shadow = true},
      {.id = "1",
       .policy = "pii",
       .rule = "PERSON",
       .verdict = Verdict::Log,
       .details = "PERSON(count=1)"}};
  EXPECT_THAT(
      render_answer(question, answer, "r"),
      HasSubstr(R"x("violations":[{"id":"0123456789ab","policy":"earnings","rule":"q4",)x"
                R"x("severity":"HIGH","message":"Mentions \"results\"","enforcement":"BLOCK",)x"
                R"x("phase":"input"},{"id":"1","policy":"pii","rule":"PERSON","severity":null,)x"
                R"x("message":"PERSON(count=1)","enforcement":"WARN","phase":"input"}]}})x"));
}

}  // namespace
}  // namespace capsem::proxy
