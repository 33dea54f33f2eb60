#include "server/store/review_desk.h"

#include "tests/unit/store/desk_fixture.h"

namespace capsem::store {
namespace {

CAPSEM_ON_BOTH_DATABASES(ADesk);

TEST_P(ADesk, LetsOneRetryPassPerApproval) {  // R50, T20
  const auto first = ask(a_question());
  EXPECT_EQ(word(first.kind), "held");
  EXPECT_EQ(status(first.review_id), "PENDING");
  EXPECT_EQ(decide(first.review_id, true), "");
  auto retry = a_question();
  retry.run_id = "run-2";
  const auto granted = ask(retry);
  EXPECT_EQ(word(granted.kind), "granted");
  EXPECT_EQ(granted.review_id, first.review_id);
  EXPECT_FALSE(granted.answer);
  EXPECT_EQ(status(first.review_id), "CONSUMED");
  const auto second = ask(retry);
  EXPECT_EQ(word(second.kind), "held");
  EXPECT_NE(second.review_id, first.review_id);
}

TEST_P(ADesk, IdenticalRepeatsAttachWhileOneWaits) {  // R50
  const auto first = ask(a_question());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(a_question()).review_id, first.review_id);
  const auto review = find_review(*connection_, first.review_id);
  ASSERT_TRUE(review && *review);
  EXPECT_EQ((*review)->attached, 3);
}

// T20: what the approval is bound to, one value changed at a time.
TEST_P(ADesk, AnApprovalIsForNothingElse) {
  const std::string id = approved(a_question());
  std::vector<tenant::ApprovalQuestion> others(6, a_question());
  others[0].digest.back() ^= 1;
  others[1].caller = "key-2";
  others[2].tenant = "other";
  others[3].revision = "sha256:2";
  others[4].decisions.push_back(a_decision("earnings", "q3"));  // more than a person was shown
  // Where the tenant ends and the caller begins cannot be shifted.
  others[5].tenant = "defaultk";
  others[5].caller = "ey-1";
  for (std::size_t i = 0; i < others.size(); ++i) {
    SCOPED_TRACE(i);
    if (i == 4) continue;
    const auto answer = ask(others[i]);
    EXPECT_EQ(word(answer.kind), "held");
    EXPECT_NE(answer.review_id, id);
    ASSERT_TRUE(is_done(desk_->withdraw(*connection_, answer.review_id)));
  }
  EXPECT_EQ(status(id), "APPROVED");
  const auto more = ask(others[4]);
  EXPECT_EQ(word(more.kind), "held");
  EXPECT_NE(more.review_id, id);
  EXPECT_EQ(status(id), "WITHDRAWN");
}

TEST_P(ADesk, AnApprovalCoversFewerRulesToo) {
  auto question = a_question();
  question.decisions.push_back(a_decision("earnings", "q3"));
  approved(question);
  EXPECT_EQ(asked(a_question()), "granted");
}

TEST_P(ADesk, ARejectionHoldsForItsLifetime) {  // R50, from both sides
  const auto first = ask(a_question());
  EXPECT_EQ(decide(first.review_id, false), "");
  clock_.pass_ms(9'999);
  const auto again = ask(a_question());
  EXPECT_EQ(word(again.kind), "rejected");
  EXPECT_EQ(again.review_id, first.review_id);
  clock_.pass_ms(1);
  EXPECT_EQ(asked(a_question()), "held");
}

TEST_P(ADesk, AnApprovalEndsWithItsLifetime) {  // from both sides
  std::string id = approved(a_question());
  clock_.pass_ms(9'999);
  EXPECT_EQ(asked(a_question()), "granted");
  id = approved(a_question());
  clock_.pass_ms(10'000);
  EXPECT_EQ(status(id), "EXPIRED");
  const auto late = ask(a_question());
  EXPECT_EQ(word(late.kind), "held");
  EXPECT_NE(late.review_id, id);
}

TEST_P(ADesk, NobodyDecidesWhatIsOver) {
  const auto held = ask(a_question());
  clock_.pass_ms(10'000);
  EXPECT_EQ(decide(held.review_id, true), "conflict");
  EXPECT_EQ(status(held.review_id), "EXPIRED");
  const auto other = ask(a_question());
  EXPECT_EQ(decide(other.review_id, false), "");
  EXPECT_EQ(decide(other.review_id, true), "conflict");
  EXPECT_EQ(decide(other.review_id, false), "conflict");
  EXPECT_EQ(status(other.review_id), "REJECTED");
  EXPECT_EQ(decide("no such review", true), "not_found");
}

TEST_P(ADesk, ReviewsExpireByThemselves) {
  const auto held = ask(a_question());
  refresh();
  clock_.pass_ms(9'999);
  refresh();
  EXPECT_EQ((*find_review(*connection_, held.review_id))->status, ReviewStatus::Pending);
  clock_.pass_ms(1);
  refresh();
  EXPECT_EQ((*find_review(*connection_, held.review_id))->status, ReviewStatus::Expired);
}

TEST_P(ADesk, AWallClockThatJumpsEndsNothingEarlyAndKeepsNothingAlive) {  // T41
  constexpr std::int64_t kHour = 3'600'000;
  for (const std::int64_t jump : {kHour, -kHour, -24 * kHour}) {
    SCOPED_TRACE(jump);
    const std::string id = approved(a_question());
    // Another gateway sees it while its own clock is right.
    StillClock right;
    right.set(clock_);
    ReviewDesk other(options_, right);
    ASSERT_TRUE(is_done(other.refresh(*connection_)));
    clock_.now_ms += jump;
    clock_.pass_ms(9'999);
    refresh();
    EXPECT_EQ(status(id), "APPROVED");
    clock_.pass_ms(1);
    EXPECT_EQ(status(id), "EXPIRED");
    refresh();

    // Opened after the jump: the other one's clock says something else, and does not matter.
    const std::string later = approved(a_question());
    ASSERT_TRUE(is_done(other.refresh(*connection_)));
    right.pass_ms(9'999);
    ASSERT_TRUE(is_done(other.refresh(*connection_)));
    EXPECT_EQ(status(later), "APPROVED");
    right.pass_ms(1);
    ASSERT_TRUE(is_done(other.refresh(*connection_)));
    EXPECT_EQ(status(later), "EXPIRED");
  }
}

TEST_P(ADesk, ReviewsSurviveARestart) {
  const std::string id = approved(a_question());
  auto waits = a_question();
  waits.digest = "another";
  const auto held = ask(waits);
  clock_.pass_ms(4'000);
  clock_.now_ns = 5;  // another boot
  restart();
  EXPECT_EQ(ask(waits).review_id, held.review_id);
  const auto granted = ask(a_question());
  EXPECT_EQ(word(granted.kind), "granted");
  EXPECT_EQ(granted.review_id, id);
  clock_.pass_ms(5'999);
  EXPECT_EQ(status(held.review_id), "PENDING");
  clock_.pass_ms(1);
  EXPECT_EQ(status(held.review_id), "EXPIRED");
}

TEST_P(ADesk, ReviewsSurviveARestartWithoutAMasterKeyToo) {
  restart(nullptr);
  const std::string id = approved(a_question());
  restart(nullptr);
  EXPECT_EQ(ask(a_question()).review_id, id);
}

TEST_P(ADesk, WhatIsKeptOfARequestTellsNothingWithoutTheKey) {
  ask(a_question());
  std::string digest;
  ASSERT_TRUE(is_done(connection_->run("SELECT digest FROM review", {},
                                       [&](const sql::Row& row) { digest = row.text(0); })));
  EXPECT_EQ(digest.size(), 64u);
  restart(a_vault('x'));
  ask(a_question());  // another key, another digest
  std::int64_t count = 0;
  ASSERT_TRUE(is_done(connection_->run("SELECT count(*) FROM review", {},
                                       [&](const sql::Row& row) { count = row.number(0); })));
  EXPECT_EQ(count, 2);
}

TEST_P(ADesk, TheQueueOfATenantIsBounded) {  // from both sides
  for (int i = 0; i < 5; ++i) {
    auto question = a_question();
    question.digest = std::to_string(i);
    EXPECT_EQ(asked(question), "held");
  }
  EXPECT_EQ(asked(a_question()), "full");
  auto repeat = a_question();
  repeat.digest = "3";
  EXPECT_EQ(asked(repeat), "held");
  auto other = a_question();
  other.tenant = "other";
  EXPECT_EQ(asked(other), "held");
  clock_.pass_ms(10'000);
  refresh();
  EXPECT_EQ(asked(a_question()), "held");
}

TEST_P(ADesk, TellsOfReviewsAndTheirDecisions) {
  const auto rules = WebhookRules::make({"https://ops.example/"}, {"cb.example"});
  ASSERT_TRUE(rules);
  options_.webhooks = *rules;
  auto question = a_question();
  question.callback_url = "https://cb.example/1";
  const auto held = ask(question);
  question.callback_url = "https://cb.example/2";
  ask(question);
  ask(question);
  EXPECT_EQ(queued("https://ops.example/"), (std::vector<std::string>{"review.created"}));
  EXPECT_EQ(queued("https://cb.example/1"), (std::vector<std::string>{}));
  clock_.pass_ms(1);
  EXPECT_EQ(decide(held.review_id, true), "");
  const std::vector<std::string> both{"review.created", "review.decided"},
      decided{"review.decided"};
  EXPECT_EQ(queued("https://ops.example/"), both);
  EXPECT_EQ(queued("https://cb.example/1"), decided);
  EXPECT_EQ(queued("https://cb.example/2"), decided);
  // An approval that is not used has been told of; a review that nobody decided has not.
  clock_.pass_ms(10'000);
  refresh();
  EXPECT_EQ(queued("https://ops.example/"), both);
  question.callback_url = "https://cb.example/3";
  ask(question);
  refresh();
  clock_.pass_ms(10'000);
  refresh();
  EXPECT_EQ(queued("https://cb.example/3"), decided);
}

TEST_P(ADesk, AFailureChangesNothing) {
  const auto held = ask(a_question());
  ASSERT_TRUE(is_done(connection_->run("ALTER TABLE outbox RENAME TO outbox_away")));
  const auto rules = WebhookRules::make({"https://ops.example/"}, {});
  options_.webhooks = *rules;
  EXPECT_EQ(decide(held.review_id, true), "store_invalid");
  EXPECT_EQ(status(held.review_id), "PENDING");
  auto other = a_question();
  other.digest = "another";
  EXPECT_EQ(code_of(desk_->ask(*connection_, other)), "store_invalid");
  ASSERT_TRUE(is_done(connection_->run("ALTER TABLE outbox_away RENAME TO outbox")));
  const auto open = open_reviews(*connection_);
  ASSERT_TRUE(is_done(open));
  EXPECT_EQ(open->size(), 1u);
}

TEST_P(ADesk, PreviewsAreSealedAndGoWithTheirReview) {
  options_.preview = [](const tenant::ApprovalQuestion&) { return std::string(R"([{"a":1}])"); };
  for (const bool keyless : {false, true}) {
    SCOPED_TRACE(keyless);
    if (keyless) options_.vault = [] { return nullptr; };
    auto question = a_question();
    question.digest += keyless ? "k" : "";
    const auto held = ask(question);
    const auto review = find_review(*connection_, held.review_id);
    ASSERT_TRUE(review && *review);
    const auto stored = content_of_review(*connection_, held.review_id);
    ASSERT_TRUE(is_done(stored));
    EXPECT_EQ(stored->preview == R"([{"a":1}])", keyless);
    EXPECT_EQ(*desk_->preview_of(*connection_, **review), R"([{"a":1}])");
    EXPECT_EQ(decide(held.review_id, false), "");
    EXPECT_EQ(*desk_->preview_of(*connection_, **review), "null");
  }
}

// R82: what would be sealed is not kept open while the vault is.
TEST_P(ADesk, WhileTheVaultIsSealedNoPreviewIsKept) {
  options_.preview = [](const tenant::ApprovalQuestion&) { return std::string(R"([{"a":1}])"); };
  options_.seals = true;
  options_.vault = [] { return nullptr; };
  const auto held = ask(a_question());
  const auto stored = content_of_review(*connection_, held.review_id);
  ASSERT_TRUE(is_done(stored));
  EXPECT_EQ(stored->preview, "");
}

TEST_P(ADesk, TellsHowManyReviewsWait) {
  EXPECT_EQ(desk_->pending(), 0u);
  const auto first = ask(a_question());
  auto other = a_question();
  other.digest = "another";
  ask(other);
  refresh();
  EXPECT_EQ(desk_->pending(), 2u);
  EXPECT_EQ(decide(first.review_id, true), "");
  refresh();
  EXPECT_EQ(desk_->pending(), 1u);
}

}  // namespace
}  // namespace capsem::store
