// Migrations (schema.h) and what the schema itself promises, with both databases.
#include "server/sql/schema.h"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/unit/sql/databases.h"

namespace capsem::sql {
namespace {

using testing::HasSubstr;

class Schema : public BothDatabases {
 protected:
  Result<std::uint64_t> run(std::string_view statement) { return connection_->run(statement); }
  void add_record() {
    EXPECT_DONE(
        run("INSERT INTO audit_segment (id, gateway, previous, first_digest, records, bytes,"
            " last_digest, begun_ms, content_bytes)"
            " VALUES ('s', 'g', '', '', 1, 1, '', 1, 0)"));
    EXPECT_DONE(
        run("INSERT INTO audit_record (place, segment, seq, kind, time_ms, run_id, tenant_id, line,"
            " digest) VALUES (1, 's', 1, 'exchange', 1, 'r', 't', '{}', '')"));
  }
};
INSTANTIATE_TEST_SUITE_P(Both, Schema, testing::Values(Kind::Sqlite, Kind::Postgres), name_of_kind);

TEST_P(Schema, AnEmptyDatabaseIsBroughtToTheNewestVersion) {
  EXPECT_EQ(version_of(*connection_), 0u);
  EXPECT_DONE(migrate(*connection_));
  EXPECT_EQ(version_of(*connection_), schema_version());
  EXPECT_EQ(count(*connection_, "SELECT count(*) FROM tenant"), 0);
}

TEST_P(Schema, WhatIsThereStays) {
  EXPECT_DONE(migrate(*connection_));
  EXPECT_DONE(
      run("INSERT INTO tenant (id, name, content_level, created_ms) VALUES ('t','n','none',1)"));
  EXPECT_DONE(migrate(*connection_));
  EXPECT_DONE(migrate(*opened(target_)));
  EXPECT_EQ(count(*connection_, "SELECT count(*) FROM tenant"), 1);
}

TEST_P(Schema, OneThatIsNewerIsRefused) {
  EXPECT_DONE(migrate(*connection_));
  EXPECT_DONE(run("UPDATE meta SET value = '999' WHERE name = 'schema_version'"));
  const Status refused = migrate(*connection_);
  EXPECT_EQ(code_of(refused), "store_invalid");
  EXPECT_THAT(refused.error().detail, HasSubstr("999"));
}

TEST_P(Schema, OneOfAnotherProgramIsRefused) {
  for (const char* value : {"", "one", "1x", "-1", "0"}) {
    SCOPED_TRACE(value);
    EXPECT_DONE(run("DROP TABLE IF EXISTS meta"));
    EXPECT_DONE(run("CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)"));
    EXPECT_DONE(connection_->run("INSERT INTO meta VALUES ('schema_version', $1)", {value}));
    EXPECT_EQ(code_of(migrate(*connection_)), "store_invalid");
  }
}

TEST_P(Schema, AStepThatFailsLeavesNothing) {
  EXPECT_DONE(run("CREATE TABLE tool_pin (mine BIGINT)"));  // the last table of the first step
  EXPECT_EQ(code_of(migrate(*connection_)), "store_invalid");
  EXPECT_EQ(version_of(*connection_), 0u);
  EXPECT_EQ(code_of(run("SELECT * FROM tenant")), "store_invalid") << "no such table";
  EXPECT_DONE(run("DROP TABLE tool_pin"));
  EXPECT_DONE(migrate(*connection_));
}

TEST_P(Schema, SeveralThatStartAtOnceMigrateOnce) {
  constexpr int kGateways = 4;
  std::vector<std::thread> gateways;
  std::atomic<int> done{0};
  for (int i = 0; i < kGateways; ++i) {
    gateways.emplace_back([&] {
      const auto own = opened(target_);
      ASSERT_NE(own, nullptr);
      EXPECT_DONE(migrate(*own));
      EXPECT_EQ(version_of(*own), schema_version());
      ++done;
    });
  }
  for (std::thread& gateway : gateways) gateway.join();
  EXPECT_EQ(done, kGateways);
}

// Records of version 1 had no place of their own; the chain is digested without it.
TEST_P(Schema, RecordsOfTheFirstVersionGetTheirPlaces) {
  EXPECT_DONE(migrate_to(*connection_, 1));
  for (const char* statement :
       {"INSERT INTO audit_segment (id, gateway, previous, first_digest, records, bytes,"
        " last_digest, begun_ms, content_bytes) VALUES ('a', 'g', '', '', 2, 1, '', 1, 0),"
        " ('b', 'g', 'a', '', 1, 1, '', 2, 0)",
        "INSERT INTO audit_record (segment, seq, kind, time_ms, run_id, tenant_id, line, digest)"
        " VALUES ('b', 1, 'admin', 3, 'r3', 't', '{}', ''), ('a', 1, 'admin', 1, 'r1', 't', '{}',"
        " ''), ('a', 2, 'admin', 2, 'r2', 't', '{}', '')"}) {
    EXPECT_DONE(run(statement));
  }
  EXPECT_DONE(migrate(*connection_));
  std::vector<std::string> rows;
  EXPECT_DONE(connection_->run(
      "SELECT place, segment, seq, run_id FROM audit_record ORDER BY place", {},
      [&](const Row& row) {
        rows.push_back(std::to_string(row.number(0)) + " " + std::string(row.text(1)) +
                       std::to_string(row.number(2)) + " " + std::string(row.text(3)));
      }));
  EXPECT_THAT(rows,
              testing::ElementsAre("4294967297 a1 r1", "4294967298 a2 r2", "8589934593 b1 r3"));
  EXPECT_EQ(count(*connection_, "SELECT number FROM audit_segment WHERE id = 'b'"), 2);
  EXPECT_EQ(code_of(run("UPDATE audit_record SET line = ''")), "store_conflict");
  EXPECT_EQ(code_of(run("DELETE FROM audit_record")), "store_conflict");
}

// T38
TEST_P(Schema, AuditRecordsAreNeitherChangedNorRemovedBeforeTheirSegmentIsRetired) {
  EXPECT_DONE(migrate(*connection_));
  add_record();
  for (const char* statement : {"UPDATE audit_record SET line = '{\"decision\":\"allow\"}'",
                                "DELETE FROM audit_record", "UPDATE audit_record SET seq = 7"}) {
    SCOPED_TRACE(statement);
    const auto refused = run(statement);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, "store_conflict");
    EXPECT_THAT(refused.error().detail, HasSubstr("audit records cannot be"));
  }
  EXPECT_EQ(count(*connection_, "SELECT count(*) FROM audit_record WHERE line = '{}'"), 1);
  EXPECT_DONE(run("UPDATE audit_segment SET retired_ms = 5"));
  EXPECT_EQ(code_of(run("UPDATE audit_record SET line = ''")), "store_conflict");
  EXPECT_EQ(run("DELETE FROM audit_record"), 1u);
}

}  // namespace
}  // namespace capsem::sql
