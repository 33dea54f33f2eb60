// What the tests of this folder share: a database of either kind with its schema, and a clock that
// stands still.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "core/base/clock.h"
#include "server/sql/schema.h"
#include "tests/unit/sql/databases.h"

namespace capsem::store {

using sql::code_of;
using sql::is_done;

class StillClock final : public Clock {
 public:
  std::int64_t monotonic_ns() const override { return now_ns; }
  std::int64_t wall_ms() const override { return now_ms; }
  void pass_ms(std::int64_t ms) {
    now_ns += ms * 1'000'000;
    now_ms += ms;
  }
  void set(const StillClock& other) {
    now_ns = other.now_ns.load();
    now_ms = other.now_ms.load();
  }
  std::atomic<std::int64_t> now_ns = 1'000'000'000, now_ms = 1'795'000'000'000;
};

class StoreDatabase : public sql::BothDatabases {
 protected:
  void SetUp() override {
    BothDatabases::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    ASSERT_TRUE(is_done(sql::migrate(*connection_)));
  }
  std::unique_ptr<sql::Connection> another() { return sql::opened(target_); }

  StillClock clock_;
};

#define CAPSEM_ON_BOTH_DATABASES(fixture)                                                         \
  INSTANTIATE_TEST_SUITE_P(                                                                       \
      Both, fixture, testing::Values(::capsem::sql::Kind::Sqlite, ::capsem::sql::Kind::Postgres), \
      ::capsem::sql::name_of_kind)

}  // namespace capsem::store
