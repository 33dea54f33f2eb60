// Limits in an exchange: the same verdicts whether counters know at once or are asked elsewhere
// (T40, promise 15), and an exchange that waits is out of the others' way.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/engine/exchange.h"
#include "core/limit/memory_store.h"
#include "core/policy/snapshot.h"
#include "tests/support/answers.h"
#include "tests/support/fake_counters.h"
#include "tests/unit/policy/helpers.h"

namespace capsem::engine {
namespace {

using codec::Dialect;
using policy::LimitPolicy;
using policy::Policy;
using policy::Verdict;
using test::Channel;
using test::FakeCounters;
namespace pt = policy::test;

using Snap = std::shared_ptr<const policy::Snapshot>;

class HandClock final : public Clock {
 public:
  std::int64_t monotonic_ns() const override { return now_ns; }
  std::int64_t wall_ms() const override { return 0; }
  std::int64_t now_ns = 1'000'000'000;
};

Snap freeze(std::vector<Policy> policies) {
  auto snapshot = policy::Snapshot::freeze(std::move(policies), "r");
  EXPECT_TRUE(snapshot) << snapshot.error().detail;
  return *snapshot;
}

template <class F>
LimitPolicy limit(std::string id, F&& set) {
  LimitPolicy made;
  made.head = pt::head(std::move(id));
  made.per = LimitPolicy::Per::Everyone;
  set(made);
  return made;
}

policy::KeywordPolicy secret() {
  policy::KeywordPolicy made;
  made.head = pt::head("w");
  made.keywords = {"secret"};
  return made;
}

std::string told(const audit::Record& record) {
  std::string text;
  for (const policy::Decision& d : record.decisions) {
    text += d.policy + "/" + d.rule + " " + std::string(to_string(d.verdict)) +
            (d.enforced ? "" : " not enforced") + (d.shadow ? " shadow" : "") + "; ";
  }
  for (const auto& [surface, reason] : record.not_checked) text += surface + ": " + reason + "; ";
  return text + (record.request_inspected ? "inspected" : "");
}

// What became of one exchange, all of it.
struct Result {
  Step asked = Step::Continue, answered = Step::Continue;
  int status = 0;
  std::string code, fields, request, out, told;
  std::optional<std::uint64_t> requests_left, tokens_left;
  friend bool operator==(const Result&, const Result&) = default;
};
std::ostream& operator<<(std::ostream& out, const Result& r) {
  return out << int(r.asked) << "/" << int(r.answered) << " " << r.status << " " << r.code << " ["
             << r.fields << "] " << r.told << "\n"
             << r.request << "\n"
             << r.out;
}

struct Call {
  std::string text = "hello";
  Answer kind = Answer::Body;
  std::string answer;
  bool ok = true;
};

// Exchanges one after the other, on counters of one kind.
class Gateway {
 public:
  Gateway(Snap snapshot, bool shared) : snapshot_(std::move(snapshot)), shared_(shared) {}

  Result play(const Call& call) {
    std::optional<limit::DeferredStore> deferred;
    if (shared_) deferred.emplace(remote, local, 1, [this] { ++readies; });
    Exchange exchange(
        {.dialect = Dialect::OpenAiChat}, snapshot_, settings_, workspace, subject_,
        {.clock = &clock,
         .counters = shared_ ? static_cast<limit::CounterStore*>(&*deferred) : &memory});
    Result result;
    const std::string request =
        test::request_body(Dialect::OpenAiChat, call.text, call.kind != Answer::Body);
    exchange.on_request_bytes(request);
    result.asked = patiently([&] { return exchange.on_request_end(); });
    if (result.asked == Step::Continue) answer(exchange, call, result);
    result.request = exchange.request_body();
    if (result.asked == Step::Deny || result.answered != Step::Done) {
      result.status = exchange.denial().status;
      result.code = exchange.denial().code;
      result.fields = exchange.denial().fields;
    }
    if (exchange.standing().requests) {
      result.requests_left = exchange.standing().requests->remaining;
    }
    if (exchange.standing().tokens) result.tokens_left = exchange.standing().tokens->remaining;
    result.told = told(exchange.take_record());
    return result;
  }

