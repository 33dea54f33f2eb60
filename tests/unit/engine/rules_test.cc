// Rules about models, tools, arguments and contents, through every dialect, streamed and not: the
// same verdict wherever the same thing is said, and of a refused call no byte (R60, R61).
#include <gtest/gtest.h>

#include <algorithm>
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
using policy::Field;
using policy::Op;
using policy::Policy;
using policy::Verdict;
using test::Channel;
namespace pt = policy::test;

using Snap = std::shared_ptr<const policy::Snapshot>;

Snap freeze(std::vector<Policy> policies) {
  auto snapshot = policy::Snapshot::freeze(std::move(policies), "r");
  EXPECT_TRUE(snapshot) << snapshot.error().detail;
  return *snapshot;
}

struct Outcome {
  Step step = Step::Continue;
  Denial denial;
  std::string out;
  std::size_t out_before_end = 0;  // bytes that had left before the answer's end
  audit::Record record;
};

Outcome finish(Exchange& exchange, Outcome outcome) {
  outcome.denial = exchange.denial();
  outcome.record = exchange.take_record();
  return outcome;
}

Outcome ask(const Snap& snapshot, Dialect dialect, std::string_view body,
            const policy::Subject& subject = {.action = "llm.generate"},
            const Services& services = {}) {
  Workspace workspace{1, 2};
  const EngineSettings settings;
  Exchange exchange({.dialect = dialect}, snapshot, settings, workspace, subject, services);
  Outcome outcome;
  exchange.on_request_bytes(body);
  outcome.step = exchange.on_request_end();
  return finish(exchange, std::move(outcome));
}

Outcome answer(const Snap& snapshot, Dialect dialect, Answer kind,
               const std::vector<std::string_view>& pieces, const Services& services = {},
               const EngineSettings& settings = {}) {
  Workspace workspace{1, 2};
  const policy::Subject subject{.action = "llm.generate", .model = "m"};
  Exchange exchange({.dialect = dialect}, snapshot, settings, workspace, subject, services);
  exchange.on_request_bytes(test::request_body(dialect, "hi", kind != Answer::Body));
  Outcome outcome;
  EXPECT_EQ(exchange.on_request_end(), Step::Continue) << exchange.denial().message;
  exchange.on_answer_head(kind, true);
  EXPECT_FALSE(exchange.relays_answer());
  for (const std::string_view piece : pieces) {
    outcome.step = exchange.on_answer_bytes(piece, outcome.out);
    if (outcome.step != Step::Continue) break;
  }
  outcome.out_before_end = outcome.out.size();
  if (outcome.step == Step::Continue) outcome.step = exchange.on_answer_end(outcome.out);
  return finish(exchange, std::move(outcome));
}

// After each event, and each single byte: the cuts that matter most.
std::vector<std::string_view> events_of(std::string_view stream) {
  std::vector<std::string_view> pieces;
  while (!stream.empty()) {
    const auto end = stream.find("\n\n");
    const std::size_t size = end == std::string_view::npos ? stream.size() : end + 2;
    pieces.push_back(stream.substr(0, size));
    stream.remove_prefix(size);
  }
  return pieces;
}

std::vector<std::string_view> bytes_of(std::string_view stream) {
  std::vector<std::string_view> pieces;
  for (std::size_t i = 0; i < stream.size(); ++i) pieces.push_back(stream.substr(i, 1));
  return pieces;
}

// What left before the error frame: as far as it is the stream's own bytes.
std::string_view left_of(std::string_view stream, std::string_view out) {
  const auto [at, other] = std::ranges::mismatch(stream, out);
  return stream.substr(0, static_cast<std::size_t>(at - stream.begin()));
}

// ---- One table, every dialect -------------------------------------------------------------------

struct RuleCase {
  const char* name;
  std::vector<Policy> policies;
  const char* tool;
  std::vector<std::string> arguments;  // in fragments
  const char* code;                    // empty: the call is let through
  const char* decided_by;
  std::size_t decisions = 1;
};

policy::ListsPolicy tools(std::initializer_list<const char*> allow,
                          std::initializer_list<const char*> deny) {
  policy::ListsPolicy policy;
  policy.head = pt::head("lists");
  policy.tools = pt::names(allow, deny);
  return policy;
}

policy::ListsPolicy network(std::initializer_list<const char*> allow) {
  policy::ListsPolicy policy;
  policy.head = pt::head("net");
  policy.network.emplace();
  policy.network->hosts = pt::names(allow, {});
  return policy;
}

