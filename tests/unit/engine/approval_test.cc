// What a person releases: requests, answers that were withheld whole, streams that were stopped, in
// every dialect; and what is kept and told for that person (R43, R45, R50, X3).
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/engine/exchange.h"
#include "core/limit/memory_store.h"
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

class StillClock final : public Clock {
 public:
  std::int64_t monotonic_ns() const override { return 1'000'000; }
  std::int64_t wall_ms() const override { return 0; }
};

Snap freeze(std::vector<Policy> policies) {
  auto snapshot = policy::Snapshot::freeze(std::move(policies), "r");
  EXPECT_TRUE(snapshot) << snapshot.error().detail;
  return *snapshot;
}

policy::ContentPolicy about(std::string id, std::string word, Verdict action, policy::Surfaces on) {
  policy::ContentPolicy made = pt::content(
      {pt::content_rule(word, {pt::when(Field::Content, Op::Contains, {word})})}, action);
  made.head = pt::head(std::move(id));
  made.head.on = on;
  return made;
}

policy::KeywordPolicy word(std::string id, std::string keyword, Verdict action) {
  policy::KeywordPolicy made;
  made.head = pt::head(std::move(id));
  made.keywords = {std::move(keyword)};
  made.action = action;
  return made;
}

// An exchange with all that it needs.
struct Case {
  explicit Case(Snap snapshot, Dialect dialect = Dialect::OpenAiChat, EngineSettings with = {})
      : settings(with),
        exchange({.dialect = dialect}, std::move(snapshot), settings, workspace, subject,
                 {.clock = &clock, .counters = &counters}) {}
  Step ask(std::string_view body) {
    exchange.on_request_bytes(body);
    return exchange.on_request_end();
  }
  Step answer(Answer kind, std::string_view body, std::string& out) {
    exchange.on_answer_head(kind, true);
    const Step step = exchange.on_answer_bytes(body, out);
    return step == Step::Continue ? exchange.on_answer_end(out) : step;
  }
  // Slots of the limit "slots" that are taken now.
  std::uint64_t slots(const limit::LimitRule& rule) {
    std::string key;
    limit::append_key(key, rule, limit::Dimension::ConcurrentRequests, limit::CallerKey({}));
    const limit::Charge probe{.key = key, .kind = limit::Kind::Concurrent, .amount = 100, .max = 0};
    limit::Level level;
    counters.take({&probe, 1}, 0, {&level, 1});
    return level.used;
  }

  StillClock clock;
  limit::MemoryStore counters;
  Workspace workspace{1, 2};
  const EngineSettings settings;
  const policy::Subject subject{.action = "llm.generate", .model = "m"};
  Exchange exchange;
};

std::string chat(std::string_view text) {
  return test::request_body(Dialect::OpenAiChat, text, false);
}

TEST(Approval, AGrantedRequestGoesOnAndItsDecisionsStayOnRecordR43) {
  Case c(freeze({word("ask", "transfer", Verdict::Confirm), word("also", "money", Verdict::Confirm),
                 word("note", "please", Verdict::Log)}));
  EXPECT_EQ(c.ask(chat("please transfer money")), Step::Deny);
  EXPECT_TRUE(c.exchange.wants_approval());
  EXPECT_EQ(c.exchange.denial().code, "approval_required");
  std::string out;
  EXPECT_EQ(c.exchange.grant(out), Step::Continue);
  EXPECT_FALSE(c.exchange.wants_approval());
  EXPECT_EQ(c.exchange.request_body(), chat("please transfer money"));
  EXPECT_EQ(c.answer(Answer::Body, test::text_body(Dialect::OpenAiChat, "done"), out), Step::Done);
  const audit::Record record = c.exchange.take_record();
  ASSERT_EQ(record.decisions.size(), 3u);
  for (const policy::Decision& decision : record.decisions) {
    EXPECT_EQ(decision.granted, decision.verdict == Verdict::Confirm) << decision.policy;
  }
  EXPECT_EQ(record.verdict, Verdict::Log);
  EXPECT_EQ(record.decided_by, "");
  EXPECT_TRUE(record.evaluated);
  const std::string line = audit::to_json_line(record);
  EXPECT_NE(line.find(R"("granted":true)"), std::string::npos);
}