  HandClock clock;
  limit::MemoryStore memory, local;
  FakeCounters remote{clock};
  Workspace workspace{1, 2};
  int readies = 0, waits = 0;

 private:
  // Waits as often as it has to; meanwhile another exchange uses what the loop's exchanges share.
  template <class F>
  Step patiently(F&& call) {
    Step step = call();
    while (step == Step::Wait) {
      ++waits;
      const int before = readies;
      use_workspace();
      EXPECT_EQ(call(), Step::Wait) << "asked again before there is an answer";
      EXPECT_GT(remote.answer(), 0u);
      EXPECT_EQ(readies, before + 1) << "told once, when all answers are there";
      step = call();
    }
    remote.answer();
    return step;
  }
  void use_workspace() {
    Exchange other({.dialect = Dialect::OpenAiChat}, snapshot_, settings_, workspace, subject_);
    other.on_request_bytes(test::request_body(Dialect::OpenAiChat, "quite another text", false));
    other.on_request_end();
    std::string out;
    other.on_answer_head(Answer::Body, true);
    other.on_answer_bytes(test::text_body(Dialect::OpenAiChat, "and another answer"), out);
    other.on_answer_end(out);
  }
  void answer(Exchange& exchange, const Call& call, Result& result) {
    exchange.on_answer_head(call.kind, call.ok);
    if (exchange.relays_answer()) {
      result.out = call.answer;
      result.answered = Step::Done;
      return;
    }
    std::string_view rest = call.answer;
    while (!rest.empty() && result.answered == Step::Continue) {
      const std::string_view piece = rest.substr(0, 64);
      rest.remove_prefix(piece.size());
      result.answered = exchange.on_answer_bytes(piece, result.out);
      if (shared_) remote.answer();
    }
    if (result.answered == Step::Continue) {
      result.answered = patiently([&] { return exchange.on_answer_end(result.out); });
    }
  }

  const Snap snapshot_;
  const bool shared_;
  const EngineSettings settings_;
  const policy::Subject subject_{.action = "llm.generate", .model = "m"};
};

std::string body(std::string_view text, std::uint64_t tokens) {
  return R"({"choices":[{"index":0,"message":{"role":"assistant","content":")" + std::string(text) +
         R"("},"finish_reason":"stop"}],"usage":{"prompt_tokens":)" + std::to_string(tokens) +
         R"(,"completion_tokens":)" + std::to_string(tokens) + R"(,"total_tokens":)" +
         std::to_string(2 * tokens) + "}}";
}

struct LimitCase {
  const char* name;
  std::vector<Policy> policies;
  std::vector<Call> calls;
  std::vector<Step> ends;  // of each call: how its request, or else its answer, ended
};

