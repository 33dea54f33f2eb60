// An admin API over a real SQLite file, with an audit and a gateway that do as the test says.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "server/admin/api.h"
#include "server/sql/schema.h"
#include "server/store/tenants.h"
#include "server/store/tokens.h"
#include "tests/unit/sql/databases.h"

namespace capsem::admin {

class TestClock final : public Clock {
 public:
  std::int64_t monotonic_ns() const override { return ms_.load() * 1'000'000; }
  std::int64_t wall_ms() const override { return 1'795'000'000'000 + ms_.load(); }
  void pass_ms(std::int64_t ms) { ms_ += ms; }

 private:
  std::atomic<std::int64_t> ms_{1'000};
};

// Keeps records, or says that it cannot.
class TestAudit final : public audit::Sink {
 public:
  using Sink::write;
  void write(const audit::Record& record, Written written) override {
    bool kept = false;
    {
      const std::scoped_lock lock(lock_);
      kept = !keeps_ || keeps_(record);
      if (kept) records_.push_back(record);
    }
    if (written) written(kept);
  }
  bool available() const override { return available_; }

  void set_keeps(std::function<bool(const audit::Record&)> keeps) {
    const std::scoped_lock lock(lock_);
    keeps_ = std::move(keeps);
  }
  std::vector<audit::Record> take() {
    const std::scoped_lock lock(lock_);
    return std::exchange(records_, {});
  }
  std::atomic<bool> available_{true};

 private:
  std::mutex lock_;
  std::function<bool(const audit::Record&)> keeps_;
  std::vector<audit::Record> records_;
};

struct Ask {
  std::string method, path;
  std::string body{}, query{}, token{};
  std::string content_type = "application/json";
  std::string origin{}, host = "127.0.0.1:8001", peer = "127.0.0.1";
  std::string authorization{};  // instead of the token
};

class ApiTest : public testing::Test {
 protected:
  void SetUp() override {
    target_ = {.kind = sql::Kind::Sqlite, .location = folder_.path("capsem.db")};
    connection_ = sql::opened(target_);
    ASSERT_NE(connection_, nullptr);
    ASSERT_TRUE(sql::is_done(sql::migrate(*connection_)));
    ASSERT_TRUE(sql::is_done(store::ensure_default_tenant(*connection_, clock_.wall_ms())));
    std::vector<Secret> keys;
    keys.push_back(vault::make_master_key());
    vault_ = std::make_shared<const vault::Vault>(std::move(keys));
    executor_ = std::make_unique<sql::Executor>(target_);
    admin_ = token("admin");
    start();
  }

  void TearDown() override {
    api_.reset();
    executor_.reset();
  }

  void start(Options options = {}) {
    options.base_url = "http://127.0.0.1:8000";
    hooks_.ready = [] { return true; };
    hooks_.metrics = [] { return std::string("capsem_up 1\n"); };
    hooks_.policies = [] {
      return PolicyView{
          .revision = "sha256:1",
          .policies = {{.id = "pii", .type = "pii", .source = "x", .mode = "enforce"}},
          .warnings = {},
          .last_reload = {}};
    };
    hooks_.vault = [this] { return vault_; };
    api_ = std::make_unique<Api>(std::move(options), hooks_, executor_.get(), audit_, clock_);
  }

  // An admin token, straight from the repository.
  std::string token(const std::string& role, const std::string& tenant = {},
                    std::int64_t expires_ms = 0) {
    auto made = store::create_token(
        *connection_,
        {.name = role + "-" + tenant, .role = role, .tenant = tenant, .expires_ms = expires_ms},
        clock_.wall_ms());
    EXPECT_TRUE(sql::is_done(made));
    return made ? std::string(made->token.reveal()) : "";
  }

  std::future<AdminReply> begin(const Ask& ask) {
    auto promise = std::make_shared<std::promise<AdminReply>>();
    auto future = promise->get_future();
    std::string authorization = ask.authorization;
    if (authorization.empty() && !ask.token.empty()) authorization = "Bearer " + ask.token;
    const AdminRequest request{.method = ask.method,
                               .path = ask.path,
                               .query = ask.query,
                               .content_type = ask.content_type,
                               .authorization = authorization,
                               .host = ask.host,
                               .origin = ask.origin,
                               .peer = ask.peer,
                               .body = ask.body};
    api_->handle(request, [promise](AdminReply reply) { promise->set_value(std::move(reply)); });
    return future;
  }
  AdminReply ask(const Ask& request) {
    auto future = begin(request);
    if (future.wait_for(std::chrono::seconds(30)) != std::future_status::ready) {
      ADD_FAILURE() << "no answer to " << request.method << " " << request.path;
      return {};
    }
    return future.get();
  }
  AdminReply post(const std::string& path, const std::string& body) {
    return ask({.method = "POST", .path = path, .body = body, .token = admin_});
  }
  AdminReply get(const std::string& path, const std::string& query = {}) {
    return ask({.method = "GET", .path = path, .query = query, .token = admin_});
  }
  std::int64_t count(std::string_view statement) { return sql::count(*connection_, statement); }

  // The first text member of this name, wherever it stands.
  static std::string member(const AdminReply& reply, const std::string& name) {
    const std::string start = "\"" + name + "\":\"";
    const auto at = reply.body.find(start);
    if (at == std::string::npos) return "";
    const auto begin = at + start.size();
    return reply.body.substr(begin, reply.body.find('"', begin) - begin);
  }
  static std::string code(const AdminReply& reply) { return member(reply, "code"); }

  std::string create_integration(const std::string& name, const std::string& with_token = {},
                                 const std::string& tenant = "default") {
    const AdminReply made =
        ask({.method = "POST",
             .path = "/v1/integrations",
             .body = R"({"name":")" + name + R"(","provider":"openai","tenant":")" + tenant +
                     R"(","provider_key":"sk-proj-CANARY0123456789"})",
             .token = with_token.empty() ? admin_ : with_token});
    EXPECT_EQ(made.status, 201) << made.body;
    return member(made, "id");
  }

  sql::Folder folder_;
  sql::Target target_;
  TestClock clock_;
  TestAudit audit_;
  Hooks hooks_;
  std::shared_ptr<const vault::Vault> vault_;
  std::unique_ptr<sql::Connection> connection_;
  std::unique_ptr<sql::Executor> executor_;
  std::unique_ptr<Api> api_;
  std::string admin_;
};

}  // namespace capsem::admin
