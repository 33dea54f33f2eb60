// Approvals with their threads: what a loop asks and when it hears.
#include "server/store/approvals.h"

#include <chrono>
#include <future>
#include <latch>
#include <thread>

#include "core/wire/json.h"
#include "tests/unit/store/approvals_fixture.h"

namespace capsem::store {
namespace {

using namespace std::chrono_literals;
using tenant::ApprovalAnswer;

class Approvals : public StoreDatabase {
 protected:
  // A gateway: its own executor, its own approvals.
  struct Gateway {
    Gateway(const sql::Target& target, ApprovalOptions options, const Clock& clock)
        : executor(target), approvals(std::move(options), executor, clock) {}
    sql::Executor executor;
    StoredApprovals approvals;
  };
  std::unique_ptr<Gateway> start(ApprovalOptions options = options_with(a_vault())) {
    options.poll_ms = 10;
    target_.busy_ms = 20'000;
    return std::make_unique<Gateway>(target_, std::move(options), clock_);
  }
  static ApprovalAnswer ask(Gateway& gateway, tenant::ApprovalQuestion question) {
    std::promise<ApprovalAnswer> told;
    auto answer = told.get_future();
    gateway.approvals.ask(std::move(question),
                          [&](ApprovalAnswer given) { told.set_value(std::move(given)); });
    return answer.get();
  }
  static std::pair<int, std::string> poll(Gateway& gateway, std::string id,
                                          std::string tenant = "default",
                                          std::string integration = "int-1",
                                          std::string caller = "key-1") {
    std::promise<std::pair<int, std::string>> told;
    auto answer = told.get_future();
    gateway.approvals.poll(id, tenant, integration, caller, [&](int status, std::string body) {
      told.set_value({status, std::move(body)});
    });
    return answer.get();
  }
  static std::string decide(Gateway& gateway, const std::string& id, bool approved) {
    std::promise<std::string> told;
    auto code = told.get_future();
    gateway.executor.submit([&](Result<sql::Connection*> connection) {
      told.set_value(code_of(gateway.approvals.decide(**connection, id, approved, "ann", "")));
    });
    return code.get();
  }
  static void until(const std::function<bool()>& condition) {
    for (int i = 0; i < 2'000 && !condition(); ++i) std::this_thread::sleep_for(10ms);
    EXPECT_TRUE(condition());
  }
};
CAPSEM_ON_BOTH_DATABASES(Approvals);

TEST_P(Approvals, AReviewIsPolledByWhoOwnsItAndByNobodyElse) {  // R49, T21
  const auto gateway = start();
  const std::string id = ask(*gateway, a_question()).review_id;
  const auto [status, body] = poll(*gateway, id);
  EXPECT_EQ(status, 200);
  EXPECT_EQ(body,
            R"({"data":{"id":")" + id +
                R"(","status":"PENDING","created_at":"2026-11-18T11:06:40.000Z",)"
                R"("expires_at":"2026-11-18T11:21:40.000Z","run_id":"run-1","violations":)"
                R"([{"id":"0123456789ab","policy":"earnings","rule":"q4","severity":"HIGH",)"
                R"("message":"Mentions unreleased results","enforcement":"APPROVAL_REQUIRED",)"
                R"("phase":"input"}]}})");
  EXPECT_EQ(poll(*gateway, id, "default", "int-1", "key-2").first, 200);  // the key was replaced
  const auto foreign = poll(*gateway, id, "default", "int-2");
  EXPECT_EQ(foreign.first, 404);
  EXPECT_EQ(poll(*gateway, "no such review"), foreign);
  EXPECT_EQ(poll(*gateway, id, "other"), foreign);
  EXPECT_EQ(poll(*gateway, id, "default", ""), foreign);