TEST(Approval, ABlockBeatsAConfirmAndWantsNobodysWordR45) {
  for (const bool block_first : {false, true}) {
    std::vector<Policy> policies = {word("ask", "transfer", Verdict::Confirm),
                                    word("never", "money", Verdict::Block)};
    if (block_first) std::swap(policies[0], policies[1]);
    Case c(freeze(policies));
    EXPECT_EQ(c.ask(chat("transfer money")), Step::Deny);
    EXPECT_FALSE(c.exchange.wants_approval());
    EXPECT_EQ(c.exchange.denial().code, "request_blocked");
  }
  Case broken(freeze({word("ask", "transfer", Verdict::Confirm)}));
  EXPECT_EQ(broken.ask("{"), Step::Deny);
  EXPECT_FALSE(broken.exchange.wants_approval()) << "a fault is nobody's to release";
}

TEST(Approval, WhatWaitsKeepsItsPlaceUntilItIsGrantedOrToldToBeOver) {
  policy::LimitPolicy slots;
  slots.head = pt::head("slots");
  slots.per = policy::LimitPolicy::Per::Everyone;
  slots.concurrent_requests = 1;
  limit::LimitRule rule("slots", limit::Per::Everyone);
  rule.set(limit::Dimension::ConcurrentRequests, 1);
  const Snap snapshot = freeze({slots, word("ask", "transfer", Verdict::Confirm)});
  // Held for its texts, and for its model, before any text is read.
  const Snap by_model =
      freeze({slots, pt::access({pt::rule("ask", Verdict::Confirm, {"*"}, {"*"})})});

  for (const Snap& held : {snapshot, by_model}) {
    Case granted(held);
    EXPECT_EQ(granted.ask(chat("transfer")), Step::Deny);
    EXPECT_TRUE(granted.exchange.wants_approval());
    EXPECT_EQ(granted.slots(rule), 1u);
    std::string out;
    EXPECT_EQ(granted.exchange.grant(out), Step::Continue) << "no limit refuses what is approved";
    EXPECT_EQ(granted.slots(rule), 1u);
  }

  Case over(snapshot);
  EXPECT_EQ(over.ask(chat("transfer")), Step::Deny);
  EXPECT_EQ(over.slots(rule), 1u);
  over.exchange.take_record();
  EXPECT_EQ(over.slots(rule), 0u);

  Case blocked(freeze({slots, word("never", "transfer", Verdict::Block)}));
  EXPECT_EQ(blocked.ask(chat("transfer")), Step::Deny);
  EXPECT_EQ(blocked.slots(rule), 0u);
}

TEST(Approval, AnAnswerThatWasWithheldWholeIsGivenAsItWasX3) {
  const Snap snapshot =
      freeze({about("ask", "earnings", Verdict::Confirm, policy::kPrompt | policy::kResponse)});
  std::vector<Channel> channels(std::begin(test::kStreams), std::end(test::kStreams));
  for (const Channel& stream : test::kStreams) {
    channels.push_back({stream.name, stream.dialect, Answer::Body});
  }
  for (const Channel& channel : channels) {
    SCOPED_TRACE(channel.name + std::string(channel.answer == Answer::Body ? " whole" : ""));
    const std::string answer = channel.answer == Answer::Body
                                   ? test::text_body(channel.dialect, "Q4 earnings")
                                   : test::text_stream(channel, {"Q4 ", "earnings", " so far"});
    Case c(snapshot, channel.dialect);
    ASSERT_EQ(c.ask(test::request_body(channel.dialect, "hi", channel.answer != Answer::Body)),
              Step::Continue);
    std::string out;
    EXPECT_EQ(c.answer(channel.answer, answer, out), Step::Deny);
    EXPECT_EQ(out, "");
    EXPECT_TRUE(c.exchange.wants_approval());
    EXPECT_EQ(c.exchange.withheld_answer(), answer);
    EXPECT_EQ(c.exchange.grant(out), Step::Done);
    EXPECT_EQ(out, answer);
    EXPECT_FALSE(c.exchange.wants_approval());
    EXPECT_EQ(c.exchange.take_record().verdict, Verdict::Allow);
  }
}