policy::AccessPolicy payments(Verdict effect = Verdict::Block) {
  return pt::access({pt::rule("pay", effect, {"tool.call"}, {"tool/pay_*"},
                              {pt::when_arg("amount", Op::Gt, {"100"})}),
                     pt::rule("rest", Verdict::Allow, {"*"}, {"*"})});
}

template <class P>
P shadowed(P policy) {
  policy.head.mode = policy::Mode::Shadow;
  return policy;
}

template <class P>
P logged(P policy) {
  policy.head.output = policy::Output::Log;
  return policy;
}

std::vector<RuleCase> rule_cases() {
  const auto drops = pt::content(
      {pt::content_rule("drop", {pt::when(Field::ToolArgs, Op::Contains, {"drop table"})})});
  const auto names_rm =
      pt::content({pt::content_rule("rm", {pt::when(Field::ToolName, Op::Glob, {"rm_*"})})});
  const auto only_search = pt::access({pt::rule("m", Verdict::Allow, {"llm.*"}, {"model/*"}),
                                       pt::rule("s", Verdict::Allow, {"tool.*"}, {"tool/search"})});
  return {
      {"R60 a denied tool",
       {tools({}, {"file_*"})},
       "file_delete",
       {R"({"path":)", R"("ARGMARK"})"},
       "tool.blocked",
       "lists/tool.blocked"},
      {"a tool outside the allow list",
       {tools({"calculator"}, {})},
       "file_delete",
       {R"({"path":"ARGMARK"})"},
       "tool.not_allowed",
       "lists/tool.not_allowed"},
      {"a tool of the allow list",
       {tools({"calc*"}, {})},
       "calculator",
       {R"({"x":)", "1", "}"},
       "",
       "",
       0},
      {"no arguments at all",
       {tools({}, {"file_*"})},
       "file_delete",
       {"{}"},
       "tool.blocked",
       "lists/tool.blocked"},
      {"in shadow mode", {shadowed(tools({}, {"file_*"}))}, "file_delete", {R"({"a":1})"}, "", ""},
      {"for the record alone, X3",
       {logged(tools({}, {"file_*"}))},
       "file_delete",
       {R"({"a":1})"},
       "",
       ""},
      {"the first policy that blocks decides",
       {tools({}, {"file_*"}), tools({"x"}, {})},
       "file_delete",
       {R"({"path":"ARGMARK"})"},
       "tool.blocked",
       "lists/tool.blocked",
       2},
      {"access by name",
       {only_search},
       "file_delete",
       {R"({"path":"ARGMARK"})"},
       "policy_denied",
       "access/default"},
      {"access allows the name", {only_search}, "search", {R"({"q":"cats"})"}, "", "", 0},
      {"an argument past its bound",
       {payments()},
       "pay_out",
       {R"({"to":"ARGMARK","am)", R"(ount":1)", R"(01})"},
       "policy_denied",
       "access/pay"},
      {"an argument at its bound",
       {payments()},
       "pay_out",
       {R"({"to":"ARGMARK","am)", R"(ount":1)", R"(00})"},
       "",
       "",
       0},
      {"an argument that is no number",
       {payments()},
       "pay_out",
       {R"({"amount":"ARGMARK"})"},
       "policy_denied",
       "access/pay"},
      {"a call to be approved",
       {payments(Verdict::Confirm)},
       "pay_out",
       {R"({"to":"ARGMARK","amount":999})"},
       "approval_required",
       "access/pay"},
      {"R67 a host outside the list",
       {network({"good.com"})},
       "fetch",
       {R"({"url":"https://go)", R"(od.com","next":"https://evil.com/ARGMARK"})"},
       "network.not_allowed",
       "net/network.not_allowed"},
      {"R67 a host of the list",
       {network({"good.com"})},
       "fetch",
       {R"({"url":"https://go)", R"(od.com/x"})"},
       "",
       "",
       0},
      {"a content rule about arguments",
       {drops},
       "sql",
       {R"({"q":"ARGMARK dr)", R"(op table x"})"},
       "request_blocked",
       "content/drop"},
      {"an escape hides nothing",
       {drops},
       "sql",
       {R"({"q":"ARGMARK \u0064rop table"})"},
       "request_blocked",
       "content/drop"},
      {"a content rule about a name",
       {names_rm},
       "rm_all",
       {R"({"q":"ARGMARK"})"},
       "request_blocked",
       "content/rm"},
      {"a content rule that is not violated",
       {drops, names_rm},
       "sql",
       {R"({"q":"select"})"},
       "",
       "",
       0},
  };
}

void expect_outcome(const RuleCase& c, const Outcome& got, std::string_view whole,
                    std::string_view how) {
  SCOPED_TRACE(std::string(how));
  ASSERT_EQ(got.record.decisions.size(), c.decisions);
  if (*c.code == '\0') {
    ASSERT_EQ(got.step, Step::Done) << got.denial.message;
    ASSERT_EQ(got.out, whole) << "let through byte for byte";
    return;
  }
  ASSERT_TRUE(got.step == Step::Deny || got.step == Step::Cut);
  ASSERT_EQ(got.denial.code, c.code) << got.denial.message;
  ASSERT_EQ(got.record.decided_by, c.decided_by);
  const std::string_view left = left_of(whole, got.out);
  for (const std::string_view mark :
       {std::string_view(c.tool), std::string_view("ARGMARK"), std::string_view("call_1"),
        std::string_view("fc_1"), std::string_view("toolu_1"), std::string_view("functionCall")}) {
    ASSERT_EQ(left.find(mark), std::string_view::npos) << mark << " in " << left;
  }
  ASSERT_EQ(got.out.find("ARGMARK"), std::string::npos);
  ASSERT_EQ(got.out.find("[DONE]"), std::string::npos) << "R61";
  if (got.step == Step::Cut) {
    ASSERT_NE(got.out.find("\"error\""), std::string::npos);
  }
}

TEST(Rules, JudgeReturnedCallsAlikeInEveryDialectAndCut_R60_R61) {
  for (const RuleCase& c : rule_cases()) {
    SCOPED_TRACE(c.name);
    const Snap snapshot = freeze(c.policies);
    std::string arguments;
    for (const auto& fragment : c.arguments) arguments += fragment;
    for (const Channel& channel : test::kStreams) {
      if (channel.dialect == Dialect::OpenAiCompletions) continue;  // it has no tools
      SCOPED_TRACE(channel.name);
      const std::string body = test::tool_body(channel.dialect, c.tool, arguments);
      expect_outcome(c, answer(snapshot, channel.dialect, Answer::Body, {body}), body, "body");
      const std::string stream = test::tool_stream(channel, c.tool, c.arguments);
      const std::string_view view = stream;
      const auto streamed = [&](const std::vector<std::string_view>& pieces, std::string_view how) {
        expect_outcome(c, answer(snapshot, channel.dialect, channel.answer, pieces), stream, how);
      };
      streamed({view}, "whole");
      streamed(events_of(stream), "by events");
      streamed(bytes_of(stream), "byte by byte");
      for (std::size_t cut = 1; cut < view.size(); ++cut) {
        streamed({view.substr(0, cut), view.substr(cut)}, "cut at " + std::to_string(cut));
        if (HasFatalFailure()) return;
      }
    }
  }
}

// ---- Calls in several pieces, of several calls --------------------------------------------------

std::string chat(std::string_view choices) {
  return R"(data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[)" +
         std::string(choices) + "]}\n\n";
}

std::string chat_call(std::string_view call, int choice = 0) {
  return chat(R"({"index":)" + std::to_string(choice) + R"(,"delta":{"tool_calls":[)" +
              std::string(call) + "]},\"finish_reason\":null}");
}

struct StreamCase {
  const char* name;
  std::vector<std::string> events;
  const char* code;
  std::vector<const char*> hidden;  // must not have left
  const char* shown = nullptr;      // must have
};

std::vector<StreamCase> stream_cases() {
  const std::string end = chat(R"({"index":0,"delta":{},"finish_reason":"tool_calls"})");
  const std::string done = "data: [DONE]\n\n";
  const auto open = [](int i, const char* id, const char* name, const char* arguments) {
    return R"({"index":)" + std::to_string(i) + R"(,"id":")" + id +
           R"(","type":"function","function":{"name":")" + name + R"(","arguments":")" + arguments +
           "\"}}";
  };
  const auto more = [](int i, const char* function) {
    return R"({"index":)" + std::to_string(i) + R"(,"function":{)" + function + "}}";
  };
  return {
      {"a name in pieces",
       {chat_call(open(0, "id_1", "file", "")), chat_call(more(0, R"("name":"_del")")),
        chat_call(more(0, R"("name":"ete")")), chat_call(more(0, R"("arguments":"{}")")), end,
        done},
       "tool.blocked",
       {"id_1", "\"file\"", "_del"}},
      {"a name in pieces that is harmless as a whole",
       {chat_call(open(0, "id_1", "my", "")), chat_call(more(0, R"("name":"file_x")")),
        chat_call(more(0, R"("arguments":"{}")")), end, done},
       "",
       {},
       "file_x"},
      {"an id before the name",  // Former bugs: the id left
       {chat_call(R"({"index":0,"id":"id_1","type":"function"})"),
        chat_call(more(0, R"("name":"file_delete","arguments":"{}")")), end, done},
       "tool.blocked",
       {"id_1", "file_delete"}},
      {"a name of equal halves, in halves",
       {chat_call(open(0, "id_1", "aba", "")), chat_call(more(0, R"("name":"aba")")),
        chat_call(more(0, R"("arguments":"{}")")), end, done},
       "tool.blocked",
       {"id_1"}},
      {"a name of equal thirds, in thirds",  // Former bugs: only halves were joined
       {chat_call(open(0, "id_1", "ab", "")), chat_call(more(0, R"("name":"ab")")),
        chat_call(more(0, R"("name":"ab")")), chat_call(more(0, R"("arguments":"{}")")), end, done},
       "tool.blocked",
       {"id_1"}},
      {"a name said again behind its arguments",  // Former bugs: judged when all had left
       {chat_call(open(0, "id_1", "aba", "{}")), chat_call(more(0, R"("name":"aba")")), end, done},
       "tool.blocked",
       {R"("finish_reason":"tool_calls")", "[DONE]"}},
      {"the second of two parallel calls",
       {chat_call(open(0, "id_1", "calc", "{}")), chat_call(open(1, "id_2", "file_delete", "{}")),
        end, done},
       "tool.blocked",
       {"id_2", "file_delete"},
       "calc"},
      {"two calls in one event",
       {chat_call(open(0, "id_1", "calc", "{}") + "," + open(1, "id_2", "file_delete", "{}")), end,
        done},
       "tool.blocked",
       {"id_1", "id_2", "file_delete", "calc"}},
      {"a call of the second choice",
       {chat(R"({"index":0,"delta":{"content":"hello there"},"finish_reason":null})"),
        chat_call(open(0, "id_2", "file_delete", "{}"), 1), end, done},
       "tool.blocked",
       {"id_2", "file_delete"},
       "hello there"},
      {"text before the call leaves",
       {chat(R"({"index":0,"delta":{"content":"let me see"},"finish_reason":null})"),
        chat_call(open(0, "id_1", "file_delete", "")), chat_call(more(0, R"("arguments":"{}")")),
        end, done},
       "tool.blocked",
       {"id_1", "file_delete"},
       "let me see"},
      {"the old function_call",
       {chat(R"({"index":0,"delta":{"function_call":{"name":"file_delete","arguments":""}}})"),
        chat(R"({"index":0,"delta":{"function_call":{"arguments":"{}"}}})"), end, done},
       "tool.blocked",
       {"file_delete"}},
      {"a name behind its arguments",
       {chat_call(open(0, "id_1", "calc", "{}")), chat_call(more(0, R"("name":"_file_delete")")),
        end, done},
       "inspection_failed",
       {"_file_delete"}},
      {"a stream that ends without finish_reason or [DONE]",
       {chat_call(open(0, "id_1", "file_delete", ""))},
       "tool.blocked",
       {"id_1", "file_delete"}},
  };
}

TEST(Rules, JoinNamesAndTellCallsApartInStreamsR61) {
  const Snap snapshot = freeze({tools({}, {"file_*", "abaaba", "ababab"})});
  for (const StreamCase& c : stream_cases()) {
    SCOPED_TRACE(c.name);
    std::string stream;
    for (const auto& event : c.events) stream += event;
    std::vector<std::vector<std::string_view>> ways = {
        {stream}, events_of(stream), bytes_of(stream)};
    for (const auto& pieces : ways) {
      const Outcome got = answer(snapshot, Dialect::OpenAiChat, Answer::Sse, pieces);
      if (*c.code == '\0') {
        EXPECT_EQ(got.step, Step::Done) << got.denial.message;
        EXPECT_EQ(got.out, stream);
        continue;
      }
      EXPECT_NE(got.step, Step::Done);
      const bool fault = got.denial.type == "server_error";
      EXPECT_EQ(fault ? got.record.error_code : got.denial.code, c.code) << got.denial.message;
      const std::string_view left = left_of(stream, got.out);
      for (const char* hidden : c.hidden) {
        EXPECT_EQ(left.find(hidden), std::string_view::npos) << hidden << " in " << left;
      }
      if (c.shown != nullptr) {
        EXPECT_NE(left.find(c.shown), std::string_view::npos);
      }
    }
  }
}

TEST(Rules, EveryChoiceOfABodyIsCheckedR60) {
  const Snap snapshot = freeze({tools({}, {"file_*"})});
  const std::string body =
      R"({"id":"c1","object":"chat.completion","model":"m","choices":[)"
      R"({"index":0,"message":{"role":"assistant","content":"fine"},"finish_reason":"stop"},)"
      R"({"index":1,"message":{"role":"assistant","content":null,"tool_calls":[)"
      R"({"id":"a","type":"function","function":{"name":"calc","arguments":"{}"}},)"
      R"({"id":"b","type":"function","function":{"name":"file_delete","arguments":"{}"}}]},)"
      R"("finish_reason":"tool_calls"}]})";
  const Outcome got = answer(snapshot, Dialect::OpenAiChat, Answer::Body, {body});
  EXPECT_EQ(got.step, Step::Deny);
  EXPECT_EQ(got.denial.code, "tool.blocked");
  EXPECT_EQ(got.denial.message, "Tool file_delete is blocked");
  EXPECT_EQ(got.out, "");
}

// A server that tells clients two things: whichever they believe, it has been judged, or nothing
// leaves.
TEST(Rules, AnAnswerThatContradictsItselfIsNotJudgedButRefused) {
  const Snap snapshot = freeze({payments()});
  const Channel& responses =
      *std::ranges::find(test::kStreams, Dialect::OpenAiResponses, &Channel::dialect);
  const std::string honest = test::tool_stream(responses, "pay_out", {R"({"amount":1})"});
  ASSERT_EQ(answer(snapshot, responses.dialect, Answer::Sse, {honest}).step, Step::Done);
  const std::string said = R"({\"amount\":1})", other = R"({\"amount\":9})";
  for (auto at = honest.find(said); at != std::string::npos; at = honest.find(said, at + 1)) {
    std::string lying = honest;
    lying.replace(at, said.size(), other);
    const Outcome got = answer(snapshot, responses.dialect, Answer::Sse, {lying});
    EXPECT_NE(got.step, Step::Done) << at;
    EXPECT_EQ(got.record.error_code, "inspection_failed") << at;
    EXPECT_EQ(left_of(lying, got.out).find(other), std::string::npos) << at;
  }
  const std::string name = "\"pay_out\"";
  for (auto at = honest.find(name); at != std::string::npos; at = honest.find(name, at + 1)) {
    std::string lying = honest;
    lying.replace(at, name.size(), "\"pay_off\"");
    const Outcome got = answer(snapshot, responses.dialect, Answer::Sse, {lying});
    EXPECT_EQ(got.record.error_code, "inspection_failed") << at;
  }
}

// ---- Contents of answers ------------------------------------------------------------------------

policy::ContentPolicy earnings() {
  return pt::content(
      {pt::content_rule("q4", {pt::when(Field::Content, Op::Matches, {"(?i)q4 earnings"})})});
}

const std::vector<std::string> kLeak = {"all about the Q4 ", "earn", "ings of this year"};
const std::vector<std::string> kClean = {"all about the Q3 ", "earn", "ings of this year"};

TEST(Rules, AContentPolicyThatBlocksKeepsTheAnswerUntilItIsJudged) {
  const Snap snapshot = freeze({earnings()});
  for (const Channel& channel : test::kStreams) {
    SCOPED_TRACE(channel.name);
    const std::string clean = test::text_stream(channel, kClean);
    const Outcome fine = answer(snapshot, channel.dialect, channel.answer, bytes_of(clean));
    EXPECT_EQ(fine.step, Step::Done);
    EXPECT_EQ(fine.out, clean);
    EXPECT_EQ(fine.out_before_end, 0u) << "nothing leaves before all is judged";
    const std::string leak = test::text_stream(channel, kLeak);
    const Outcome got = answer(snapshot, channel.dialect, channel.answer, events_of(leak));
    EXPECT_EQ(got.step, Step::Deny);
    EXPECT_EQ(got.out, "");
    EXPECT_EQ(got.record.decided_by, "content/q4");
    const Outcome body = answer(snapshot, channel.dialect, Answer::Body,
                                {test::text_body(channel.dialect, "the Q4 earnings")});
    EXPECT_EQ(body.step, Step::Deny);
    EXPECT_EQ(body.record.decided_by, "content/q4");
  }
}

TEST(Rules, AContentPolicyThatLogsRelaysAtOnceAndRecordsR46) {
  const Snap snapshot = freeze({logged(earnings())});
  for (const Channel& channel : test::kStreams) {
    SCOPED_TRACE(channel.name);
    for (const bool leaks : {false, true}) {
      const std::string stream = test::text_stream(channel, leaks ? kLeak : kClean);
      const Outcome got = answer(snapshot, channel.dialect, channel.answer, events_of(stream));
      EXPECT_EQ(got.step, Step::Done);
      EXPECT_EQ(got.out, stream) << "bytes are identical with and without the violation";
      // The array's last bracket ends its last element.
      EXPECT_GE(got.out_before_end + 8, stream.size()) << "as it comes";
      ASSERT_EQ(got.record.decisions.size(), leaks ? 1u : 0u);
      if (!leaks) continue;
      EXPECT_FALSE(got.record.decisions[0].enforced);
      EXPECT_EQ(got.record.decisions[0].phase, event::Phase::Response);
      EXPECT_TRUE(got.record.decisions[0].violation);
      EXPECT_EQ(got.record.verdict, Verdict::Allow);
    }
  }
}

TEST(Rules, AnAnswerPastOneMebibyteIsRelayedAndRecordedAsNotEvaluatedR47) {
  const Snap snapshot = freeze({logged(earnings())});
  const auto judged = [&](std::size_t bytes) {
    const std::string text = "Q4 earnings" + std::string(bytes - 11, 'x');
    const std::string body = test::text_body(Dialect::OpenAiChat, text);
    const Outcome got = answer(snapshot, Dialect::OpenAiChat, Answer::Body, {body});
    EXPECT_EQ(got.step, Step::Done);
    EXPECT_TRUE(got.out == body);
    std::vector<std::string> deltas;
    for (std::size_t i = 0; i < text.size(); i += 65'536) deltas.push_back(text.substr(i, 65'536));
    const std::string stream = test::text_stream(test::kStreams[0], deltas);
    const Outcome streamed = answer(snapshot, Dialect::OpenAiChat, Answer::Sse, {stream});
    // Former bugs: what a single read had cleared counted as held back.
    EXPECT_TRUE(streamed.out == stream) << streamed.denial.code;
    for (const Outcome* one : {&got, &streamed}) {
      const auto& missing = one->record.not_checked;
      const bool told = std::ranges::any_of(
          missing, [](const auto& m) { return m.surface == "answer" && m.reason == "too_large"; });
      EXPECT_EQ(told, bytes > 1u << 20);
      EXPECT_EQ(one->record.decisions.size(), bytes > 1u << 20 ? 0u : 1u);
    }
  };
  judged(1u << 20);
  judged((1u << 20) + 1);
}

// ---- Detectors that fail ------------------------------------------------------------------------

class Failing final : public detect::Detector {
 public:
  std::unique_ptr<detect::Scratch> make_scratch() const override {
    return std::make_unique<detect::Scratch>();
  }
  Result<std::size_t> scan(const detect::Window& window, detect::Scratch&,
                           std::vector<detect::Finding>& findings) const override {
    if (window.text.find("poison") == std::string_view::npos) return window.text.size();
    findings.push_back({});  // what a failing detector found does not count
    return gateway_error("detector_failed", "the test asked for it");
  }
};

Snap failing(std::optional<policy::OnError> on_error) {
  policy::Document document;
  document.engine.on_error = on_error;
  document.policies = {policy::KeywordPolicy{}};
  return *policy::Snapshot::freeze(std::vector{document}, "r", std::make_unique<Failing>());
}

TEST(Rules, ADetectorThatFailsBlocksWarnsOrIsGoneOnWithout) {
  using policy::OnError;
  for (const std::optional<OnError> wanted :
       {std::optional<OnError>{}, std::optional(OnError::Block), std::optional(OnError::Warn),
        std::optional(OnError::Allow)}) {
    const Snap snapshot = failing(wanted);
    const bool blocks = wanted.value_or(OnError::Block) == OnError::Block;
    const auto expect = [&](const Outcome& got, Step fine) {
      if (blocks) {
        EXPECT_NE(got.step, fine);
        EXPECT_EQ(got.denial.code, "inspection_failed");
        return;
      }
      EXPECT_EQ(got.step, fine) << got.denial.message;
      EXPECT_FALSE(got.record.not_checked.empty()) << "the record tells in any case";
      EXPECT_EQ(got.record.decisions.size(), wanted == OnError::Warn ? 1u : 0u);
      if (wanted == OnError::Warn) {
        EXPECT_EQ(got.record.verdict, Verdict::Log);
      }
    };
    expect(ask(snapshot, Dialect::OpenAiChat,
               test::request_body(Dialect::OpenAiChat, "some poison", false)),
           Step::Continue);
    for (const Channel& channel : test::kStreams) {
      SCOPED_TRACE(channel.name);
      expect(answer(snapshot, channel.dialect, Answer::Body,
                    {test::text_body(channel.dialect, "some poison")}),
             Step::Done);
      const std::string stream = test::text_stream(channel, {"some ", "poison ", "here"});
      const Outcome got = answer(snapshot, channel.dialect, channel.answer, events_of(stream));
      expect(got, Step::Done);
      if (!blocks) {
        EXPECT_EQ(got.out, stream);
      }
      // The others still look.
      const std::string bad =
          test::text_stream(channel, {"some poison ", "then capsem_", "block", " here"});
      EXPECT_NE(answer(snapshot, channel.dialect, channel.answer, events_of(bad)).step, Step::Done);
    }
  }
}

// Each look at it takes so long.
class SlowClock final : public Clock {
 public:
  explicit SlowClock(std::int64_t step_ms) : step_ns_(step_ms * 1'000'000) {}
  std::int64_t monotonic_ns() const override { return now_ns_ += step_ns_; }
  std::int64_t wall_ms() const override { return 0; }

 private:
  const std::int64_t step_ns_;
  mutable std::int64_t now_ns_ = 0;
};

TEST(Rules, ADetectorThatPassesItsDeadlineCountsAsFailed) {
  using policy::OnError;
  const std::string body =
      test::request_body(Dialect::OpenAiChat, std::string(1u << 20, 'x') + " a@b.com", false);
  for (const OnError wanted : {OnError::Block, OnError::Warn, OnError::Allow}) {
    policy::Document document;
    document.engine.on_error = wanted;
    document.engine.deadline_ms = 10;
    document.policies = {pt::pii({{detect::EntityType::EmailAddress, Verdict::Block}})};
    const Snap snapshot = *policy::Snapshot::freeze(std::vector{document}, "r");
    const SlowClock fast(1), slow(11);
    const Outcome in_time = ask(snapshot, Dialect::OpenAiChat, body, {}, {.clock = &fast});
    EXPECT_EQ(in_time.step, Step::Deny);
    EXPECT_EQ(in_time.record.decided_by, "PIIDetection/EMAIL_ADDRESS");
    const Outcome late = ask(snapshot, Dialect::OpenAiChat, body, {}, {.clock = &slow});
    EXPECT_EQ(late.step, wanted == OnError::Block ? Step::Deny : Step::Continue);
    EXPECT_EQ(late.denial.code, wanted == OnError::Block ? "inspection_failed" : "");
    EXPECT_EQ(late.record.not_checked.empty(), wanted == OnError::Block);
  }
}

// ---- Requests -----------------------------------------------------------------------------------

TEST(Rules, EmbeddingsAreAnActionOfTheirOwnR71_R72) {
  const Snap snapshot = freeze({pt::access(
      {pt::rule("e", Verdict::Allow, {"embedding.generate"}, {"model/text-embedding-3-small"})})});
  struct Case {
    const char *action, *model;
    Step step;
  };
  for (const Case& c : {
           Case{"embedding.generate", "text-embedding-3-small", Step::Continue},
           {"embedding.generate", "text-embedding-3-large", Step::Deny},
           {"llm.generate", "text-embedding-3-small", Step::Deny},
       }) {
    const std::string body = R"({"model":")" + std::string(c.model) + R"(","input":"hi"})";
    const Outcome got = ask(snapshot, Dialect::OpenAiEmbeddings, body, {.action = c.action});
    EXPECT_EQ(got.step, c.step) << c.action << " " << c.model;
    if (c.step != Step::Deny) continue;
    EXPECT_EQ(got.denial.reason_code, "NO_RULE_MATCH");
    EXPECT_EQ(got.denial.status, 403);
  }
}

TEST(Rules, ARefusedModelIsToldInOrderAndEveryPolicyIsListed_R55_R56_X9) {
  policy::ListsPolicy models = tools({}, {"file_*"});
  models.models = pt::names({}, {"m"});
  const Snap snapshot = freeze(
      {models, pt::access({}), pt::pii({{detect::EntityType::EmailAddress, Verdict::Block}})});
  for (const Dialect dialect :
       {Dialect::OpenAiChat, Dialect::OpenAiCompletions, Dialect::OpenAiResponses, Dialect::Gemini,
        Dialect::Anthropic, Dialect::OpenAiEmbeddings}) {
    const policy::Subject subject{.action = "llm.generate", .model = "m"};
    const Outcome clean = ask(snapshot, dialect, test::request_body(dialect, "hi", false), subject);
    EXPECT_EQ(clean.step, Step::Deny);
    EXPECT_EQ(clean.denial.message, "Model m is not allowed");
    EXPECT_EQ(clean.denial.detail,
              "Request blocked by security policy: [model_blocked] Model m is not allowed");
    EXPECT_EQ(clean.denial.code, "model_blocked");
    EXPECT_EQ(clean.record.decisions.size(), 2u);
    const Outcome dirty =
        ask(snapshot, dialect, test::request_body(dialect, "to a@b.com", false), subject);
    EXPECT_EQ(dirty.record.decided_by, "lists/model_blocked");
    ASSERT_EQ(dirty.record.decisions.size(), 3u);
    EXPECT_EQ(dirty.record.decisions[2].rule, "EMAIL_ADDRESS");
  }
}

TEST(Rules, ADefinedToolIsRefusedBeforeTheCallInEveryDialectR58) {
  const Snap snapshot = freeze({tools({}, {"file_*"})});
  struct Case {
    Dialect dialect;
    const char* body;
  };
  for (
      const Case& c : {
          Case{
              Dialect::OpenAiChat,
              R"({"model":"m","messages":[],"tools":[{"type":"function","function":{"name":"a"}},{"type":"function","function":{"name":"file_delete"}}]})"},
          {Dialect::OpenAiChat,
           R"({"model":"m","messages":[],"functions":[{"name":"file_delete"}]})"},
          {Dialect::OpenAiResponses,
           R"({"model":"m","input":"x","tools":[{"type":"function","name":"file_delete"}]})"},
          {Dialect::Gemini,
           R"({"contents":[],"tools":[{"functionDeclarations":[{"name":"a"},{"name":"file_delete"}]}]})"},
          {Dialect::Anthropic,
           R"({"model":"m","max_tokens":9,"messages":[],"tools":[{"name":"file_delete","input_schema":{}}]})"},
      }) {
    const Outcome got = ask(snapshot, c.dialect, c.body);
    EXPECT_EQ(got.step, Step::Deny) << c.body;
    EXPECT_EQ(got.denial.code, "tool.blocked") << c.body;
    EXPECT_EQ(got.denial.message, "Tool file_delete is blocked") << c.body;
  }
}

TEST(Rules, AValueOfAToolResultMayNotLeaveInALaterCall) {
  policy::FlowPolicy flow;
  flow.head = pt::head("flow");
  flow.entities[static_cast<std::size_t>(detect::EntityType::CreditCard)] = true;
  const Snap snapshot = freeze({flow});
  const auto conversation = [](std::string_view user, std::string_view result) {
    return R"({"model":"m","messages":[{"role":"user","content":")" + std::string(user) +
           R"("},{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"read","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c","content":")" +
           std::string(result) + R"("}]})";
  };
  const Channel& chat_stream = test::kStreams[0];
  struct Case {
    const char *user, *result, *sent;
    bool refused;
  };
  for (const Case& c : {
           Case{"hi", "card 4111 1111 1111 1111", "4111-1111-1111-1111", true},
           {"hi", "card 4111 1111 1111 1111", "5500 0000 0000 0004", false},
           {"pay with 4111111111111111", "card 4111 1111 1111 1111", "4111-1111-1111-1111", false},
           {"hi", "no card", "4111-1111-1111-1111", false},
       }) {
    const std::string arguments = R"({"x":")" + std::string(c.sent) + "\"}";
    for (const bool streamed : {false, true}) {
      Workspace workspace{1, 2};
      const EngineSettings settings;
      Exchange exchange({.dialect = Dialect::OpenAiChat}, snapshot, settings, workspace);
      exchange.on_request_bytes(conversation(c.user, c.result));
      ASSERT_EQ(exchange.on_request_end(), Step::Continue) << exchange.denial().message;
      exchange.on_answer_head(streamed ? Answer::Sse : Answer::Body, true);
      const std::string sent =
          streamed ? test::tool_stream(chat_stream, "mail",
                                       {arguments.substr(0, 9), arguments.substr(9)})
                   : test::tool_body(Dialect::OpenAiChat, "mail", arguments);
      std::string out;
      Step step = Step::Continue;
      for (const std::string_view piece : bytes_of(sent)) {
        step = exchange.on_answer_bytes(piece, out);
        if (step != Step::Continue) break;
      }
      if (step == Step::Continue) step = exchange.on_answer_end(out);
      EXPECT_EQ(step == Step::Done, !c.refused) << c.sent << streamed;
      if (c.refused) {
        EXPECT_EQ(left_of(sent, out).find("4111"), std::string_view::npos);
      }
    }
  }
}

}  // namespace
}  // namespace capsem::engine