std::vector<LimitCase> limit_cases() {
  const auto requests = [](LimitPolicy& p) { p.requests_per_minute = 2; };
  const auto tokens = [](LimitPolicy& p) { p.tokens_per_hour = 1'000; };
  const auto deliver = [](LimitPolicy& p) {
    p.tokens_per_hour = 1'000;
    p.withhold_overrun = false;
  };
  const auto shadowed = [](LimitPolicy made) {
    made.head.mode = policy::Mode::Shadow;
    return made;
  };
  const Call fine{.answer = body("fine", 50)}, dear{.answer = body("dear", 600)},
      failed{.answer = R"({"error":{"message":"no"}})", .ok = false};
  const auto& sse = test::kStreams[0];
  const Call stream{.kind = Answer::Sse, .answer = test::text_stream(sse, {"one ", "two"})};
  const Call endless{
      .kind = Answer::Sse,
      .answer = test::text_stream(sse, std::vector<std::string>(90, std::string(99, 'x')))};
  const Step done = Step::Done, deny = Step::Deny, cut = Step::Cut;
  return {
      {"requests", {limit("l", requests)}, {fine, fine, fine}, {done, done, deny}},
      {"requests, and a word",
       {limit("l", requests), secret()},
       {fine, {.text = "a secret", .answer = {}}, fine},
       {done, deny, deny}},
      {"a word first",
       {secret(), limit("l", requests)},
       {fine, {.answer = body("a secret", 5)}, fine},
       {done, deny, deny}},
      {"tokens, withheld", {limit("l", tokens)}, {fine, dear, fine}, {done, deny, deny}},
      {"tokens, delivered", {limit("l", deliver)}, {fine, dear, fine}, {done, done, deny}},
      {"errors cost nothing",
       {limit("l", tokens)},
       {failed, failed, failed, failed, fine},
       {done, done, done, done, done}},
      {"a stream asks for its usage", {limit("l", tokens)}, {stream, stream}, {done, done}},
      {"a stream uses its budget up", {limit("l", tokens)}, {endless, stream}, {cut, deny}},
      {"a stream that is delivered", {limit("l", deliver)}, {endless, stream}, {done, deny}},
      {"watched only", {shadowed(limit("l", requests))}, {fine, fine, fine}, {done, done, done}},
      {"watched tokens", {shadowed(limit("l", tokens))}, {fine, dear, fine}, {done, done, done}},
      {"watched and enforced",
       {shadowed(limit("s", tokens)), limit("l", requests)},
       {fine, dear, fine},
       {done, done, deny}},
      {"two limits",
       {limit("a", requests), limit("b", tokens)},
       {fine, dear, fine},
       {done, deny, deny}},
  };
}

TEST(Limits, SharedCountersComeToTheSameVerdictsT40) {
  for (const LimitCase& c : limit_cases()) {
    const Snap snapshot = freeze(c.policies);
    Gateway here(snapshot, false), shared(snapshot, true);
    for (std::size_t i = 0; i < c.calls.size(); ++i) {
      SCOPED_TRACE(std::string(c.name) + ", call " + std::to_string(i + 1));
      const Result expected = here.play(c.calls[i]);
      EXPECT_EQ(expected.asked == Step::Deny ? Step::Deny : expected.answered, c.ends[i])
          << expected;
      Result got = shared.play(c.calls[i]);
      // Of a stream that is cut nobody waits to hear that its end has crossed the budget, too; and
      // it is cut when an answer has come, some bytes later.
      if (expected.answered == Step::Cut) {
        EXPECT_EQ(got.answered, Step::Cut);
        EXPECT_EQ(got.code, expected.code);
        EXPECT_GE(got.out.size(), expected.out.size());
        EXPECT_LE(got.out.size(), expected.out.size() + 1'000);
        continue;
      }
      EXPECT_EQ(got, expected);
    }
    EXPECT_GT(shared.waits, 0) << c.name;
    EXPECT_EQ(shared.remote.holdings(), 0u) << c.name << ": all is settled or given back";
  }
}

TEST(Limits, CountersOfThisProcessNeverWait) {
  for (const LimitCase& c : limit_cases()) {
    Gateway here(freeze(c.policies), false);
    for (const Call& call : c.calls) here.play(call);
    EXPECT_EQ(here.waits, 0);
  }
}

TEST(Limits, AnExchangeThatEndsWhileItWaitsHoldsNothing) {
  const Snap snapshot = freeze({limit("l", [](LimitPolicy& p) {
    p.concurrent_requests = 1;
    p.tokens_per_hour = 1'000;
  })});
  HandClock clock;
  FakeCounters remote(clock);
  limit::MemoryStore local;
  Workspace workspace{1, 2};
  const EngineSettings settings;
  const policy::Subject subject{.action = "llm.generate", .model = "m"};
  for (const bool answered : {false, true}) {
    for (int i = 0; i < 3; ++i) {
      limit::DeferredStore store(remote, local, 1, nullptr);
      Exchange exchange({.dialect = Dialect::OpenAiChat}, snapshot, settings, workspace, subject,
                        {.clock = &clock, .counters = &store});
      exchange.on_request_bytes(test::request_body(Dialect::OpenAiChat, "hi", false));
      ASSERT_EQ(exchange.on_request_end(), Step::Wait) << "nobody else holds the slot";
      if (answered) remote.answer();
      EXPECT_EQ(exchange.take_record().outcome, "");
    }
    remote.answer();
    EXPECT_EQ(remote.holdings(), 0u);
  }
}

// ---- The store is down -------------------------------------------------------------------------

struct DownCase {
  const char* name;
  std::optional<LimitPolicy::OnStoreDown> mode;
  bool budget;
  int status;          // of the first call; 0: it is admitted
  std::size_t passes;  // of ten
};

TEST(Limits, WhileTheStoreIsDownEachLimitGoesByItsOwnWordPromise15) {
  using Mode = LimitPolicy::OnStoreDown;
  for (const DownCase& c : {
           DownCase{"a limit of requests", {}, false, 0, 2},
           DownCase{"a budget", {}, true, 503, 0},
           DownCase{"requests, closed", Mode::Closed, false, 503, 0},
           DownCase{"a budget, local", Mode::Local, true, 0, 2},
           DownCase{"requests, open", Mode::Open, false, 0, 10},
           DownCase{"a budget, open", Mode::Open, true, 0, 10},
       }) {
    // Known to be down; and it goes down while it is asked.
    for (const bool known : {true, false}) {
      SCOPED_TRACE(std::string(c.name) + (known ? ", known" : ", not known"));
      const Snap snapshot = freeze({limit("l", [&](LimitPolicy& p) {
        p.on_store_down = c.mode;
        (c.budget ? p.tokens_per_hour : p.requests_per_minute) = c.budget ? 2'000 : 4;
      })});
      HandClock clock;
      FakeCounters remote(clock);
      remote.up = !known;
      remote.fails = true;
      limit::MemoryStore local;
      Workspace workspace{1, 2};
      const EngineSettings settings;
      const policy::Subject subject{.action = "llm.generate", .model = "m"};
      std::size_t passes = 0;
      for (int i = 0; i < 10; ++i) {
        limit::DeferredStore store(remote, local, 2, nullptr);  // half of it is this gateway's
        Exchange exchange({.dialect = Dialect::OpenAiChat}, snapshot, settings, workspace, subject,
                          {.clock = &clock, .counters = &store});
        exchange.on_request_bytes(test::request_body(Dialect::OpenAiChat, "hi", false));
        Step step = exchange.on_request_end();
        EXPECT_EQ(step == Step::Wait, !known);
        if (step == Step::Wait) {
          remote.answer();
          step = exchange.on_request_end();
        }
        if (i == 0) {
          EXPECT_EQ(exchange.denial().code, c.status == 0 ? "" : "limits_unavailable");
          EXPECT_EQ(c.status == 0 ? 0 : exchange.denial().status, c.status);
        }
        if (step != Step::Continue) continue;
        ++passes;
        exchange.on_answer_head(Answer::Body, true);
        std::string out;
        exchange.on_answer_bytes(body("fine", 250), out);
        EXPECT_EQ(exchange.on_answer_end(out), Step::Done) << "what was taken here is settled here";
      }
      EXPECT_EQ(passes, c.passes);
      EXPECT_EQ(remote.settles + remote.gives, 0u);
    }
  }
}

TEST(Limits, AnAnswerThatIsPaidForLeavesThoughTheStoreGoesDownMeanwhile) {
  const Snap snapshot = freeze({limit("l", [](LimitPolicy& p) { p.tokens_per_hour = 1'000; })});
  for (const bool known : {true, false}) {
    HandClock clock;
    FakeCounters remote(clock);
    limit::MemoryStore local;
    Workspace workspace{1, 2};
    const EngineSettings settings;
    const policy::Subject subject{.action = "llm.generate", .model = "m"};
    limit::DeferredStore store(remote, local, 1, nullptr);
    Exchange exchange({.dialect = Dialect::OpenAiChat}, snapshot, settings, workspace, subject,
                      {.clock = &clock, .counters = &store});
    exchange.on_request_bytes(test::request_body(Dialect::OpenAiChat, "hi", false));
    ASSERT_EQ(exchange.on_request_end(), Step::Wait);
    remote.answer();
    ASSERT_EQ(exchange.on_request_end(), Step::Continue);
    remote.up = !known;
    remote.fails = true;
    exchange.on_answer_head(Answer::Body, true);
    std::string out;
    exchange.on_answer_bytes(body("dear", 5'000), out);
    Step step = exchange.on_answer_end(out);
    EXPECT_EQ(step == Step::Wait, !known);
    remote.answer();
    if (step == Step::Wait) step = exchange.on_answer_end(out);
    EXPECT_EQ(step, Step::Done);
    EXPECT_EQ(remote.settles, 1u) << "it is told all the same, and counts when the store is back";
  }
}

}  // namespace
}  // namespace capsem::engine
