#include "server/store/review_desk.h"

#include <atomic>
#include <thread>

#include "server/store/meta.h"
#include "tests/unit/store/approvals_fixture.h"

namespace capsem::store {
namespace {

class ADesk : public StoreDatabase {
 protected:
  void SetUp() override {
    StoreDatabase::SetUp();
    if (!IsSkipped()) restart();
  }
  // As a gateway that begins anew: nothing is remembered but what the database says.
  void restart(std::shared_ptr<const vault::Vault> vault = a_vault()) {
    options_ = options_with(std::move(vault));
    options_.ttl_ms = 10'000;
    options_.pending_max = 5;
    options_.answer_bytes_max = 100;
    desk_ = std::make_unique<ReviewDesk>(options_, clock_);
    refresh();
  }
  void refresh() { ASSERT_TRUE(is_done(desk_->refresh(*connection_))); }

  tenant::ApprovalAnswer ask(const tenant::ApprovalQuestion& question) {
    auto answer = desk_->ask(*connection_, question);
    EXPECT_TRUE(is_done(answer));
    return answer ? std::move(*answer) : tenant::ApprovalAnswer{};
  }
  std::string asked(const tenant::ApprovalQuestion& question) { return word(ask(question).kind); }
  std::string found(const tenant::ApprovalQuestion& question) {
    const auto answer = desk_->find_answer(*connection_, question);
    EXPECT_TRUE(is_done(answer));
    return answer && *answer ? word((*answer)->kind) : "nothing";
  }
  std::string decide(const std::string& id, bool approved) {
    return code_of(desk_->decide(*connection_, id, approved, "ann", "a note"));
  }
  std::string status(const std::string& id) {
    const auto review = find_review(*connection_, id);
    EXPECT_TRUE(is_done(review));
    return review && *review ? std::string(to_string(desk_->status_now(**review))) : "none";
  }
  // Opens a review and approves it.
  std::string approved(const tenant::ApprovalQuestion& question) {
    const auto answer = ask(question);
    EXPECT_EQ(word(answer.kind), "held");
    EXPECT_EQ(decide(answer.review_id, true), "");
    return answer.review_id;
  }
  std::vector<std::string> queued(std::string_view url) {
    std::vector<std::string> events;
    EXPECT_TRUE(is_done(connection_->run(
        "SELECT event, body FROM outbox WHERE url = $1 ORDER BY created_ms, event", {url},
        [&](const sql::Row& row) {
          events.emplace_back(row.text(0));
          EXPECT_EQ(row.text(1).find("unreleased"), std::string_view::npos) << row.text(1);
        })));
    return events;
  }

