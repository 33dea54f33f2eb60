#include "server/store/outbox.h"

#include <atomic>
#include <thread>

#include "tests/unit/store/store_database.h"

namespace capsem::store {
namespace {

constexpr std::int64_t kNow = 1'795'000'000'000, kLease = 15'000, kHour = 3'600'000;
constexpr std::int64_t kAttempts = 8;

class Outbox : public StoreDatabase {
 protected:
  void queue(std::string_view body = "{}", std::int64_t now_ms = kNow) {
    ASSERT_TRUE(is_done(queue_delivery(*connection_, "default", "https://ops.example/",
                                       "review.created", body, now_ms)));
  }
  std::optional<Delivery> claim(std::int64_t now_ms) {
    auto claimed = claim_delivery(*connection_, now_ms, kLease, kAttempts);
    EXPECT_TRUE(is_done(claimed));
    return claimed ? std::move(*claimed) : std::nullopt;
  }
  std::int64_t count(std::string_view statement) { return sql::count(*connection_, statement); }
  void violation(std::string_view id, std::string_view enforcement, std::int64_t time_ms = kNow) {
    ASSERT_TRUE(is_done(connection_->run(
        "INSERT INTO violation (id, tenant_id, integration_id, run_id, review_id, policy, rule, "
        "rule_name, type, severity, message, enforcement, phase, field, time_ms, status, "
        "resolution, note, changed_by) VALUES ($1, 'default', '', 'run-1', '', 'pii', 'EMAIL', '', "
        "'pii', 'HIGH', 'a secret message', $2, 'input', '', $3, 'NEW', '', '', '')",
        {id, enforcement, time_ms})));
  }
};
CAPSEM_ON_BOTH_DATABASES(Outbox);

TEST_P(Outbox, GivesOutADeliveryOnceForTheTimeOfItsLease) {
  queue("first");
  queue("second", kNow + 1);
  EXPECT_FALSE(claim(kNow - 1));
  const auto one = claim(kNow);
  ASSERT_TRUE(one);
  EXPECT_EQ(one->body, "first");
  EXPECT_EQ(one->attempts, 1);
  EXPECT_FALSE(claim(kNow));
  const auto two = claim(kNow + 1);
  ASSERT_TRUE(two);
  EXPECT_EQ(two->body, "second");
  // Whoever had it is gone: another one takes it, under the same id.
  EXPECT_FALSE(claim(kNow + kLease - 1));
  const auto again = claim(kNow + kLease);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->id, one->id);
  EXPECT_EQ(again->attempts, 2);
  ASSERT_TRUE(is_done(delivered(*connection_, one->id, kNow + kLease)));
  ASSERT_TRUE(is_done(delivered(*connection_, two->id, kNow + kLease)));
  EXPECT_FALSE(claim(kNow + 30 * kHour));
}

TEST_P(Outbox, TriesAgainWithGrowingPausesUpToItsLimit) {
  constexpr std::int64_t kPauses[] = {1'000,   4'000,     16'000,    64'000,
                                      256'000, 1'024'000, 3'600'000, 3'600'000};
  queue();
  std::int64_t now = kNow;
  for (std::int64_t attempt = 1; attempt <= kAttempts; ++attempt) {
    SCOPED_TRACE(attempt);
    EXPECT_FALSE(claim(now - 1));
    const auto one = claim(now);
    ASSERT_TRUE(one);
    EXPECT_EQ(one->attempts, attempt);
    ASSERT_TRUE(is_done(delivery_failed(*connection_, *one, "status 500", now)));
    now += kPauses[attempt - 1];
  }
  EXPECT_FALSE(claim(now));
  EXPECT_FALSE(claim(now + 100 * kHour));
  EXPECT_EQ(count("SELECT count(*) FROM outbox WHERE last_error = 'status 500'"), 1);
}

TEST_P(Outbox, ALateFailureDoesNotDisturbTheNextAttempt) {
  queue();
  const auto slow = claim(kNow);
  const auto next = claim(kNow + kLease);
  ASSERT_TRUE(slow && next);
  ASSERT_TRUE(is_done(delivery_failed(*connection_, *slow, "late", kNow + kLease)));
  EXPECT_FALSE(claim(kNow + kLease + 1'000));  // the lease of the next one holds
}

TEST_P(Outbox, AWallClockThatJumpedBackDelaysNothingForLong) {  // T41
  queue("{}", kNow + 24 * kHour);                               // written before the jump
  EXPECT_TRUE(claim(kNow));
}

TEST_P(Outbox, IsTidiedOfWhatIsDone) {
  queue("kept");
  queue("delivered");
  queue("given up");
  ASSERT_TRUE(is_done(connection_->run("UPDATE outbox SET delivered_ms = $1 WHERE body = $2",
                                       {kNow, "delivered"})));
  ASSERT_TRUE(is_done(connection_->run(
      "UPDATE outbox SET attempts = 8, next_ms = $1 WHERE body = $2", {kNow, "given up"})));
  const auto left = [&] { return count("SELECT count(*) FROM outbox"); };
  ASSERT_TRUE(is_done(tidy_outbox(*connection_, kNow + 24 * kHour, kAttempts)));
  EXPECT_EQ(left(), 3);
  ASSERT_TRUE(is_done(tidy_outbox(*connection_, kNow + 24 * kHour + 1, kAttempts)));
  EXPECT_EQ(left(), 2);
  ASSERT_TRUE(is_done(tidy_outbox(*connection_, kNow + 7 * 24 * kHour, kAttempts)));
  EXPECT_EQ(left(), 2);
  ASSERT_TRUE(is_done(tidy_outbox(*connection_, kNow + 7 * 24 * kHour + 1, kAttempts)));
  EXPECT_EQ(count("SELECT count(*) FROM outbox WHERE body = 'kept'"), 1);
  EXPECT_EQ(left(), 1);
}

TEST_P(Outbox, ManyClaimersShareWhatThereIs) {
  constexpr int kDeliveries = 20, kThreads = 8;
  for (int i = 0; i < kDeliveries; ++i) queue(std::to_string(i));
  target_.busy_ms = 60'000;
  std::atomic<int> claimed = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      const auto connection = another();
      // Nothing may be had although something is left: others had what this one looked at.
      for (int empty = 0; empty < 20;) {
        const auto one = claim_delivery(*connection, kNow, kLease, kAttempts);
        EXPECT_TRUE(is_done(one));
        if (!one) return;
        *one ? ++claimed : ++empty;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(claimed, kDeliveries);
  EXPECT_EQ(count("SELECT count(*) FROM outbox WHERE attempts = 1"), kDeliveries);
}

TEST_P(Outbox, TellsEachUrlOfEachViolationOnceButNeverOfMonitoredOnes) {  // R44
  const std::vector<std::string> urls{"https://a.example/", "https://b.example/"};
  violation("before", "BLOCK", kNow - 1);
  ASSERT_TRUE(is_done(begin_telling_violations(*connection_, true, kNow)));
  for (const char* enforcement : {"BLOCK", "APPROVAL_REQUIRED", "WARN", "MONITOR_ONLY"}) {
    violation(enforcement, enforcement);
  }
  const auto told = tell_violations(*connection_, urls, kNow);
  ASSERT_TRUE(is_done(told));
  EXPECT_EQ(*told, 4u);
  EXPECT_EQ(count("SELECT count(*) FROM outbox WHERE event = 'violation.created'"), 6);
  EXPECT_EQ(count("SELECT count(*) FROM outbox WHERE body LIKE '%MONITOR_ONLY%'"), 0);
  EXPECT_EQ(count("SELECT count(*) FROM outbox WHERE body LIKE '%a secret message%'"), 0);
  EXPECT_EQ(*tell_violations(*connection_, urls, kNow), 0u);
  EXPECT_EQ(count("SELECT count(*) FROM outbox"), 6);
}

TEST_P(Outbox, ViolationsOfATimeWithoutWebhooksAreNotToldLater) {
  ASSERT_TRUE(is_done(begin_telling_violations(*connection_, true, kNow)));
  ASSERT_TRUE(is_done(begin_telling_violations(*connection_, true, kNow + 500)));  // a restart
  violation("told", "BLOCK", kNow + 100);
  EXPECT_EQ(*tell_violations(*connection_, {"https://a.example/"}, kNow), 1u);
  ASSERT_TRUE(is_done(begin_telling_violations(*connection_, false, kNow + 1'000)));
  violation("meanwhile", "BLOCK", kNow + 1'500);
  ASSERT_TRUE(is_done(begin_telling_violations(*connection_, true, kNow + 2'000)));
  EXPECT_EQ(*tell_violations(*connection_, {"https://a.example/"}, kNow), 0u);
}

TEST_P(Outbox, TellsManyViolationsInBatches) {
  ASSERT_TRUE(is_done(begin_telling_violations(*connection_, true, kNow)));
  for (int i = 0; i < 25; ++i) violation("v" + std::to_string(i), "WARN", kNow + i);
  for (const std::size_t batch : {10u, 10u, 5u, 0u}) {
    EXPECT_EQ(*tell_violations(*connection_, {"https://a.example/"}, kNow, 10), batch);
  }
  EXPECT_EQ(count("SELECT count(*) FROM outbox"), 25);
}

}  // namespace
}  // namespace capsem::store
