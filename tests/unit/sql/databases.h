// What the tests of this folder share: a database of either kind.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>

#include "server/sql/database.h"
#include "tests/support/postgres_server.h"

namespace capsem::sql {

// A folder that goes with the test.
class Folder {
 public:
  Folder() {
    std::string made = (std::filesystem::temp_directory_path() / "capsem-sql-XXXXXX").string();
    if (::mkdtemp(made.data()) == nullptr) ADD_FAILURE() << "mkdtemp";
    path_ = made;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string path(const std::string& name = {}) const {
    return name.empty() ? path_ : path_ + "/" + name;
  }

 private:
  std::string path_;
};

inline std::unique_ptr<Connection> opened(const Target& target) {
  auto made = open(target);
  if (!made) {
    ADD_FAILURE() << describe(target) << ": " << made.error().code << " " << made.error().detail;
    return nullptr;
  }
  return std::move(*made);
}

template <class T>
std::string code_of(const Result<T>& result) {
  return result ? "" : result.error().code;
}

template <class T>
testing::AssertionResult is_done(const Result<T>& result) {
  if (result) return testing::AssertionSuccess();
  return testing::AssertionFailure() << result.error().code << ": " << result.error().detail;
}
#define EXPECT_DONE(result) EXPECT_TRUE(is_done(result))

inline std::int64_t count(Connection& connection, std::string_view statement) {
  std::int64_t value = -1;
  EXPECT_DONE(connection.run(statement, {}, [&](const Row& row) { value = row.number(0); }));
  return value;
}

// Every test of this fixture runs with both databases.
class BothDatabases : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    if (GetParam() == Kind::Sqlite) {
      target_.location = folder_.path("capsem.db");
    } else {
      if (test::PostgresServer::left_out()) GTEST_SKIP() << "CAPSEM_TEST_WITHOUT_POSTGRES=1";
      auto* server = test::PostgresServer::shared();
      ASSERT_NE(server, nullptr) << test::PostgresServer::why_not();
      target_.kind = Kind::Postgres;
      target_.location = server->new_database();
      // The machine may be busy; tests of the limits themselves set their own.
      target_.statement_ms = target_.connect_ms = 20'000;
    }
    connection_ = opened(target_);
    ASSERT_NE(connection_, nullptr);
  }

  Folder folder_;
  Target target_;
  std::unique_ptr<Connection> connection_;
};

inline std::string name_of_kind(const testing::TestParamInfo<Kind>& info) {
  return info.param == Kind::Sqlite ? "Sqlite" : "Postgres";
}

}  // namespace capsem::sql
