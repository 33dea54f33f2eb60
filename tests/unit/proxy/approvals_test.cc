// A person's word on the way of a request: asked, held, granted, refused, for requests and for
// answers; and what becomes of it when the client leaves (R43, R45, R49, R50, R53, X3, X7, T12).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/proxy/approval_desk.h"
#include "tests/unit/proxy/world.h"

namespace capsem::proxy::test {
namespace {

using tenant::ApprovalAnswer;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Kind = ApprovalAnswer::Kind;
using Mode = HoldingSink::Mode;

std::string policies(std::string_view bind) {
  std::string text = "schema = 1\n";
  for (const auto& [word, action] :
       {std::pair{"heldword", "approval"}, {"stopword", "block"}, {"warnword", "warn"}}) {
    text += "[[policy]]\nid = \"" + std::string(word) + "\"\ntype = \"keyword\"\nkeywords = [\"" +
            word + "\"]\naction = \"" + action + "\"\n" + std::string(bind);
  }
  return text;
}

class Approvals : public testing::Test {
 protected:
  void start() { world.start(policies("bind.integrations = [\"*\"]\n")); }
  void provider_says(std::string text) {
    world.provider.answers(
        [text = std::move(text)](const std::string&) { return http_answer(chat_answer(text)); });
  }
  World world;
};

TEST_F(Approvals, R43_AHeldRequestNamesItsReview) {
  start();
  const std::string answer = world.ask_openai("a heldword");
  EXPECT_EQ(status_in(answer), "403");
  const audit::Record record = world.sink.wait_for(1)[0];
  EXPECT_EQ(body_in(answer),
            R"({"error":{"message":"Request held for review. 1 violation(s) detected.",)"
            R"("type":"policy_violation","code":"approval_required","run_id":")" +
                record.run_id + R"(","review_request_id":"r-1","poll_url":"/v1/reviews/r-1"}})");
  EXPECT_EQ(world.provider.count(), 0U);
  EXPECT_EQ(record.review_id, "r-1");
  EXPECT_EQ(record.outcome, "blocked");
  ASSERT_EQ(world.approvals.asked().size(), 1U);
  const tenant::ApprovalQuestion question = world.approvals.asked()[0];
  EXPECT_EQ(question.tenant, "t-1");
  EXPECT_EQ(question.integration, "i-openai");
  EXPECT_EQ(question.caller, "k-openai");
  EXPECT_EQ(question.route, "/v1/chat/completions");
  EXPECT_EQ(question.agent, "openai-direct");
  EXPECT_EQ(question.model, "m");
  EXPECT_EQ(question.run_id, record.run_id);
  EXPECT_EQ(question.revision, record.revision);
  ASSERT_EQ(question.decisions.size(), 1U);
  EXPECT_EQ(question.decisions[0].policy, "heldword");
  EXPECT_THAT(question.texts, IsEmpty());  // the tenant keeps no content
  EXPECT_THAT(world.approvals.withdrawn(), IsEmpty());
}