  auto root = a_question();
  root.integration.clear();
  root.caller = "0123456789abcdef";
  const std::string root_id = ask(*gateway, root).review_id;
  EXPECT_EQ(poll(*gateway, root_id, "default", "", "0123456789abcdef").first, 200);
  EXPECT_EQ(poll(*gateway, root_id, "default", "", "another user").first, 404);
}

TEST_P(Approvals, APollTellsEachStateOfALife) {
  const auto gateway = start();
  const auto status_of = [&](const std::string& id) {
    const std::string body = poll(*gateway, id).second;
    const std::size_t begin = body.find("\"status\":\"") + 10;
    return body.substr(begin, body.find('"', begin) - begin);
  };
  std::string id = ask(*gateway, a_question()).review_id;
  EXPECT_EQ(status_of(id), "PENDING");
  EXPECT_EQ(decide(*gateway, id, true), "");
  EXPECT_EQ(status_of(id), "APPROVED");
  EXPECT_EQ(word(ask(*gateway, a_question()).kind), "granted");
  EXPECT_EQ(status_of(id), "CONSUMED");
  id = ask(*gateway, a_question()).review_id;
  EXPECT_EQ(decide(*gateway, id, false), "");
  EXPECT_EQ(status_of(id), "REJECTED");
}

TEST_P(Approvals, AReviewApprovedOnOneGatewayReleasesARetryOnTheOther) {
  const auto one = start(), other = start();
  const std::string id = ask(*one, a_question()).review_id;
  EXPECT_EQ(decide(*other, id, true), "");
  const auto granted = ask(*other, a_question());
  EXPECT_EQ(word(granted.kind), "granted");
  EXPECT_EQ(granted.review_id, id);
  EXPECT_EQ(word(ask(*one, a_question()).kind), "held");
}

TEST_P(Approvals, AnotherGatewaySeesThatAnAnswerIsUnderReview) {
  const auto one = start(), other = start();
  const std::string id = ask(*one, an_answer_question()).review_id;
  EXPECT_TRUE(one->approvals.may_have_answer("default", "key-1"));
  until([&] { return other->approvals.may_have_answer("default", "key-1"); });
  EXPECT_FALSE(other->approvals.may_have_answer("default", "key-2"));
  EXPECT_EQ(decide(*one, id, false), "");
  until([&] { return !other->approvals.may_have_answer("default", "key-1"); });
}

TEST_P(Approvals, APokeIsSoonerThanThePoll) {
  auto options = options_with(a_vault());
  const auto one = start(options);
  options.poll_ms = 3'600'000;
  Gateway slow(target_, options, clock_);
  // Its first look is over once it has answered.
  EXPECT_EQ(poll(slow, "none").first, 404);
  ask(*one, an_answer_question());
  until([&] {
    slow.approvals.poke();
    return slow.approvals.may_have_answer("default", "key-1");
  });
}

TEST_P(Approvals, AReviewNobodyKnowsOfIsWithdrawn) {  // T12
  const auto gateway = start();
  const std::string id = ask(*gateway, a_question()).review_id;
  gateway->approvals.withdraw(id);
  until([&] { return poll(*gateway, id).second.find("WITHDRAWN") != std::string::npos; });
  EXPECT_NE(ask(*gateway, a_question()).review_id, id);
}

TEST_P(Approvals, WithoutAnAnswerInTimeNothingIsHeld) {
  auto options = options_with(a_vault());
  options.answer_ms_max = 2'000;
  const auto gateway = start(options);
  std::latch blocked(1);
  gateway->executor.submit([&](Result<sql::Connection*>) { blocked.wait(); });
  std::promise<ApprovalAnswer> told;
  gateway->approvals.ask(a_question(), [&](ApprovalAnswer answer) { told.set_value(answer); });
  auto answer = told.get_future();
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(answer.wait_for(0ms), std::future_status::timeout);
  clock_.now_ns += 2'000'000'000;
  EXPECT_EQ(word(answer.get().kind), "unavailable");
  blocked.count_down();
  // What was given up is not opened later either.
  EXPECT_EQ(poll(*gateway, "none").first, 404);
  const auto open = open_reviews(*connection_);
  ASSERT_TRUE(is_done(open));
  EXPECT_TRUE(open->empty());
}

TEST_P(Approvals, WhoeverStillWaitsAtTheEndIsTold) {
  std::promise<ApprovalAnswer> told;
  auto answer = told.get_future();
  std::latch blocked(1);
  sql::Executor executor(target_);
  {
    auto options = options_with(a_vault());
    StoredApprovals approvals(options, executor, clock_);
    executor.submit([&](Result<sql::Connection*>) { blocked.wait(); });
    approvals.ask(a_question(), [&](ApprovalAnswer given) { told.set_value(std::move(given)); });
  }
  EXPECT_EQ(word(answer.get().kind), "unavailable");
  blocked.count_down();
}

TEST(ApprovalsWithoutADatabase, AreUnavailable) {
  StillClock clock;
  sql::Executor executor({.kind = sql::Kind::Sqlite, .location = "/nonexistent/folder/capsem.db"});
  StoredApprovals approvals(options_with(nullptr), executor, clock);
  std::promise<std::string> asked, found;
  std::promise<int> polled;
  approvals.ask(a_question(), [&](ApprovalAnswer answer) { asked.set_value(word(answer.kind)); });
  approvals.find_answer(a_question(), [&](std::optional<ApprovalAnswer> answer) {
    found.set_value(answer ? word(answer->kind) : "nothing");
  });
  approvals.poll("id", "t", "i", "c", [&](int status, std::string) { polled.set_value(status); });
  EXPECT_EQ(asked.get_future().get(), "unavailable");
  EXPECT_EQ(found.get_future().get(), "unavailable");
  EXPECT_EQ(polled.get_future().get(), 503);
}

}  // namespace
}  // namespace capsem::store
