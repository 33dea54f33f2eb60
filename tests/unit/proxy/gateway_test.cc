// The gateway as one object over real sockets, with a judge and an admin handler that the tests
// drive: what cannot be seen in pure functions.
#include "server/proxy/gateway.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <future>
#include <mutex>
#include <string>
#include <thread>

namespace capsem::proxy {
namespace {

using policy::Verdict;
using testing::HasSubstr;
using testing::IsEmpty;

class TestClock final : public Clock {
 public:
  std::int64_t monotonic_ns() const override {
    return std::chrono::steady_clock::now().time_since_epoch().count();
  }
  std::int64_t wall_ms() const override { return 0; }
};

class Records final : public audit::Sink {
 public:
  using audit::Sink::write;
  void write(const audit::Record& record, Written written) override {
    {
      const std::scoped_lock lock(mutex_);
      records_.push_back(record);
    }
    if (written) written(true);
  }
  std::vector<audit::Record> take() {
    const std::scoped_lock lock(mutex_);
    return std::exchange(records_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<audit::Record> records_;
};

class Client {
 public:
  explicit Client(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval patience{5, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr generic{};
    std::memcpy(&generic, &address, sizeof address);
    EXPECT_EQ(::connect(fd_, &generic, sizeof generic), 0);
  }
  ~Client() { close(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

  void send(std::string_view bytes) { EXPECT_GT(::send(fd_, bytes.data(), bytes.size(), 0), 0); }
  // The whole answer, by its content-length.
  std::string receive() {
    std::string text;
    char buffer[4096];
    for (;;) {
      const auto head = text.find("\r\n\r\n");
      if (head != std::string::npos) {
        const auto length = text.find("content-length: ");
        const std::size_t size = std::stoul(text.substr(length + 16));
        if (text.size() >= head + 4 + size) return text;
      }
      const auto got = ::recv(fd_, buffer, sizeof buffer, 0);
      if (got <= 0) return text + "(ended)";
      text.append(buffer, static_cast<std::size_t>(got));
    }
  }

 private:
  int fd_;
};

std::string post(std::string_view path, std::string_view body, std::string_view fields = {}) {
  return "POST " + std::string(path) +
         " HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer k\r\n" + std::string(fields) +
         "content-length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

std::string status_of_answer(const std::string& answer) {
  return answer.substr(0, 12);
}

class GatewayTest : public testing::Test {
 protected:
  void start(PolicyJudge judge, AdminHandler admin = {}, std::uint32_t body_max = 4'096) {
    auto snapshot = policy::Snapshot::freeze(std::vector<policy::Policy>{}, "sha256:first");
    ASSERT_TRUE(snapshot) << snapshot.error().detail;
    Settings settings;
    settings.port = settings.admin_port = 0;
    settings.workers = 2;
    settings.engine.limits.request_bytes_max = body_max;
    Further further;
    further.admin = std::move(admin);
    further.judge = std::move(judge);
    gateway_ =
        std::make_unique<Gateway>(settings, *snapshot, records_, clock_, std::move(further));
    const Status started = gateway_->start(true);
    ASSERT_TRUE(started) << started.error().detail;
  }
  std::string ask(std::string_view path, std::string_view body, std::string_view fields = {}) {
    Client client(gateway_->port());
    client.send(post(path, body, fields));
    return client.receive();
  }
  // It may be written just after the client has read its answer.
  audit::Record only_record() {
    for (int i = 0; i < 500; ++i) {
      auto records = records_.take();
      if (!records.empty()) {
        EXPECT_EQ(records.size(), 1U);
        return records[0];
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    ADD_FAILURE() << "no record";
    return {};
  }

  TestClock clock_;
  Records records_;
  std::unique_ptr<Gateway> gateway_;
};

// Denies gpt-4 to all but premium agents.
Result<PolicyAnswer> deny_gpt4(const PolicyQuestion& question, const policy::Subject& subject,
                               const std::shared_ptr<const policy::Snapshot>&, engine::Workspace&) {
  EXPECT_EQ(question.run_id.size(), 36U);
  PolicyAnswer answer;
  if (subject.model == "gpt-4" && !subject.agent.starts_with("premium-")) {
    answer.verdict = Verdict::Block;
    answer.decided_by = "models/rest";
    answer.message = "Model gpt-4 is not allowed";
    answer.code = "model_blocked";
    answer.decisions = {{.policy = "models", .rule = "rest", .verdict = Verdict::Block}};
  }
  answer.explanation = R"({"agent":")" + std::string(subject.agent) + R"("})";
  return answer;
}

constexpr std::string_view kGpt4 = R"({"action":"llm.generate","resource":"model/gpt-4"})";

TEST_F(GatewayTest, R83_EnforceAnswersAndLeavesOneRecord) {
  start(deny_gpt4);
  const std::string denied = ask("/v1/policy/enforce", kGpt4);
  EXPECT_EQ(status_of_answer(denied), "HTTP/1.1 403");
  EXPECT_THAT(denied,
              HasSubstr(R"({"allowed":false,"verdict":"BLOCK","decided_by":"models/rest")"));
  EXPECT_THAT(denied, HasSubstr(R"("revision":"sha256:first")"));
  audit::Record record = only_record();
  EXPECT_EQ(record.path, "/v1/policy/enforce");
  EXPECT_EQ(record.status, 403);
  EXPECT_EQ(record.outcome, "evaluated");
  EXPECT_EQ(record.verdict, Verdict::Block);
  EXPECT_EQ(record.decided_by, "models/rest");
  EXPECT_EQ(record.revision, "sha256:first");
  EXPECT_EQ(record.model, "gpt-4");
  EXPECT_EQ(record.agent, "openai-direct");
  EXPECT_EQ(record.user_id.size(), 16U);
  EXPECT_EQ(record.upstream_status, 0);
  EXPECT_EQ(record.decisions.size(), 1U);

  const std::string allowed = ask("/v1/policy/enforce", kGpt4, "x-capsem-agent: premium-1\r\n");
  EXPECT_EQ(status_of_answer(allowed), "HTTP/1.1 200");
  EXPECT_THAT(allowed, HasSubstr(R"({"allowed":true,"verdict":"ALLOW")"));
  EXPECT_EQ(only_record().agent, "premium-1");
}

TEST_F(GatewayTest, R81_TheAgentMayStandInTheContextButNotBeAnother) {
  start(deny_gpt4);
  const auto agent = [&](std::string_view in_context, std::string_view fields) {
    return ask("/v1/policy/evaluate",
               R"({"model":"m","context":{"agent_id":")" + std::string(in_context) + "\"}}",
               fields);
  };
  EXPECT_THAT(agent("a", ""), HasSubstr(R"({"agent":"a"})"));
  EXPECT_THAT(agent("a", "x-controlzero-agent-id: a\r\n"), HasSubstr(R"({"agent":"a"})"));
  EXPECT_EQ(status_of_answer(agent(std::string(128, 'a'), "")), "HTTP/1.1 200");
  EXPECT_THAT(agent("a", "x-capsem-agent: b\r\n"), HasSubstr("two different agents"));
  EXPECT_EQ(status_of_answer(agent(std::string(129, 'a'), "")), "HTTP/1.1 400");
}

TEST_F(GatewayTest, TheCheckApiRefusesWhatItCannotRead) {
  start(deny_gpt4);
  struct Case {
    const char* path;
    std::string body;
    const char* fields;
    const char* status;
    const char* says;
  };
  for (const Case& c : {
           Case{"/v1/policy/enforce", "{", "", "400", R"({"detail":"Invalid JSON in request body)"},
           Case{"/v1/policy/enforce", R"({"action":"a","action":"b"})", "", "400", "Invalid JSON"},
           Case{"/v1/policy/enforce", R"({"acton":"a"})", "", "400",
                R"({"detail":"unknown member 'acton'"})"},
           Case{"/v1/policy/enforce", R"({"acton":"a"})", "x-capsem-error-format: openai\r\n",
                "400", R"("code":"unknown_member"})"},
           Case{"/v1/evaluate", R"({"inptu":"a"})", "", "400",
                R"({"errors":[{"message":"unknown member 'inptu'"}]})"},
           Case{"/v1/evaluate", R"({"input":"a"})", "content-encoding: gzip\r\n", "415",
                "identity"},
           Case{"/v1/policy/evaluate", std::string(4'097, ' '), "", "413", "too large"},
           Case{"/v1/policy/evaluate", R"({"prompt":"x"})", "x-capsem-agent: a\tb\r\n", "400",
                "agent"},
       }) {
    SCOPED_TRACE(c.body.substr(0, 60));
    const std::string answer = ask(c.path, c.body, c.fields);
    EXPECT_EQ(answer.substr(9, 3), c.status);
    EXPECT_THAT(answer, HasSubstr(c.says));
    EXPECT_EQ(only_record().upstream_status, 0);
  }
  std::string fits = R"({"prompt":"x"})";
  fits.resize(4'096, ' ');
  EXPECT_EQ(ask("/v1/policy/evaluate", fits).substr(9, 3), "200");
}

TEST_F(GatewayTest, TheCheckApiWantsAKeyAndAJudge) {
  start({});
  EXPECT_EQ(ask("/v1/policy/enforce", kGpt4).substr(9, 3), "404");
  gateway_.reset();
  start(deny_gpt4);
  Client client(gateway_->port());
  client.send("POST /v1/policy/enforce HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}");
  EXPECT_EQ(client.receive().substr(9, 3), "422");
}

TEST_F(GatewayTest, AJudgeThatFailsForbids) {
  start([](const PolicyQuestion&, const policy::Subject&,
           const std::shared_ptr<const policy::Snapshot>&,
           engine::Workspace&) -> Result<PolicyAnswer> { return gateway_error("broken", "x"); });
  const std::string answer = ask("/v1/policy/enforce", kGpt4);
  EXPECT_EQ(answer.substr(9, 3), "403");
  EXPECT_THAT(answer, HasSubstr("inspection failed"));
  EXPECT_EQ(only_record().error_code, "inspection_failed");
}

TEST_F(GatewayTest, ACallerWhoLeavesLeavesARecord) {
  start(deny_gpt4);
  Client client(gateway_->port());
  client.send(
      "POST /v1/policy/enforce HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer k\r\n"
      "content-length: 100\r\n\r\n{");
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  client.close();
  const audit::Record record = only_record();
  EXPECT_EQ(record.outcome, "client_gone");
  EXPECT_EQ(record.status, 499);
}

TEST_F(GatewayTest, OneConnectionAsksAgainAndAgain) {
  start(deny_gpt4);
  Client client(gateway_->port());
  for (int i = 0; i < 20; ++i) {
    client.send(post("/v1/policy/enforce", kGpt4));
    EXPECT_EQ(client.receive().substr(9, 3), "403");
    EXPECT_EQ(only_record().status, 403);
  }
}

TEST_F(GatewayTest, AnAdminReplyMayComeLaterAndFromAnotherThread) {
  std::promise<AdminRespond> asked;
  std::string seen;
  start({}, [&](const AdminRequest& request, AdminRespond respond) {
    seen = std::string(request.method) + " " + std::string(request.path) + " " +
           std::string(request.content_type) + " " + (request.origin.empty() ? "-" : "o") + " " +
           std::string(request.body);
    asked.set_value(std::move(respond));
  });
  Client client(gateway_->admin_port());
  client.send(post("/v1/x?a=b", "{}", "content-type: application/json\r\norigin: null\r\n"));
  AdminRespond respond = asked.get_future().get();
  EXPECT_EQ(seen, "POST /v1/x application/json o {}");
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  std::thread([&] { respond({.status = 202, .body = "later"}); }).join();
  const std::string answer = client.receive();
  EXPECT_EQ(answer.substr(9, 3), "202");
  EXPECT_THAT(answer, testing::EndsWith("later"));
  EXPECT_THAT(records_.take(), IsEmpty());
}

TEST_F(GatewayTest, AnAdminReplyForOneWhoLeftGoesNowhere) {
  std::vector<AdminRespond> late;
  std::mutex mutex;
  start({}, [&](const AdminRequest& request, AdminRespond respond) {
    if (request.path == "/now") return respond({.body = "now"});
    const std::scoped_lock lock(mutex);
    late.push_back(std::move(respond));
  });
  for (int i = 0; i < 20; ++i) {
    Client client(gateway_->admin_port());
    client.send(post("/later", "{}"));
  }
  const auto arrived = [&] {
    const std::scoped_lock lock(mutex);
    return late.size() == 20;
  };
  for (int i = 0; i < 500 && !arrived(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  ASSERT_TRUE(arrived());
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  for (const AdminRespond& respond : late) respond({.body = "late"});
  Client client(gateway_->admin_port());
  client.send(post("/now", "{}"));
  EXPECT_THAT(client.receive(), testing::EndsWith("now"));
}

TEST_F(GatewayTest, Item14_ANewSnapshotIsTakenByEveryLoop) {
  start(deny_gpt4);
  for (int i = 0; i < 50; ++i) {
    const std::string revision = "sha256:" + std::to_string(i);
    auto snapshot = policy::Snapshot::freeze(std::vector<policy::Policy>{}, revision);
    ASSERT_TRUE(snapshot);
    std::promise<void> taken;
    gateway_->set_snapshot(*snapshot, [&] { taken.set_value(); });
    ASSERT_EQ(taken.get_future().wait_for(std::chrono::seconds(5)), std::future_status::ready);
    for (int k = 0; k < 3; ++k) {
      EXPECT_THAT(ask("/v1/policy/enforce", kGpt4), HasSubstr(R"("revision":")" + revision + '"'));
    }
  }
}

}  // namespace
}  // namespace capsem::proxy