TEST_F(Approvals, X7_OnARootRouteTheReviewIsInAField) {
  world.start(policies(""));
  const std::string answer = world.ask_root("a heldword");
  EXPECT_EQ(status_in(answer), "403");
  EXPECT_THAT(answer, HasSubstr("x-capsem-review: r-1\r\n"));
  EXPECT_THAT(body_in(answer), HasSubstr(R"({"detail":"Request held for review: )"));
  const tenant::ApprovalQuestion question = world.approvals.asked()[0];
  EXPECT_EQ(question.tenant, "default");
  EXPECT_EQ(question.integration, "");
  EXPECT_EQ(question.caller.size(), 16U);
}

TEST_F(Approvals, R45_ABlockIsNeverOfferedForApproval) {
  start();
  EXPECT_THAT(world.ask_openai("a heldword and a stopword"), HasSubstr("request_blocked"));
  EXPECT_THAT(world.approvals.asked(), IsEmpty());
}

TEST_F(Approvals, R50_TheDigestIsOfRouteAgentAndBodyWithoutItsStreamMembers) {
  start();
  const auto digest = [&](std::string_view body, std::string_view path = "/v1/chat/completions",
                          std::string_view agent = "a") {
    const std::size_t before = world.approvals.asked().size();
    world.ask(
        "POST", "/v1/integrations/openai/proxy/i-openai" + std::string(path), body,
        World::bearer(World::token("openai")) + "x-capsem-agent: " + std::string(agent) + "\r\n");
    const auto asked = world.approvals.asked();
    EXPECT_EQ(asked.size(), before + 1);
    return asked.back().digest;
  };
  const std::string body = R"({"model":"m","messages":[{"role":"user","content":"heldword"}]})";
  const std::string first = digest(body);
  EXPECT_EQ(first.size(), 64U);
  EXPECT_EQ(digest(body), first);
  EXPECT_EQ(digest(body, "/chat/completions"), first);
  EXPECT_EQ(digest(R"({ "messages":[{"content":"heldword","role":"user"}],"model":"m",)"
                   R"("stream":false,"stream_options":null})"),
            first);
  EXPECT_NE(digest(body, "/v1/chat/completions", "b"), first);
  EXPECT_NE(digest(R"({"model":"m","messages":[{"role":"user","content":"heldword "}]})"), first);
  EXPECT_NE(digest(R"({"model":"n","messages":[{"role":"user","content":"heldword"}]})"), first);
  EXPECT_NE(approval_digest("a", "bc", "d"), approval_digest("ab", "c", "d"));
}

TEST_F(Approvals, AGrantedRequestGoesOnAndIsOnRecordFirst) {
  start();
  world.approvals.says({.kind = Kind::Granted, .review_id = "r-9"});
  world.sink.mode_ = Mode::Hold;
  Client client(world.gateway->port());
  client.send(request("POST", "/v1/integrations/openai/proxy/i-openai/v1/chat/completions",
                      chat("a heldword"), World::bearer(World::token("openai"))));
  ASSERT_TRUE(world.sink.wait_held(1));
  EXPECT_EQ(world.provider.count(), 0U);
  world.sink.acknowledge(true);
  EXPECT_EQ(status_in(client.receive()), "200");
  const auto records = world.sink.wait_for(2);
  EXPECT_EQ(records[0].kind, audit::RecordKind::Opening);
  EXPECT_EQ(records[0].review_id, "r-9");
  EXPECT_EQ(records[1].review_id, "r-9");
  ASSERT_EQ(records[1].decisions.size(), 1U);
  EXPECT_TRUE(records[1].decisions[0].granted);
}

TEST_F(Approvals, WhatIsSaidDecides) {
  start();
  struct Case {
    Kind kind;
    const char* status;
    const char* code;
  };
  for (const Case& c :
       {Case{Kind::Held, "403", "approval_required"},
        Case{Kind::Rejected, "403", "approval_rejected"}, Case{Kind::Full, "503", "approvals_full"},
        Case{Kind::Unavailable, "503", "approvals_unavailable"},
        Case{Kind::Granted, "200", "fine"}}) {
    world.approvals.says({.kind = c.kind, .review_id = "r-2"});
    const std::string answer = world.ask_openai("heldword");
    EXPECT_EQ(status_in(answer), c.status);
    EXPECT_THAT(answer, HasSubstr(c.code));
  }
  EXPECT_EQ(world.provider.count(), 1U);
}

TEST_F(Approvals, ReviewersWhoDoNotAnswerInTimeAre503AndALateReviewIsWithdrawn) {
  world.settings.store.call_ms = 10;
  start();
  world.approvals.hold_ = true;
  const std::string answer = world.ask_openai("heldword");
  EXPECT_EQ(status_in(answer), "503");
  EXPECT_THAT(answer, HasSubstr("approvals_unavailable"));
  world.approvals.answer_all({.kind = Kind::Held, .review_id = "r-late"});
  EXPECT_TRUE(eventually([&] { return world.approvals.withdrawn().size() == 1; }));
  EXPECT_THAT(world.approvals.withdrawn(), ElementsAre("r-late"));
}

TEST_F(Approvals, T12_AClientThatLeavesWhileItIsAskedIsWithdrawn) {
  start();
  world.approvals.hold_ = true;
  {
    Client client(world.gateway->port());
    client.send(request("POST", "/v1/integrations/openai/proxy/i-openai/v1/chat/completions",
                        chat("heldword"), World::bearer(World::token("openai"))));
    ASSERT_TRUE(eventually([&] { return world.approvals.asked().size() == 1; }));
  }
  EXPECT_EQ(world.sink.wait_for(1)[0].outcome, "client_gone");
  world.approvals.answer_all({.kind = Kind::Held, .review_id = "r-3"});
  EXPECT_TRUE(eventually([&] { return world.approvals.withdrawn().size() == 1; }));
  EXPECT_EQ(world.provider.count(), 0U);
}

TEST_F(Approvals, T12_AClientThatLeavesBeforeItIsToldIsWithdrawnToo) {
  start();
  world.sink.mode_ = Mode::Hold;
  {
    Client client(world.gateway->port());
    client.send(request("POST", "/v1/integrations/openai/proxy/i-openai/v1/chat/completions",
                        chat("heldword"), World::bearer(World::token("openai"))));
    ASSERT_TRUE(world.sink.wait_held(1));
    EXPECT_THAT(world.approvals.withdrawn(), IsEmpty());
  }
  EXPECT_TRUE(eventually([&] { return world.approvals.withdrawn().size() == 1; }));
  world.sink.acknowledge(true);
  EXPECT_THAT(world.approvals.withdrawn(), ElementsAre("r-1"));
}

TEST_F(Approvals, AReviewWhoseRecordIsNotKeptIsWithdrawn) {
  start();
  world.sink.mode_ = Mode::Refuse;
  EXPECT_EQ(status_in(world.ask_openai("heldword")), "503");
  EXPECT_THAT(world.approvals.withdrawn(), ElementsAre("r-1"));
}

TEST_F(Approvals, ADrainEndsTheAsking) {
  world.settings.drain_announce_ms = 0;
  world.settings.drain_ms = 200;
  start();
  world.approvals.hold_ = true;
  Client client(world.gateway->port());
  client.send(request("POST", "/v1/integrations/openai/proxy/i-openai/v1/chat/completions",
                      chat("heldword"), World::bearer(World::token("openai"))));
  ASSERT_TRUE(eventually([&] { return world.approvals.asked().size() == 1; }));
  world.gateway->drain();
  EXPECT_THAT(client.receive(), HasSubstr("gateway_draining"));
  world.gateway->wait();
  world.stop();
  world.approvals.answer_all({.kind = Kind::Held, .review_id = "r-4"});
  EXPECT_THAT(world.approvals.withdrawn(), ElementsAre("r-4"));
}

// ---- Answers -----------------------------------------------------------------------------------

TEST_F(Approvals, X3_AHeldAnswerIsKeptForItsRetry) {
  start();
  provider_says("a heldword");
  const std::string held = world.ask_openai("x");
  EXPECT_EQ(status_in(held), "403");
  EXPECT_THAT(held, HasSubstr(R"("review_request_id":"r-1")"));
  EXPECT_THAT(held, Not(HasSubstr("a heldword")));
  const tenant::ApprovalQuestion question = world.approvals.asked()[0];
  EXPECT_EQ(question.phase, event::Phase::Response);
  ASSERT_TRUE(question.answer);
  EXPECT_EQ(question.answer->status, 200);
  EXPECT_EQ(question.answer->content_type, "application/json");
  EXPECT_EQ(question.answer->body, chat_answer("a heldword"));
  EXPECT_FALSE(question.answer->streamed);

  world.approvals.finds(
      ApprovalAnswer{.kind = Kind::Granted, .review_id = "r-1", .answer = question.answer});
  const std::string given = world.ask_openai("x");
  EXPECT_EQ(status_in(given), "200");
  EXPECT_EQ(body_in(given), chat_answer("a heldword"));
  EXPECT_EQ(world.provider.count(), 1U);
  EXPECT_EQ(world.approvals.looked()[0].digest, question.digest);
  const audit::Record record = world.sink.wait_for(2)[1];
  EXPECT_EQ(record.review_id, "r-1");
  EXPECT_EQ(record.upstream_status, 0);
  EXPECT_EQ(record.response_bytes, chat_answer("a heldword").size());
}

TEST_F(Approvals, AnAnswerThatIsLookedForMayBeHeldRejectedOrNotThere) {
  start();
  world.approvals.finds(std::nullopt);
  EXPECT_EQ(status_in(world.ask_openai("x")), "200");
  EXPECT_EQ(world.provider.count(), 1U);
  world.approvals.finds(ApprovalAnswer{.kind = Kind::Held, .review_id = "r-5", .violations = 1});
  const std::string held = world.ask_openai("x");
  EXPECT_EQ(status_in(held), "403");
  EXPECT_THAT(held, HasSubstr("Request held for review. 1 violation(s) detected."));
  EXPECT_THAT(held, HasSubstr(R"("code":"approval_required")"));
  EXPECT_THAT(held, HasSubstr(R"("poll_url":"/v1/reviews/r-5")"));
  world.approvals.finds(ApprovalAnswer{.kind = Kind::Rejected, .review_id = "r-5"});
  EXPECT_THAT(world.ask_openai("x"), HasSubstr("approval_rejected"));
  world.approvals.finds(ApprovalAnswer{.kind = Kind::Unavailable});
  EXPECT_EQ(status_in(world.ask_openai("x")), "503");
  EXPECT_EQ(world.provider.count(), 1U);
}

TEST_F(Approvals, AnAnswerTooLongToKeepIsAskedForAgainAndLetThrough) {
  world.settings.approvals.answer_bytes_max = 50;
  start();
  provider_says("a heldword");
  EXPECT_EQ(status_in(world.ask_openai("x")), "403");
  EXPECT_FALSE(world.approvals.asked()[0].answer);
  world.approvals.finds(ApprovalAnswer{
      .kind = Kind::Granted, .review_id = "r-1", .released = {{"heldword", "heldword"}}});
  const std::string given = world.ask_openai("x");
  EXPECT_EQ(status_in(given), "200") << given;
  EXPECT_EQ(world.provider.count(), 2U);
  EXPECT_EQ(world.approvals.asked().size(), 1U);
}

TEST_F(Approvals, AStreamThatHasPartlyLeftIsCutAndReviewedWithoutItsAnswer) {
  TwoPartStream stream;
  start();
  stream.play(world.provider, "a heldword");
  std::string streaming = chat("x");
  streaming.insert(streaming.size() - 1, R"(,"stream":true)");
  const auto ask = [&] {
    Client client(world.gateway->port());
    client.send(request("POST", "/v1/integrations/openai/proxy/i-openai/v1/chat/completions",
                        streaming, World::bearer(World::token("openai"))));
    EXPECT_TRUE(client.readable(8'000));
    stream.first_part_has_left();
    return client.receive();
  };
  const std::string cut = ask();
  EXPECT_EQ(status_in(cut), "200");
  EXPECT_THAT(cut, HasSubstr("approval_required"));
  EXPECT_THAT(cut, Not(HasSubstr("a heldword")));
  ASSERT_EQ(world.approvals.asked().size(), 1U);
  EXPECT_FALSE(world.approvals.asked()[0].answer);
  EXPECT_EQ(world.sink.wait_for(1)[0].review_id, "r-1");
  EXPECT_THAT(world.approvals.withdrawn(), IsEmpty());

  world.approvals.finds(ApprovalAnswer{
      .kind = Kind::Granted, .review_id = "r-1", .released = {{"heldword", "heldword"}}});
  const std::string given = ask();
  EXPECT_THAT(given, HasSubstr("a heldword"));
  EXPECT_THAT(given, HasSubstr("[DONE]"));
  EXPECT_EQ(world.provider.count(), 2U);
}

TEST_F(Approvals, WithoutReviewersWhatWantsApprovalIsRefusedForGood) {
  world.with_approvals = false;
  start();
  const std::string answer = world.ask_openai("heldword");
  EXPECT_EQ(status_in(answer), "403");
  EXPECT_THAT(answer, HasSubstr(R"("code":"approval_required")"));
  EXPECT_THAT(answer, HasSubstr(R"("review_request_id":null)"));
}

TEST_F(Approvals, ReviewersSeeTextsAsFarAsTheTenantKeepsThem) {
  world.contents.tenants[0].content = tenant::ContentLevel::Full;
  start();
  world.ask_openai("a heldword");
  const auto texts = world.approvals.asked()[0].texts;
  ASSERT_EQ(texts.size(), 1U);
  EXPECT_THAT(texts[0].text, HasSubstr("a heldword"));
  EXPECT_EQ(world.sink.wait_for(1)[0].content, tenant::ContentLevel::Full);
}

// ---- Reviews and the check API -----------------------------------------------------------------

TEST_F(Approvals, R49_ACallerPollsItsReview) {
  world.settings.store.call_ms = 50;
  start();
  const auto poll = [&](std::string_view id, std::string_view fields) {
    return world.ask("GET", "/v1/reviews/" + std::string(id), "", fields);
  };
  const std::string found = poll("r-1", World::bearer(World::token("openai")));
  EXPECT_EQ(status_in(found), "200");
  EXPECT_EQ(body_in(found), R"({"data":{"id":"r-1"}})");
  EXPECT_EQ(world.approvals.polled_, "r-1|t-1|i-openai|k-openai");
  EXPECT_EQ(status_in(poll("r-1", "x-goog-api-key: " + World::token("gemini") + "\r\n")), "200");
  EXPECT_EQ(world.approvals.polled_, "r-1|t-1|i-gemini|k-gemini");
  EXPECT_EQ(status_in(poll("r-1", World::bearer("sk-own"))), "200");
  EXPECT_THAT(world.approvals.polled_, testing::StartsWith("r-1|default||"));
  const std::string none = poll("r-2", World::bearer(World::token("openai")));
  EXPECT_EQ(status_in(none), "404");
  EXPECT_THAT(none, HasSubstr(R"({"error":{"message":"There is no such review")"));
  EXPECT_EQ(status_in(poll("r-1", World::bearer("ag_live_unknown"))), "401");
  EXPECT_EQ(status_in(poll("r-1", "")), "401");
  EXPECT_EQ(status_in(poll("silent", World::bearer("sk-own"))), "503");
  EXPECT_EQ(status_in(world.ask("POST", "/v1/reviews/r-1", "", World::bearer("sk-own"))), "405");
  for (const audit::Record& record : world.sink.wait_for(8)) EXPECT_FALSE(record.evaluated);
  EXPECT_EQ(world.provider.count(), 0U);
}

TEST_F(Approvals, R53_TheCheckApiHoldsAndReleases) {
  world.start(policies(""));
  const auto ask = [&](std::string_view body) {
    return world.ask("POST", "/v1/evaluate", body, World::bearer("sk-own"));
  };
  const std::string held = ask(R"({"input":"a heldword","callbackUrl":"https://told.example/x"})");
  EXPECT_EQ(status_in(held), "200");
  EXPECT_THAT(held, HasSubstr(R"("enforcementAction":"APPROVAL_REQUIRED")"));
  EXPECT_THAT(held, HasSubstr(R"("reviewRequestId":"r-1","pollUrl":"/v1/reviews/r-1")"));
  EXPECT_EQ(world.approvals.asked()[0].callback_url, "https://told.example/x");
  world.approvals.says({.kind = Kind::Granted, .review_id = "r-1"});
  EXPECT_THAT(ask(R"({"input":"a heldword"})"), HasSubstr(R"("outcome":"ALLOW")"));
  EXPECT_THAT(ask(R"({"input":"a heldword warnword"})"), HasSubstr(R"("outcome":"WARN")"));
  world.approvals.says({.kind = Kind::Rejected, .review_id = "r-1"});
  EXPECT_THAT(ask(R"({"input":"a heldword"})"), HasSubstr(R"("enforcementAction":"BLOCK")"));
  world.approvals.says({.kind = Kind::Unavailable});
  EXPECT_EQ(status_in(ask(R"({"input":"a heldword"})")), "503");
  const std::string elsewhere = ask(R"({"input":"x","callbackUrl":"https://other.example/x"})");
  EXPECT_EQ(status_in(elsewhere), "400");
  EXPECT_THAT(elsewhere, HasSubstr("does not call that host back"));
}

}  // namespace
}  // namespace capsem::proxy::test