  ApprovalOptions options_;
  std::unique_ptr<ReviewDesk> desk_;
};
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

TEST_P(ADesk, AnApprovedRetryReceivesTheAnswerThatWasKept) {  // X3
  const std::string body(100, 'a');
  EXPECT_EQ(found(a_question()), "nothing");
  EXPECT_FALSE(desk_->open_answers().has("default", "key-1"));
  const auto held = ask(an_answer_question(body));
  EXPECT_EQ(word(held.kind), "held");
  EXPECT_TRUE(desk_->open_answers().has("default", "key-1"));
  EXPECT_FALSE(desk_->open_answers().has("default", "key-2"));
  EXPECT_EQ(held.violations, 1u);
  const auto repeat = desk_->find_answer(*connection_, a_question());
  ASSERT_TRUE(repeat && *repeat);
  EXPECT_EQ(word((*repeat)->kind), "held");
  EXPECT_EQ((*repeat)->violations, 1u);
  auto other = a_question();
  other.digest = "another";
  EXPECT_EQ(found(other), "nothing");

  const auto kept = content_of_review(*connection_, held.review_id);
  ASSERT_TRUE(is_done(kept));
  EXPECT_FALSE(kept->answer.empty());
  EXPECT_EQ(kept->answer.find("aaaa"), std::string::npos);

  EXPECT_EQ(decide(held.review_id, true), "");
  const auto granted = desk_->find_answer(*connection_, a_question());
  ASSERT_TRUE(granted && *granted);
  EXPECT_EQ(word((*granted)->kind), "granted");
  ASSERT_TRUE((*granted)->answer);
  EXPECT_EQ((*granted)->answer->body, body);
  EXPECT_EQ((*granted)->answer->status, 200);
  EXPECT_EQ((*granted)->answer->content_type, "application/json; charset=utf-8");
  EXPECT_FALSE((*granted)->answer->streamed);
  EXPECT_TRUE((*granted)->released.empty());
  EXPECT_EQ(found(a_question()), "nothing");
  refresh();
  EXPECT_FALSE(desk_->open_answers().has("default", "key-1"));
}

TEST_P(ADesk, AnAnswerThatIsNotKeptReleasesItsRules) {
  const std::pair<std::string, std::string> rule{"leaks", "names"};
  // One byte too long; and no master key.
  for (const bool keyless : {false, true}) {
    SCOPED_TRACE(keyless);
    if (keyless) restart(nullptr);
    approved(an_answer_question(std::string(keyless ? 1 : 101, 'a')));
    const auto granted = desk_->find_answer(*connection_, a_question());
    ASSERT_TRUE(granted && *granted);
    EXPECT_EQ(word((*granted)->kind), "granted");
    EXPECT_FALSE((*granted)->answer);
    EXPECT_EQ((*granted)->released, (Rules{rule}));
  }
}

TEST_P(ADesk, AReviewOfAnAnswerGoesBeforeOneOfTheRequest) {
  const std::string request = approved(a_question());
  const auto held = ask(an_answer_question());
  // The request alone may go; but its answer is under review.
  EXPECT_EQ(ask(a_question()).review_id, held.review_id);
  EXPECT_EQ(decide(held.review_id, true), "");
  const auto granted = ask(a_question());
  EXPECT_EQ(granted.review_id, held.review_id);
  EXPECT_TRUE(granted.answer);
  EXPECT_EQ(ask(a_question()).review_id, request);
}

TEST_P(ADesk, AnAnswerMadeMeanwhileDoesNotUseTheApprovalOfAnother) {
  const std::string id = approved(an_answer_question("the one that was shown"));
  const auto held = ask(an_answer_question("another"));
  EXPECT_EQ(word(held.kind), "held");
  EXPECT_EQ(held.review_id, id);
  const auto granted = ask(a_question());
  EXPECT_EQ(word(granted.kind), "granted");
  ASSERT_TRUE(granted.answer);
  EXPECT_EQ(granted.answer->body, "the one that was shown");
}

TEST_P(ADesk, AnAnswerThatIsMadeAgainIsHeldForWhatWasNotShown) {
  restart(nullptr);  // nothing is kept
  const std::string id = approved(an_answer_question());
  auto more = an_answer_question();
  more.decisions.push_back(a_decision("leaks", "numbers", event::Phase::Response));
  const auto held = ask(more);
  EXPECT_EQ(word(held.kind), "held");
  EXPECT_NE(held.review_id, id);
  EXPECT_EQ(decide(held.review_id, true), "");
  EXPECT_EQ(asked(an_answer_question()), "granted");  // fewer rules
}

TEST_P(ADesk, ARejectedAnswerIsNotAskedForAgain) {
  const auto held = ask(an_answer_question());
  EXPECT_EQ(decide(held.review_id, false), "");
  EXPECT_EQ(found(a_question()), "rejected");
  EXPECT_EQ(asked(a_question()), "rejected");
}

TEST_P(ADesk, AKeptAnswerThatWasMovedOrChangedIsNotGiven) {  // T39
  const std::string id = approved(an_answer_question());
  auto other = an_answer_question("other");
  other.digest = "another";
  const std::string other_id = approved(other);
  ASSERT_TRUE(is_done(connection_->run(
      "UPDATE review SET answer = (SELECT answer FROM review WHERE id = $1) WHERE id = $2",
      {other_id, id})));
  EXPECT_EQ(code_of(desk_->find_answer(*connection_, a_question())), "damaged_secret");
  EXPECT_EQ(status(id), "APPROVED");
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

// Gateways of one database: each thread is one, with its own connection and desk.
class ManyDesks : public ADesk {
 protected:
  static constexpr int kThreads = 32;
  std::vector<tenant::ApprovalAnswer> all_ask(const tenant::ApprovalQuestion& question) {
    target_.busy_ms = 60'000;
    std::vector<tenant::ApprovalAnswer> answers(kThreads);
    std::vector<std::thread> threads;
    std::atomic<int> ready = 0;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        const auto connection = another();
        ReviewDesk desk(options_, clock_);
        ++ready;
        while (ready < kThreads) std::this_thread::yield();
        auto answer = desk.ask(*connection, question);
        EXPECT_TRUE(is_done(answer));
        if (answer) answers[static_cast<std::size_t>(i)] = std::move(*answer);
      });
    }
    for (std::thread& thread : threads) thread.join();
    return answers;
  }
};
CAPSEM_ON_BOTH_DATABASES(ManyDesks);

TEST_P(ManyDesks, ConsumeAnApprovalOnceBetweenThem) {
  const std::string id = approved(a_question());
  int granted = 0;
  std::string next;
  for (const auto& answer : all_ask(a_question())) {
    if (answer.kind == Kind::Granted) {
      ++granted;
      EXPECT_EQ(answer.review_id, id);
      continue;
    }
    EXPECT_EQ(word(answer.kind), "held");
    EXPECT_NE(answer.review_id, id);
    if (next.empty()) next = answer.review_id;
    EXPECT_EQ(answer.review_id, next);
  }
  EXPECT_EQ(granted, 1);
}

TEST_P(ManyDesks, OpenOneReviewBetweenThem) {
  std::string id;
  for (const auto& answer : all_ask(a_question())) {
    EXPECT_EQ(word(answer.kind), "held");
    if (id.empty()) id = answer.review_id;
    EXPECT_EQ(answer.review_id, id);
  }
  const auto review = find_review(*connection_, id);
  ASSERT_TRUE(review && *review);
  EXPECT_EQ((*review)->attached, kThreads - 1);
}

TEST_P(ManyDesks, OneDecisionCounts) {
  const auto held = ask(a_question());
  target_.busy_ms = 60'000;
  std::atomic<int> decided = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      const auto connection = another();
      ReviewDesk desk(options_, clock_);
      const auto done = desk.decide(*connection, held.review_id, i % 2 == 0, "ann", "");
      EXPECT_EQ(code_of(done), done ? "" : "conflict");
      if (done) ++decided;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(decided, 1);
}

}  // namespace
}  // namespace capsem::store