TEST(Approval, InBufferModeAStreamIsReadToItsEndSoThatItCanBeGivenX3) {
  for (const Channel& channel : test::kStreams) {
    SCOPED_TRACE(channel.name);
    const std::string answer = test::text_stream(channel, {"a secret ", "word", " and more"});
    for (const Verdict verdict : {Verdict::Confirm, Verdict::Block}) {
      EngineSettings settings;
      settings.stream_mode = StreamMode::Buffer;
      Case c(freeze({word("w", "secret", verdict)}), channel.dialect, settings);
      ASSERT_EQ(c.ask(test::request_body(channel.dialect, "hi", true)), Step::Continue);
      std::string out;
      EXPECT_EQ(c.answer(channel.answer, answer, out), Step::Deny);
      EXPECT_EQ(out, "");
      EXPECT_EQ(c.exchange.wants_approval(), verdict == Verdict::Confirm);
      EXPECT_EQ(c.exchange.withheld_answer(), verdict == Verdict::Confirm ? answer : "");
      if (verdict != Verdict::Confirm) continue;
      EXPECT_EQ(c.exchange.grant(out), Step::Done);
      EXPECT_EQ(out, answer);
    }
  }
}

TEST(Approval, AStreamThatWasStoppedHasNothingToGiveAndItsRetryPassesX3) {
  const Snap snapshot = freeze({word("w", "secret", Verdict::Confirm)});
  for (const Channel& channel : test::kStreams) {
    SCOPED_TRACE(channel.name);
    const std::string answer =
        test::text_stream(channel, {"a long text ", "and a secret", " more"});
    Case first(snapshot, channel.dialect);
    ASSERT_EQ(first.ask(test::request_body(channel.dialect, "hi", true)), Step::Continue);
    std::string out;
    const Step step = first.answer(channel.answer, answer, out);
    EXPECT_TRUE(step == Step::Cut || step == Step::Deny);
    EXPECT_EQ(out.find("and a secret"), std::string::npos);
    EXPECT_TRUE(first.exchange.wants_approval());
    EXPECT_EQ(first.exchange.withheld_answer(), "");
    EXPECT_EQ(first.exchange.grant(out), Step::Deny);

    Case retry(snapshot, channel.dialect);
    ASSERT_EQ(retry.ask(test::request_body(channel.dialect, "hi", true)), Step::Continue);
    retry.exchange.release_rules({{"w", "secret"}});
    out.clear();
    EXPECT_EQ(retry.answer(channel.answer, answer, out), Step::Done);
    EXPECT_EQ(out, answer);
    const audit::Record record = retry.exchange.take_record();
    ASSERT_EQ(record.decisions.size(), 1u);
    EXPECT_TRUE(record.decisions[0].granted);

    // Another rule is not released with it, nor the same one of another policy.
    for (const ReleasedRule& other : {ReleasedRule{"w", "other"}, ReleasedRule{"x", "secret"}}) {
      Case c(snapshot, channel.dialect);
      ASSERT_EQ(c.ask(test::request_body(channel.dialect, "hi", true)), Step::Continue);
      c.exchange.release_rules({other});
      out.clear();
      EXPECT_NE(c.answer(channel.answer, answer, out), Step::Done);
    }
  }
}

