#include "server/webhook/sender.h"

#include <atomic>
#include <chrono>
#include <set>
#include <thread>

#include "server/store/outbox.h"
#include "server/webhook/signature.h"
#include "tests/unit/store/store_database.h"
#include "tests/unit/webhook/receiver.h"

namespace capsem::webhook {
namespace {

using sql::is_done;

constexpr std::string_view kSecret = "a secret of tests";

class ASender : public store::StoreDatabase {
 protected:
  void SetUp() override {
    target_.busy_ms = 20'000;
    StoreDatabase::SetUp();
  }
  SenderOptions options(std::vector<std::string> urls) {
    SenderOptions made;
    made.rules = *store::WebhookRules::make(std::move(urls), {});
    made.secret = Secret(kSecret);
    made.post = {.timeout_ms = 20'000, .allow_private = true};
    made.attempts_max = 3;
    made.poll_ms = 10;
    return made;
  }
  struct Running {
    Running(const sql::Target& target, SenderOptions options, const Clock& clock)
        : executor(target), sender(std::move(*Sender::make(std::move(options), executor, clock))) {}
    sql::Executor executor;
    std::unique_ptr<Sender> sender;
  };
  std::unique_ptr<Running> make(SenderOptions options) {
    return std::make_unique<Running>(target_, std::move(options), clock_);
  }
  void queue(const std::string& url, std::string_view body = "{\"event\":\"review.created\"}") {
    ASSERT_TRUE(is_done(store::queue_delivery(*connection_, "default", url, "review.created", body,
                                              clock_.wall_ms())));
  }
  std::string column(std::string_view statement) {
    std::string text;
    EXPECT_TRUE(
        is_done(connection_->run(statement, {}, [&](const sql::Row& row) { text = row.text(0); })));
    return text;
  }
};
CAPSEM_ON_BOTH_DATABASES(ASender);

TEST_P(ASender, DeliversWithASignature) {
  Receiver receiver;
  const auto running = make(options({receiver.url()}));
  EXPECT_FALSE(running->sender->run_once());
  queue(receiver.url());
  EXPECT_TRUE(running->sender->run_once());
  EXPECT_FALSE(running->sender->run_once());
  const auto requests = receiver.requests();
  ASSERT_EQ(requests.size(), 1u);
  auto fields = requests[0].fields;
  EXPECT_EQ(requests[0].body, "{\"event\":\"review.created\"}");
  EXPECT_EQ(fields["x-capsem-event"], "review.created");
  EXPECT_EQ(fields["x-capsem-delivery"], column("SELECT id FROM outbox"));
  EXPECT_EQ(fields["x-capsem-signature"],
            signature_field(Secret(kSecret), clock_.wall_ms() / 1'000, requests[0].body));
  EXPECT_EQ(sql::count(*connection_, "SELECT count(*) FROM outbox WHERE delivered_ms IS NOT NULL"),
            1);
}

// The fault script: every kind of failure, then success; the same delivery id throughout.
TEST_P(ASender, TriesAgainUntilTheReceiverTakesIt) {
  const std::string faults[] = {"HTTP/1.1 500 Oops\r\n\r\n", "HTTP/1.1 302 Found\r\n\r\n", "",
                                "no HTTP at all\r\n", "HTTP/1.1 429 Slow\r\n\r\n"};
  Receiver receiver;
  SenderOptions given = options({receiver.url()});
  given.attempts_max = 8;
  const auto running = make(std::move(given));
  receiver.answer({std::begin(faults), std::end(faults)});
  queue(receiver.url());
  std::int64_t attempt = 0;
  for (const std::string& fault : faults) {
    SCOPED_TRACE(fault);
    EXPECT_TRUE(running->sender->run_once());
    EXPECT_FALSE(running->sender->run_once());
    EXPECT_NE(column("SELECT last_error FROM outbox"), "");
    clock_.pass_ms(store::retry_pause_ms(++attempt) - 1);
    EXPECT_FALSE(running->sender->run_once());
    clock_.pass_ms(1);
  }
  EXPECT_TRUE(running->sender->run_once());
  clock_.pass_ms(24 * 3'600'000);
  EXPECT_FALSE(running->sender->run_once());
  const auto requests = receiver.requests();
  ASSERT_EQ(requests.size(), 6u);
  for (auto request : requests) {
    EXPECT_EQ(request.fields["x-capsem-delivery"], column("SELECT id FROM outbox"));
  }
}

TEST_P(ASender, GivesUpAfterItsLastAttempt) {
  Receiver receiver;
  receiver.answer(std::vector<std::string>(3, "HTTP/1.1 500 Oops\r\n\r\n"));
  const auto running = make(options({receiver.url()}));
  queue(receiver.url());
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(running->sender->run_once());
    clock_.pass_ms(3'600'000);
  }
  EXPECT_FALSE(running->sender->run_once());
  EXPECT_EQ(receiver.requests().size(), 3u);
  EXPECT_EQ(column("SELECT last_error FROM outbox"), "status 500");
}

TEST_P(ASender, GoesOnAfterARestart) {
  Receiver receiver;
  receiver.answer({"HTTP/1.1 500 Oops\r\n\r\n"});
  queue(receiver.url());
  EXPECT_TRUE(make(options({receiver.url()}))->sender->run_once());
  clock_.pass_ms(1'000);
  EXPECT_TRUE(make(options({receiver.url()}))->sender->run_once());
  EXPECT_EQ(receiver.requests().size(), 2u);
}

TEST_P(ASender, GoesNowhereThatTheConfigurationDoesNotName) {
  Receiver receiver;
  const auto running = make(options({"https://ops.example/"}));
  queue(receiver.url());
  EXPECT_TRUE(running->sender->run_once());
  EXPECT_EQ(receiver.connections(), 0);
  EXPECT_NE(column("SELECT last_error FROM outbox").find("webhook_host"), std::string::npos);
}

TEST_P(ASender, TellsOfViolations) {
  Receiver receiver;
  const auto running = make(options({receiver.url()}));
  EXPECT_FALSE(running->sender->run_once());  // from now on
  ASSERT_TRUE(is_done(connection_->run(
      "INSERT INTO violation (id, tenant_id, integration_id, run_id, review_id, policy, rule, "
      "rule_name, type, severity, message, enforcement, phase, field, time_ms, status, "
      "resolution, note, changed_by) VALUES ('v1', 'default', '', 'run-1', '', 'pii', 'EMAIL', '', "
      "'pii', 'HIGH', 'm', 'WARN', 'input', '', $1, 'NEW', '', '', '')",
      {clock_.wall_ms()})));
  EXPECT_TRUE(running->sender->run_once());
  const auto requests = receiver.requests();
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_NE(requests[0].body.find(R"("id":"v1")"), std::string::npos);
}

TEST_P(ASender, TwoGatewaysDeliverEachMessageOnce) {
  constexpr int kMessages = 30;
  Receiver receiver;
  for (int i = 0; i < kMessages; ++i) queue(receiver.url(), std::to_string(i));
  {
    const auto one = make(options({receiver.url()}));
    const auto other = make(options({receiver.url()}));
    one->sender->start();
    other->sender->start();
    for (int i = 0; i < 2'000; ++i) {
      if (sql::count(*connection_, "SELECT count(*) FROM outbox WHERE delivered_ms IS NOT NULL") ==
          kMessages) {
        break;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
  std::set<std::string> bodies;
  for (const auto& request : receiver.requests()) bodies.insert(request.body);
  EXPECT_EQ(bodies.size(), static_cast<std::size_t>(kMessages));
  EXPECT_EQ(receiver.requests().size(), static_cast<std::size_t>(kMessages));
}

TEST_P(ASender, EndsWhileAReceiverIsSilent) {
  Receiver receiver;
  receiver.answer(std::vector<std::string>(4, "silence"));
  SenderOptions given = options({receiver.url()});
  given.post.timeout_ms = 3'600'000;
  const auto running = make(std::move(given));
  queue(receiver.url());
  running->sender->start();
  while (receiver.requests().empty()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  running->sender.reset();
  // Not counted as failed: the lease ends, and the next start tries again.
  EXPECT_EQ(column("SELECT last_error FROM outbox"), "");
}

}  // namespace
}  // namespace capsem::webhook
