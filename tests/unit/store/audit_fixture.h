// What the audit's tests share: records, writers of a database of either kind, and a connection
// that fails when it is told to.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/audit/record.h"
#include "server/store/audit_query.h"
#include "server/store/audit_verify.h"
#include "server/store/audit_writer.h"
#include "tests/unit/store/store_database.h"

namespace capsem::store {

constexpr std::uint32_t kLongMs = 30'000;  // tests do not depend on how busy the machine is

class RunningClock final : public Clock {
 public:
  std::int64_t monotonic_ns() const override {
    return std::chrono::steady_clock::now().time_since_epoch().count();
  }
  std::int64_t wall_ms() const override { return now_ms.load(); }
  std::atomic<std::int64_t> now_ms{1'795'000'000'000};
};

// A version 7 UUID of this time.
inline std::string run_id_of(std::int64_t wall_ms, int number) {
  char text[64];
  std::snprintf(text, sizeof text, "%08llx-%04llx-7000-8000-%012x",
                static_cast<unsigned long long>(wall_ms) >> 16,
                static_cast<unsigned long long>(wall_ms) & 0xffff, static_cast<unsigned>(number));
  return text;
}

inline audit::Record allowed_record(int number, std::int64_t wall_ms = 1'795'000'000'000) {
  audit::Record r;
  r.dialect = "openai_chat";
  r.model = "gpt-5-nano";
  r.revision = "sha256:ab";
  r.request_id = "req_" + std::to_string(number);
  r.run_id = run_id_of(wall_ms, number);
  r.user_id = "0011223344556677";
  r.tenant = "default";
  r.method = "POST";
  r.path = "/v1/chat/completions";
  r.provider = "openai";
  r.status = 200;
  r.outcome = "complete";
  r.evaluated = true;
  r.usage = {.input_tokens = 10, .output_tokens = 5, .total_tokens = 15, .known = true};
  r.cost_nano = 1'500;
  r.started_wall_ms = wall_ms;
  return r;
}

inline audit::Record blocked_record(int number, std::int64_t wall_ms = 1'795'000'000'000) {
  audit::Record r = allowed_record(number, wall_ms);
  r.verdict = policy::Verdict::Block;
  r.status = 403;
  r.outcome = "blocked";
  r.usage = {};
  r.cost_nano.reset();
  r.decisions.push_back({.id = "0123456789ab",
                         .policy = "Debug",
                         .rule = "capsem_block",
                         .verdict = policy::Verdict::Block,
                         .reason = policy::Reason::PolicyViolation,
                         .details = "Detected 'capsem_block' in prompt"});
  return r;
}

class AuditDatabase : public StoreDatabase {
 protected:
  AuditWriterOptions options() const {
    AuditWriterOptions options;
    options.target = target_;
    options.gateway = "one";
    options.write_ms_max = kLongMs;
    options.flush_ms_max = kLongMs;
    options.group_ms = 0;
    options.lazy_ms = 1;
    options.retry_ms = 1;
    options.retry_ms_max = 5;
    return options;
  }
  std::unique_ptr<AuditWriter> start(AuditWriterOptions options, AuditContentParts parts = {}) {
    auto writer = AuditWriter::start(std::move(options), running_, std::move(parts));
    if (!writer) {
      ADD_FAILURE() << writer.error().detail;
      return nullptr;
    }
    return std::move(*writer);
  }
  AuditReport verify(const std::string& anchor = {}) {
    auto report = verify_audit(*connection_, {.anchor = anchor});
    if (!report) {
      ADD_FAILURE() << report.error().code << ": " << report.error().detail;
      return {};
    }
    return std::move(*report);
  }
  void expect_sound() {
    const AuditReport report = verify();
    for (const AuditFault& fault : report.faults) {
      ADD_FAILURE() << fault.gateway << " " << fault.segment << " " << fault.seq << ": "
                    << fault.what;
    }
  }
  std::vector<std::string> run_ids(const std::string& gateway = "one") {
    std::vector<std::string> ids;
    EXPECT_DONE(connection_->run(
        "SELECT r.run_id FROM audit_record r JOIN audit_segment s ON s.id = r.segment "
        "WHERE s.gateway = $1 AND r.kind <> 'admin' ORDER BY r.segment, r.seq",
        {std::string_view(gateway)}, [&](const sql::Row& row) { ids.emplace_back(row.text(0)); }));
    return ids;
  }
  std::int64_t count(std::string_view statement) { return sql::count(*connection_, statement); }

  RunningClock running_;
};

// Waits for the answer to one record.
class Answer {
 public:
  audit::Sink::Written callback() {
    return [this](bool kept) { promise_.set_value(kept); };
  }
  bool get() { return promise_.get_future().get(); }

 private:
  std::promise<bool> promise_;
};

// Says which calls fail, and how. Shared by the connections of one writer.
struct FaultPlan {
  enum class When { Before, After };  // nothing is done; it is done, and nobody hears of it
  int calls_until = -1;               // the call that fails; below 0: none
  int length = 1;                     // calls in a row
  std::atomic<bool> down{false};      // every call fails
  std::string code = "store_io";
  When when = When::Before;
  std::atomic<int> calls{0}, struck{0};

  bool strikes() {
    if (down.load()) return true;
    const int call = calls.fetch_add(1);
    const bool hit = calls_until >= 0 && call >= calls_until && call < calls_until + length;
    struck += hit;
    return hit;
  }
};

class FaultyConnection final : public sql::Connection {
 public:
  FaultyConnection(std::unique_ptr<sql::Connection> real, FaultPlan& plan)
      : real_(std::move(real)), plan_(plan) {}

  sql::Kind kind() const override { return real_->kind(); }
  using sql::Connection::run;
  Result<std::uint64_t> run(std::string_view statement, std::span<const sql::Value> values,
                            const sql::OnRow& on_row) override {
    if (!plan_.strikes()) return real_->run(statement, values, on_row);
    if (plan_.when == FaultPlan::When::After) (void)real_->run(statement, values, on_row);
    return std::unexpected(fault());
  }
  Status begin() override {
    if (!plan_.strikes()) return real_->begin();
    return std::unexpected(fault());
  }
  Status commit() override {
    if (!plan_.strikes()) return real_->commit();
    if (plan_.when == FaultPlan::When::After) {
      (void)real_->commit();
    } else {
      real_->rollback();
    }
    return std::unexpected(fault());
  }
  void rollback() noexcept override { real_->rollback(); }
  bool usable() const override { return usable_ && real_->usable(); }

 private:
  Error fault() {
    if (plan_.code == "store_io" || plan_.code == "store_gone") usable_ = false;
    return {Fault::Gateway, plan_.code, "made up"};
  }
  std::unique_ptr<sql::Connection> real_;
  FaultPlan& plan_;
  bool usable_ = true;
};

}  // namespace capsem::store