TEST(Approval, ReleasedRulesHoldForReturnedCallsToo) {
  const Snap snapshot =
      freeze({pt::access({pt::rule("pay", Verdict::Confirm, {"tool.call"}, {"tool/pay"}),
                          pt::rule("rest", Verdict::Allow, {"*"}, {"*"})})});
  for (const Channel& channel : test::kStreams) {
    const std::string answer = test::tool_stream(channel, "pay", {R"({"amount":)", "5}"});
    if (answer.empty()) continue;
    SCOPED_TRACE(channel.name);
    for (const bool released : {false, true}) {
      Case c(snapshot, channel.dialect);
      ASSERT_EQ(c.ask(test::request_body(channel.dialect, "hi", true)), Step::Continue);
      if (released) c.exchange.release_rules({{"access", "pay"}});
      std::string out;
      const Step step = c.answer(channel.answer, answer, out);
      EXPECT_EQ(step == Step::Done, released);
      if (!released) continue;
      EXPECT_EQ(out, answer);
    }
  }
}

TEST(Approval, AReleasedConfirmDoesNotReleaseABlock) {
  Case c(
      freeze({word("ask", "secret", Verdict::Confirm), word("never", "password", Verdict::Block)}));
  ASSERT_EQ(c.ask(chat("hi")), Step::Continue);
  c.exchange.release_rules({{"ask", "secret"}, {"never", "password"}});
  std::string out;
  const std::string answer = test::text_body(Dialect::OpenAiChat, "a secret password");
  EXPECT_EQ(c.answer(Answer::Body, answer, out), Step::Deny);
  EXPECT_FALSE(c.exchange.wants_approval());
  EXPECT_EQ(out, "");
}

// ---- What an approval is bound to --------------------------------------------------------------

TEST(Approval, TheDigestForgetsStreamMembersAndOrderAndNothingElseR50) {
  const Snap snapshot = freeze({word("w", "secret", Verdict::Log)});
  const auto digest = [&](std::string_view body) {
    Case c(snapshot);
    EXPECT_EQ(c.ask(body), Step::Continue) << c.exchange.denial().message;
    return c.exchange.request_digest_text();
  };
  const std::string plain =
      digest(R"({"model":"m","messages":[{"role":"user","content":"hi"}],"seed":1})");
  for (
      const char* same : {
          R"({"seed":1,"messages":[{"content":"hi","role":"user"}],"model":"m"})",
          R"({ "model" : "m", "messages":[ {"role":"user","content":"h\u0069"} ] ,"seed":1 })",
          R"({"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}],"seed":1})",
          R"({"stream_options":{"include_usage":true},"stream":false,"model":"m","messages":[{"role":"user","content":"hi"}],"seed":1})",
      }) {
    EXPECT_EQ(digest(same), plain) << same;
  }
  for (const char* other : {
           R"({"model":"m","messages":[{"role":"user","content":"hi"}],"seed":2})",
           R"({"model":"m","messages":[{"role":"user","content":"hi"}],"seed":"1"})",
           R"({"model":"m","messages":[{"role":"user","content":"hi"}]})",
           R"({"model":"m","messages":[{"role":"user","content":"hi","stream":1}],"seed":1})",
           R"({"model":"m","messages":[{"role":"user","content":"hi "}],"seed":1})",
           R"({"model":"m","messages":[{"role":"user","content":"hi"}],"seed":1,"strea":1})",
       }) {
    EXPECT_NE(digest(other), plain) << other;
  }
}

TEST(Approval, WarnsTellsOfEnforcedDecisionsFromLogOn) {
  struct WarnCase {
    Verdict verdict;
    policy::Mode mode;
    bool warns;
  };
  for (const WarnCase& w : {WarnCase{Verdict::Monitor, policy::Mode::Enforce, false},
                            WarnCase{Verdict::Log, policy::Mode::Enforce, true},
                            WarnCase{Verdict::Confirm, policy::Mode::Enforce, true},
                            WarnCase{Verdict::Block, policy::Mode::Shadow, false}}) {
    policy::KeywordPolicy keyword = word("w", "secret", w.verdict);
    keyword.head.mode = w.mode;
    Case c(freeze({keyword}));
    c.ask(chat("a secret"));
    ASSERT_EQ(c.exchange.decisions().size(), 1u);
    EXPECT_EQ(c.exchange.warns(), w.warns);
    EXPECT_FALSE(c.exchange.warns(1)) << "none is newer";
    EXPECT_FALSE(c.exchange.warns(7));
  }
}

