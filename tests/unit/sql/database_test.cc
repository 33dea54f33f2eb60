// The contract of database.h, the same for both databases.
#include "server/sql/database.h"

#include <gmock/gmock.h>

#include <limits>
#include <stdexcept>
#include <vector>

#include "tests/unit/sql/databases.h"

namespace capsem::sql {
namespace {

using namespace std::string_view_literals;
using testing::HasSubstr;
using testing::Not;

class Database : public BothDatabases {
 protected:
  void SetUp() override {
    BothDatabases::SetUp();
    if (!connection_) return;
    EXPECT_DONE(
        connection_->run("CREATE TABLE thing (id BIGINT PRIMARY KEY, word TEXT, bytes BYTEA)"));
    EXPECT_DONE(
        connection_->run("CREATE TABLE part (id BIGINT PRIMARY KEY,"
                         " thing_id BIGINT NOT NULL REFERENCES thing(id))"));
  }
  Result<std::uint64_t> add(std::int64_t id, Connection& connection) {
    return connection.run("INSERT INTO thing (id) VALUES ($1)", {id});
  }
  Result<std::uint64_t> add(std::int64_t id) { return add(id, *connection_); }
  std::int64_t things() { return count(*connection_, "SELECT count(*) FROM thing"); }
};
INSTANTIATE_TEST_SUITE_P(Both, Database, testing::Values(Kind::Sqlite, Kind::Postgres),
                         name_of_kind);

TEST_P(Database, KeepsNumbersAsTheyAre) {
  std::int64_t id = 0;
  for (const std::int64_t number :
       {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1}, std::int64_t{1} << 40,
        std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min()}) {
    SCOPED_TRACE(number);
    EXPECT_DONE(connection_->run("DELETE FROM thing"));
    EXPECT_DONE(add(number));
    EXPECT_DONE(connection_->run("SELECT id FROM thing WHERE id = $1", {number},
                                 [&](const Row& row) { id = row.number(0); }));
    EXPECT_EQ(id, number);
  }
}

struct TextCase {
  const char* name;
  std::string_view given, kept;
};
const TextCase kTexts[] = {
    {"empty is not NULL", "", ""},
    {"quotes are not syntax (T27)", "' OR 1=1; DROP TABLE thing; --",
     "' OR 1=1; DROP TABLE thing; --"},
    {"parameters are not looked for in values", "$1 $2 ?1 :a @b", "$1 $2 ?1 :a @b"},
    {"backslashes", "\\x00 \\' \\\\", "\\x00 \\' \\\\"},
    {"every length of UTF-8", "a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80",
     "a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80"},
    {"the last character", "\xF4\x8F\xBF\xBF", "\xF4\x8F\xBF\xBF"},
    {"NUL", "a\0b"sv,
     "a\xEF\xBF\xBD"
     "b"},
    {"NUL behind eight bytes", "12345678\0"sv, "12345678\xEF\xBF\xBD"},
    {"a byte that begins nothing",
     "a\xFF"
     "b",
     "a\xEF\xBF\xBD"
     "b"},
    {"a continuation alone", "\x80", "\xEF\xBF\xBD"},
    {"cut in a character", "\xE2\x82", "\xEF\xBF\xBD\xEF\xBF\xBD"},
    {"a longer spelling than needed", "\xC0\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD"},
    {"a longer spelling, three bytes", "\xE0\x80\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
    {"a surrogate", "\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
    {"beyond the last character", "\xF4\x90\x80\x80",
     "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
};

TEST_P(Database, KeepsTextsAlikeInBoth) {
  std::int64_t id = 0;
  for (const TextCase& c : kTexts) {
    SCOPED_TRACE(c.name);
    EXPECT_DONE(connection_->run("INSERT INTO thing (id, word) VALUES ($1, $2)", {++id, c.given}));
    std::string kept = "no row";
    EXPECT_DONE(connection_->run("SELECT word FROM thing WHERE id = $1 AND word = $2",
                                 {id, c.given}, [&](const Row& row) {
                                   EXPECT_FALSE(row.is_null(0));
                                   kept = row.text(0);
                                 }));
    EXPECT_EQ(kept, c.kept);
  }
}

TEST_P(Database, KeepsBytesAsTheyAre) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  std::int64_t id = 0;
  for (const std::string& bytes : {std::string(), std::string(1, '\0'), all,
                                   std::string(1 << 20, '\xFE'), std::string("\\x41")}) {
    SCOPED_TRACE(bytes.size());
    EXPECT_DONE(
        connection_->run("INSERT INTO thing (id, bytes) VALUES ($1, $2)", {++id, Blob{bytes}}));
    bool found = false;
    EXPECT_DONE(connection_->run("SELECT bytes, id FROM thing WHERE bytes = $1", {Blob{bytes}},
                                 [&](const Row& row) {
                                   found = true;
                                   EXPECT_FALSE(row.is_null(0));
                                   EXPECT_EQ(row.blob(0), bytes);
                                   EXPECT_EQ(row.text(0), bytes);
                                   EXPECT_EQ(row.number(1), id);
                                   EXPECT_EQ(row.text(1), std::to_string(id));
                                 }));
    EXPECT_TRUE(found);
  }
}

TEST_P(Database, NullIsNeitherEmptyNorZero) {
  EXPECT_DONE(
      connection_->run("INSERT INTO thing (id, word, bytes) VALUES ($1, $2, $3)", {1, {}, {}}));
  EXPECT_DONE(connection_->run("INSERT INTO thing (id, word, bytes) VALUES ($1, $2, $3)",
                               {2, "", Blob{""}}));
  int rows = 0;
  EXPECT_DONE(
      connection_->run("SELECT word, bytes FROM thing ORDER BY id", {}, [&](const Row& row) {
        EXPECT_EQ(row.is_null(0), rows == 0);
        EXPECT_EQ(row.is_null(1), rows == 0);
        EXPECT_EQ(row.text(0), "");
        EXPECT_EQ(row.blob(1), "");
        EXPECT_EQ(row.number(0), 0);
        ++rows;
      }));
  EXPECT_EQ(rows, 2);
}

TEST_P(Database, ParametersCountByTheirNumbers) {
  std::string seen;
  EXPECT_DONE(
      connection_->run("SELECT $3, $1, $2, $1", {"one", "two", "three"}, [&](const Row& row) {
        for (int i = 0; i < 4; ++i) seen += std::string(row.text(i)) + " ";
      }));
  EXPECT_EQ(seen, "three one two one ");
}

TEST_P(Database, SumsAndTruthReadAsNumbers) {
  EXPECT_DONE(add(1));
  EXPECT_DONE(add(41));
  EXPECT_DONE(connection_->run("SELECT sum(id), count(*) > 1, count(*) > 2 FROM thing", {},
                               [](const Row& row) {
                                 EXPECT_EQ(row.number(0), 42);
                                 EXPECT_EQ(row.number(1), 1);
                                 EXPECT_EQ(row.number(2), 0);
                               }));
}

TEST_P(Database, TellsHowManyRowsChanged) {
  EXPECT_EQ(connection_->run("INSERT INTO thing (id, word) VALUES (1, 'a'), (2, 'a')"), 2u);
  EXPECT_EQ(connection_->run("SELECT * FROM thing"), 0u);
  EXPECT_EQ(connection_->run("UPDATE thing SET word = 'b'"), 2u);
  EXPECT_EQ(connection_->run("UPDATE thing SET word = 'c' WHERE id = 3"), 0u);
  EXPECT_EQ(connection_->run("INSERT INTO thing (id) VALUES (1) ON CONFLICT DO NOTHING"), 0u);
  EXPECT_EQ(connection_->run("INSERT INTO thing (id, word) VALUES (1, 'd')"
                             " ON CONFLICT (id) DO UPDATE SET word = excluded.word"),
            1u);
  int returned = 0;
  EXPECT_EQ(connection_->run("DELETE FROM thing WHERE id = 1 RETURNING word", {},
                             [&](const Row& row) { returned += row.text(0) == "d" ? 1 : 0; }),
            1u);
  EXPECT_EQ(returned, 1);
  EXPECT_EQ(connection_->run("CREATE TABLE other (id BIGINT)"), 0u);
}

TEST_P(Database, OneStatementTakesValuesOfEveryType) {
  for (int round = 0; round < 3; ++round) {
    EXPECT_DONE(connection_->run("INSERT INTO thing (id, word) VALUES ($1, $2)", {2 * round, "a"}));
    EXPECT_DONE(
        connection_->run("INSERT INTO thing (id, word) VALUES ($1, $2)", {2 * round + 1, {}}));
  }
  EXPECT_EQ(things(), 6);
  EXPECT_EQ(count(*connection_, "SELECT count(*) FROM thing WHERE word IS NULL"), 3);
}

TEST_P(Database, ACallbackMayRunStatements) {
  for (std::int64_t id = 1; id <= 3; ++id) EXPECT_DONE(add(id));
  int outer = 0;
  int inner = 0;
  const auto text = "SELECT id FROM thing WHERE $1 = $1 ORDER BY id"sv;
  EXPECT_DONE(connection_->run(text, {"a\0b"sv}, [&](const Row& row) {
    EXPECT_EQ(row.number(0), ++outer);
    EXPECT_DONE(connection_->run(text, {"c\0d"sv}, [&](const Row&) { ++inner; }));
    EXPECT_DONE(connection_->run("UPDATE thing SET word = $1 WHERE id = 1", {"e\0f"sv}));
  }));
  EXPECT_EQ(outer, 3);
  EXPECT_EQ(inner, 9);
}

TEST_P(Database, ACallbackThatThrowsLeavesTheConnectionInOrder) {
  EXPECT_DONE(add(1));
  EXPECT_THROW((void)connection_->run("SELECT id FROM thing", {},
                                      [](const Row&) { throw std::runtime_error("stop"); }),
               std::runtime_error);
  EXPECT_EQ(things(), 1);
  EXPECT_DONE(add(2));
}

struct ErrorCase {
  const char* name;
  const char* statement;
  std::vector<Value> values;
  const char* code;
};
const ErrorCase kErrors[] = {
    {"a key again",
     "INSERT INTO thing (id, word) VALUES ($1, $2)",
     {1, "secret-of-ours"},
     "store_conflict"},
    {"a foreign key", "INSERT INTO part (id, thing_id) VALUES ($1, $2)", {1, 99}, "store_conflict"},
    {"not NULL", "INSERT INTO part (id, thing_id) VALUES ($1, $2)", {1, {}}, "store_conflict"},
    {"no such table", "SELECT * FROM nothing", {}, "store_invalid"},
    {"no sentence", "SELEKT 1", {}, "store_invalid"},
    {"two statements", "DELETE FROM thing; DELETE FROM part", {}, "store_invalid"},
    {"no statement", "-- nothing", {}, "store_invalid"},
    {"a value too few", "SELECT $1, $2", {"secret-of-ours"}, "store_invalid"},
};

TEST_P(Database, NamesWhoHasToActAndNeverTheValue) {
  EXPECT_DONE(add(1));
  for (const ErrorCase& c : kErrors) {
    SCOPED_TRACE(c.name);
    const auto result = connection_->run(c.statement, c.values, {});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, c.code) << result.error().detail;
    EXPECT_EQ(result.error().fault, Fault::Gateway);
    EXPECT_THAT(result.error().detail, Not(HasSubstr("secret-of-ours")));
    EXPECT_TRUE(connection_->usable());
    EXPECT_EQ(things(), 1);
  }
}

TEST_P(Database, ACommittedTransactionIsThere) {
  EXPECT_DONE(in_transaction(*connection_, [&]() -> Status {
    EXPECT_DONE(add(1));
    EXPECT_DONE(add(2));
    return {};
  }));
  EXPECT_EQ(count(*opened(target_), "SELECT count(*) FROM thing"), 2);
}

TEST_P(Database, AFailedTransactionLeavesNothing) {
  EXPECT_EQ(code_of(in_transaction(*connection_,
                                   [&]() -> Status {
                                     EXPECT_DONE(add(1));
                                     return gateway_error("mine", "");
                                   })),
            "mine");
  EXPECT_THROW((void)in_transaction(*connection_,
                                    [&]() -> Status {
                                      EXPECT_DONE(add(2));
                                      throw std::runtime_error("stop");
                                    }),
               std::runtime_error);
  connection_->rollback();  // of nothing
  EXPECT_EQ(things(), 0);
  EXPECT_TRUE(connection_->usable());
}

TEST_P(Database, ACommitAfterAFailedStatementKeepsNothing) {
  EXPECT_DONE(connection_->begin());
  EXPECT_DONE(add(1));
  EXPECT_EQ(code_of(add(1)), "store_conflict");
  (void)add(2);
  EXPECT_EQ(code_of(connection_->commit()), "store_invalid");
  EXPECT_EQ(things(), 0);
  EXPECT_EQ(code_of(connection_->commit()), "store_invalid") << "nothing is open";
  EXPECT_DONE(in_transaction(*connection_, [&]() -> Status {
    EXPECT_DONE(add(3));
    return {};
  }));
  EXPECT_EQ(things(), 1);
}

TEST_P(Database, ALockHasOneOwnerUntilItsTransactionEnds) {
  Target quick = target_;
  quick.busy_ms = 50;
  const auto other = opened(quick);
  EXPECT_DONE(connection_->begin());
  EXPECT_DONE(take_lock(*connection_, "ours"));
  // SQLite's transaction is the lock.
  Status second = other->begin();
  if (GetParam() == Kind::Postgres) {
    EXPECT_DONE(second);
    EXPECT_DONE(take_lock(*other, "another's"));
    second = take_lock(*other, "ours");
    other->rollback();
  }
  EXPECT_EQ(code_of(second), "store_busy");
  EXPECT_TRUE(other->usable());
  EXPECT_DONE(connection_->commit());
  EXPECT_DONE(in_transaction(*other, [&] { return take_lock(*other, "ours"); }));
}

TEST_P(Database, ARowThatSomebodyElseChangesIsBusy) {
  EXPECT_DONE(add(1));
  Target quick = target_;
  quick.busy_ms = 50;
  const auto other = opened(quick);
  EXPECT_DONE(connection_->begin());
  EXPECT_DONE(connection_->run("UPDATE thing SET word = 'mine'"));
  EXPECT_EQ(code_of(other->run("UPDATE thing SET word = 'yours'")), "store_busy");
  EXPECT_EQ(count(*other, "SELECT count(*) FROM thing WHERE word IS NULL"), 1) << "reading goes on";
  EXPECT_DONE(connection_->commit());
  EXPECT_DONE(other->run("UPDATE thing SET word = 'yours'"));
}

}  // namespace
}  // namespace capsem::sql
