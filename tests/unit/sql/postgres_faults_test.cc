// What a PostgreSQL server does to us when it is stopped, killed, slow or told to end (promises 15
// and 16). A real server; nothing here depends on how fast it is.
#include <gmock/gmock.h>

#include <chrono>
#include <future>
#include <thread>

#include "server/sql/executor.h"
#include "server/sql/postgres_error.h"
#include "tests/unit/sql/databases.h"

namespace capsem::sql {
namespace {

using test::PostgresServer;
using testing::HasSubstr;
using testing::Not;

class PostgresFaults : public testing::Test {
 protected:
  void SetUp() override {
    if (PostgresServer::left_out()) GTEST_SKIP() << "CAPSEM_TEST_WITHOUT_POSTGRES=1";
    server_ = PostgresServer::shared();
    ASSERT_NE(server_, nullptr) << PostgresServer::why_not();
    target_ = {.kind = Kind::Postgres,
               .location = server_->new_database(),
               .busy_ms = 20'000,
               .statement_ms = 20'000,
               .connect_ms = 20'000};
    connection_ = opened(target_);
    ASSERT_NE(connection_, nullptr);
    EXPECT_DONE(connection_->run("CREATE TABLE thing (id BIGINT PRIMARY KEY)"));
    quick_ = target_;
    quick_.statement_ms = quick_.connect_ms = 400;
  }
  void TearDown() override {
    if (server_ != nullptr) server_->heal();
  }
  static Status add(Connection& connection, std::int64_t id) {
    return in_transaction(connection, [&]() -> Status {
      auto done = connection.run("INSERT INTO thing VALUES ($1)", {id});
      if (!done) return std::unexpected(done.error());
      return {};
    });
  }
  std::int64_t things() { return count(*opened(target_), "SELECT count(*) FROM thing"); }
  // A connection that gives up soon. While the machine is busy the server may not even answer in
  // that time: then another one.
  std::unique_ptr<Connection> quick_connection() const {
    for (int tries = 0; tries < 50; ++tries) {
      auto made = open(quick_);
      if (made) return std::move(*made);
    }
    ADD_FAILURE() << "no connection";
    return nullptr;
  }

  PostgresServer* server_ = nullptr;
  Target target_, quick_;
  std::unique_ptr<Connection> connection_;
};

TEST_F(PostgresFaults, AServerThatIsStoppedIsGoneAfterTheStatementsTime) {
  const auto connection = quick_connection();
  ASSERT_NE(connection, nullptr);
  server_->pause();
  const auto before = std::chrono::steady_clock::now();
  EXPECT_EQ(code_of(connection->run("SELECT 1")), "store_gone");
  const auto took = std::chrono::steady_clock::now() - before;
  EXPECT_GE(took, std::chrono::milliseconds(400));
  EXPECT_LT(took, std::chrono::seconds(20)) << "and not after the network's own time";
  EXPECT_FALSE(connection->usable());
  EXPECT_EQ(code_of(connection->run("SELECT 1")), "store_gone");
  EXPECT_EQ(code_of(open(quick_)), "store_gone") << "the system still takes connections";
  server_->resume();
  EXPECT_DONE(add(*connection_, 1));
}

TEST_F(PostgresFaults, ALargeStatementToAStoppedServerEndsAsWell) {
  const auto connection = quick_connection();
  ASSERT_NE(connection, nullptr);
  EXPECT_DONE(connection->run("CREATE TABLE large (word TEXT)"));
  server_->pause();
  const std::string large(32u << 20, 'x');  // more than all the buffers on the way
  EXPECT_EQ(code_of(connection->run("INSERT INTO large VALUES ($1)", {std::string_view(large)})),
            "store_gone");
}

TEST_F(PostgresFaults, ACommitWithoutAnswerIsKeptWholeOrNotAtAll) {
  const auto connection = quick_connection();
  ASSERT_NE(connection, nullptr);
  EXPECT_DONE(connection->begin());
  EXPECT_DONE(connection->run("INSERT INTO thing VALUES (1), (2)"));
  server_->pause();
  EXPECT_EQ(code_of(connection->commit()), "store_gone");
  EXPECT_FALSE(connection->usable());
  connection->rollback();
  server_->resume();
  EXPECT_THAT(things(), testing::AnyOf(0, 2));
}

TEST_F(PostgresFaults, AKilledServerLosesNothingThatWasAcknowledged) {
  EXPECT_DONE(add(*connection_, 1));
  EXPECT_DONE(connection_->begin());
  EXPECT_DONE(connection_->run("INSERT INTO thing VALUES (2)"));
  server_->kill();
  EXPECT_EQ(code_of(connection_->run("INSERT INTO thing VALUES (3)")), "store_gone");
  EXPECT_EQ(code_of(connection_->commit()), "store_gone");
  EXPECT_FALSE(connection_->usable());
  EXPECT_EQ(code_of(open(target_)), "store_gone");
  server_->start();
  EXPECT_EQ(things(), 1);
}

TEST_F(PostgresFaults, AConnectionThatWasEndedIsSeenBeforeItIsUsed) {
  EXPECT_TRUE(connection_->usable());
  server_->end_sessions();
  while (connection_->usable()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_EQ(code_of(connection_->run("SELECT 1")), "store_gone");
}

TEST_F(PostgresFaults, ASlowStatementIsEndedByTheServer) {
  const auto connection = quick_connection();
  ASSERT_NE(connection, nullptr);
  EXPECT_EQ(code_of(connection->run("SELECT pg_sleep(100)")), "store_gone");
  EXPECT_FALSE(connection->usable());
  // Not only by us: nothing of it runs on.
  const auto running = [&] {
    return count(*connection_,
                 "SELECT count(*) FROM pg_stat_activity"
                 " WHERE query LIKE '%pg_sleep(100)%' AND state = 'active'"
                 " AND pid <> pg_backend_pid()");
  };
  while (running() > 0) std::this_thread::sleep_for(std::chrono::milliseconds(20));
}

TEST_F(PostgresFaults, TheExecutorFindsTheServerAgain) {
  Executor executor(quick_);
  const auto ask = [&] {
    std::promise<std::string> told;
    EXPECT_TRUE(executor.submit([&](Result<Connection*> connection) {
      told.set_value(connection ? code_of((*connection)->run("SELECT 1"))
                                : connection.error().code);
    }));
    return told.get_future().get();
  };
  const auto until = [&](const std::string& code) {
    while (ask() != code) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  };
  until("");
  server_->kill();
  until("store_gone");
  EXPECT_EQ(ask(), "store_gone");
  while (executor.healthy()) std::this_thread::yield();
  server_->start();
  until("");
  server_->pause();
  until("store_gone");
  server_->resume();
  until("");
}

TEST_F(PostgresFaults, TheServersDefaultsDoNotWeakenWhatIsAcknowledged) {
  EXPECT_DONE(connection_->run("ALTER ROLE capsem SET synchronous_commit = off"));
  EXPECT_DONE(
      connection_->run("ALTER ROLE capsem SET default_transaction_isolation = serializable"));
  std::string seen;
  EXPECT_DONE(opened(target_)->run(
      "SELECT current_setting('synchronous_commit'), current_setting('transaction_isolation')", {},
      [&](const Row& row) { seen = std::string(row.text(0)) + " " + std::string(row.text(1)); }));
  EXPECT_EQ(seen, "on read committed");
  EXPECT_DONE(connection_->run("ALTER ROLE capsem RESET ALL"));
}

TEST_F(PostgresFaults, ADatabaseWithAnotherEncodingIsRefused) {
  EXPECT_DONE(connection_->run("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0"));
  Target other = target_;
  other.location.replace(other.location.find("dbname="), std::string::npos, "dbname=latin");
  const auto made = open(other);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, "store_invalid");
  EXPECT_THAT(made.error().detail, HasSubstr("UTF8"));
}

struct CodeCase {
  const char* sqlstate;
  const char* code;
};
TEST(PostgresErrors, SayWhoHasToAct) {
  constexpr CodeCase kCases[] = {
      {"", "store_gone"},          {"08006", "store_gone"},     {"57P01", "store_gone"},
      {"57P02", "store_gone"},     {"57P03", "store_gone"},     {"57014", "store_gone"},
      {"25006", "store_gone"},     {"25P03", "store_gone"},     {"53300", "store_gone"},
      {"53100", "store_full"},     {"53400", "store_full"},     {"53200", "store_busy"},
      {"55P03", "store_busy"},     {"40001", "store_busy"},     {"40P01", "store_busy"},
      {"23505", "store_conflict"}, {"23503", "store_conflict"}, {"23514", "store_conflict"},
      {"P0001", "store_conflict"}, {"58030", "store_io"},       {"08P01", "store_invalid"},
      {"42601", "store_invalid"},  {"42P01", "store_invalid"},  {"22021", "store_invalid"},
      {"XX001", "store_invalid"},  {"25P02", "store_invalid"},  {"99999", "store_invalid"},
  };
  for (const CodeCase& c : kCases) EXPECT_STREQ(postgres_code(c.sqlstate), c.code) << c.sqlstate;
}

struct PlaceCase {
  const char* url;
  const char* shown;  // null: refused
};
TEST(Targets, AreDescribedWithoutPasswords) {
  constexpr PlaceCase kCases[] = {
      {"postgres://ann:secret-of-ours@db.example/capsem", "postgres db.example:5432/capsem"},
      {"postgresql://ann:secret-of-ours@db.example:5433/x", "postgres db.example:5433/x"},
      {"postgres://db.example", "postgres db.example:5432/"},
      {"postgres://a,b:5433/x?password=secret-of-ours", "postgres a,b:,5433/x"},
      {"host=/run/pg user=ann password=secret-of-ours dbname=x", "postgres /run/pg:5432/x"},
      {"postgres://ann:secret-of-ours%@db.example/capsem", nullptr},
      {"postgres://ann:secret-of-ours@db.example:x y/capsem?nothing=1", nullptr},
      {"mysql://ann:secret-of-ours@db.example/capsem", nullptr},
      {"secret-of-ours", nullptr},
  };
  for (const PlaceCase& c : kCases) {
    SCOPED_TRACE(c.url);
    const auto target = target_of("data", c.url);
    if (c.shown == nullptr) {
      ASSERT_FALSE(target);
      EXPECT_EQ(target.error().code, "store_invalid");
      EXPECT_THAT(target.error().detail, Not(HasSubstr("secret-of-ours")));
    } else {
      ASSERT_TRUE(target) << target.error().detail;
      EXPECT_EQ(target->kind, Kind::Postgres);
      EXPECT_EQ(describe(*target), c.shown);
    }
  }
  EXPECT_EQ(describe(*target_of("some/data", "")), "sqlite some/data/capsem.db");
  EXPECT_EQ(describe(*target_of("/data/", "")), "sqlite /data/capsem.db");
}

TEST(Targets, AServerThatIsNotThereIsSaidWithoutThePassword) {
  const auto made =
      open({.kind = Kind::Postgres, .location = "postgres://ann:secret-of-ours@127.0.0.1:1/x"});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, "store_gone");
  EXPECT_THAT(made.error().detail, HasSubstr("127.0.0.1"));
  EXPECT_THAT(made.error().detail, Not(HasSubstr("secret-of-ours")));
}

}  // namespace
}  // namespace capsem::sql