// ---- What is kept -----------------------------------------------------------------------------

TEST(Approval, TextsAreKeptDecodedAndBounded) {
  const Snap snapshot = freeze({word("w", "nothing", Verdict::Log)});
  const std::string body =
      R"({"model":"m","messages":[{"role":"user","content":"gr\u00fc\u00dfe"},)"
      R"({"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function",)"
      R"("function":{"name":"look","arguments":"{\"a\":1}"}}]},)"
      R"({"role":"tool","tool_call_id":"1","content":"found"}]})";
  const std::string answer = test::text_body(Dialect::OpenAiChat, "the answer");
  const auto kept = [&](std::size_t bytes_max) {
    Case c(snapshot);
    c.exchange.keep_texts(bytes_max);
    EXPECT_EQ(c.ask(body), Step::Continue);
    std::string out;
    EXPECT_EQ(c.answer(Answer::Body, answer, out), Step::Done);
    return c.exchange.take_record().texts;
  };
  const auto all = kept(1'000);
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[0].text, "gr\u00fc\u00dfe");
  EXPECT_EQ(all[0].point, event::Point::Prompt);
  EXPECT_EQ(all[1].text, R"({"a":1})");
  EXPECT_EQ(all[1].tool, "look");
  EXPECT_EQ(all[2].text, "found");
  EXPECT_EQ(all[3].text, "the answer");
  EXPECT_EQ(all[3].phase, event::Phase::Response);
  EXPECT_TRUE(kept(0).empty());
  for (std::size_t bytes_max = 1; bytes_max < 40; ++bytes_max) {
    std::size_t bytes = 0;
    for (const audit::KeptText& text : kept(bytes_max)) {
      bytes += text.text.size();
      EXPECT_NE(static_cast<unsigned char>(text.text.back()) & 0xC0, 0xC0) << "half a character";
    }
    EXPECT_LE(bytes, bytes_max + 3) << "and a line end between texts";
  }
}

TEST(Approval, AStreamsTextIsKeptOnceThoughItIsRepeatedAtItsEnd) {
  const Snap snapshot = freeze({word("w", "nothing", Verdict::Log)});
  for (const Channel& channel : test::kStreams) {
    SCOPED_TRACE(channel.name);
    Case c(snapshot, channel.dialect);
    c.exchange.keep_texts(1'000);
    ASSERT_EQ(c.ask(test::request_body(channel.dialect, "hi", true)), Step::Continue);
    std::string out;
    ASSERT_EQ(c.answer(channel.answer, test::text_stream(channel, {"one ", "two ", "three"}), out),
              Step::Done);
    const auto texts = c.exchange.kept_texts();
    const auto said = std::ranges::find(texts, event::Phase::Response, &audit::KeptText::phase);
    ASSERT_NE(said, texts.end());
    EXPECT_EQ(said->text, "one two three");
  }
}

TEST(Approval, TextsAreKeptWhereNoPolicyLooksAtAnswers) {
  policy::ListsPolicy lists;
  lists.head = pt::head("lists");
  lists.models = pt::names({"m"}, {});
  for (const bool keeps : {false, true}) {
    Case c(freeze({lists}));
    if (keeps) c.exchange.keep_texts(100);
    ASSERT_EQ(c.ask(chat("hi")), Step::Continue);
    c.exchange.on_answer_head(Answer::Body, true);
    EXPECT_EQ(c.exchange.relays_answer(), !keeps);
  }
}

}  // namespace
}  // namespace capsem::engine
