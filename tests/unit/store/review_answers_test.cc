// Reviews of answers (X3), and desks of many gateways.
#include <atomic>
#include <thread>

#include "tests/unit/store/desk_fixture.h"

namespace capsem::store {
namespace {

class ADeskWithAnswers : public ADesk {};
CAPSEM_ON_BOTH_DATABASES(ADeskWithAnswers);

TEST_P(ADeskWithAnswers, AnApprovedRetryReceivesTheAnswerThatWasKept) {  // X3
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

TEST_P(ADeskWithAnswers, AnAnswerThatIsNotKeptReleasesItsRules) {
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

TEST_P(ADeskWithAnswers, AReviewOfAnAnswerGoesBeforeOneOfTheRequest) {
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

TEST_P(ADeskWithAnswers, AnAnswerMadeMeanwhileDoesNotUseTheApprovalOfAnother) {
  const std::string id = approved(an_answer_question("the one that was shown"));
  const auto held = ask(an_answer_question("another"));
  EXPECT_EQ(word(held.kind), "held");
  EXPECT_EQ(held.review_id, id);
  const auto granted = ask(a_question());
  EXPECT_EQ(word(granted.kind), "granted");
  ASSERT_TRUE(granted.answer);
  EXPECT_EQ(granted.answer->body, "the one that was shown");
}

TEST_P(ADeskWithAnswers, AnAnswerThatIsMadeAgainIsHeldForWhatWasNotShown) {
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

TEST_P(ADeskWithAnswers, ARejectedAnswerIsNotAskedForAgain) {
  const auto held = ask(an_answer_question());
  EXPECT_EQ(decide(held.review_id, false), "");
  EXPECT_EQ(found(a_question()), "rejected");
  EXPECT_EQ(asked(a_question()), "rejected");
}

TEST_P(ADeskWithAnswers, AKeptAnswerThatWasMovedOrChangedIsNotGiven) {  // T39
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
