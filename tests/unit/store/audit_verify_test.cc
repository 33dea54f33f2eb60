#include "server/store/audit_verify.h"

#include "server/store/audit_chain.h"
#include "tests/unit/store/audit_fixture.h"

namespace capsem::store {
namespace {

using testing::HasSubstr;

class AuditVerifyTest : public AuditDatabase {
 protected:
  // Three segments: ten, ten, five.
  void SetUp() override {
    AuditDatabase::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    AuditWriterOptions small = options();
    small.segment_records_max = 10;
    auto writer = start(small);
    for (int i = 0; i < 25; ++i) writer->write(i == 12 ? blocked_record(i) : allowed_record(i));
    ASSERT_TRUE(writer->flush(kLongMs));
    writer.reset();
    EXPECT_DONE(
        connection_->run("SELECT id FROM audit_segment ORDER BY id", {},
                         [&](const sql::Row& row) { segments_.emplace_back(row.text(0)); }));
    ASSERT_EQ(segments_.size(), 3U);
  }
  // As somebody does who owns the database.
  void tamper(std::string_view statement, std::initializer_list<sql::Value> values = {}) {
    const auto changed = connection_->run(statement, values);
    EXPECT_TRUE(is_done(changed)) << statement;
    EXPECT_GE(changed.value_or(0), 1U) << statement;
  }
  void open_the_table() {
    if (connection_->kind() == sql::Kind::Sqlite) {
      EXPECT_DONE(connection_->run("DROP TRIGGER audit_record_fixed"));
      EXPECT_DONE(connection_->run("DROP TRIGGER audit_record_kept"));
    } else {
      EXPECT_DONE(connection_->run("DROP TRIGGER audit_record_guarded ON audit_record"));
    }
  }
  std::vector<std::string> segments_;
};
CAPSEM_ON_BOTH_DATABASES(AuditVerifyTest);

TEST_P(AuditVerifyTest, TellsWhatIsThere) {
  const AuditReport report = verify();
  EXPECT_TRUE(report.sound());
  EXPECT_EQ(report.records, 25U);
  EXPECT_EQ(report.segments, 3U);
  ASSERT_EQ(report.heads.size(), 1U);
  EXPECT_EQ(report.heads[0].gateway, "one");
  EXPECT_EQ(report.heads[0].segment, segments_[2]);
  EXPECT_EQ(report.heads[0].records, 5);
  EXPECT_EQ(report.heads[0].digest.size(), 64U);
}

TEST_P(AuditVerifyTest, RecordsCannotBeChangedOrRemovedByThePrograms) {
  const std::string_view segment = segments_[1];
  EXPECT_FALSE(
      connection_->run("UPDATE audit_record SET line = '{}' WHERE segment = $1", {segment}));
  EXPECT_FALSE(connection_->run("DELETE FROM audit_record WHERE segment = $1", {segment}));
  EXPECT_TRUE(verify().sound());
}

struct Tampering {
  const char* name;
  const char* statement;  // $1: the second segment
  std::int64_t seq;       // of the fault; 0: the segment
};
const Tampering kRecordChanges[] = {
    {"segment", "UPDATE audit_record SET segment = segment || 'x' WHERE segment = $1 AND seq = 4",
     4},
    {"place", "UPDATE audit_record SET place = place + 40 WHERE segment = $1 AND seq = 4", 4},
    {"place of the last",
     "UPDATE audit_record SET place = place + 1 WHERE segment = $1 AND seq = 10", 10},
    {"seq", "UPDATE audit_record SET seq = 44 WHERE segment = $1 AND seq = 4", 4},
    {"kind", "UPDATE audit_record SET kind = 'admin' WHERE segment = $1 AND seq = 4", 4},
    {"time", "UPDATE audit_record SET time_ms = time_ms + 1 WHERE segment = $1 AND seq = 4", 4},
    {"run", "UPDATE audit_record SET run_id = run_id || 'x' WHERE segment = $1 AND seq = 4", 4},
    {"tenant", "UPDATE audit_record SET tenant_id = 'defaulu' WHERE segment = $1 AND seq = 4", 4},
    {"line",
     "UPDATE audit_record SET line = replace(line, '200', '201') WHERE segment = $1 AND seq = 4",
     4},
    {"digest",
     "UPDATE audit_record SET digest = (SELECT digest FROM audit_record WHERE segment = $1 AND seq "
     "= 5)"
     " WHERE segment = $1 AND seq = 4",
     4},
    {"removed", "DELETE FROM audit_record WHERE segment = $1 AND seq = 4", 4},
    {"first removed", "DELETE FROM audit_record WHERE segment = $1 AND seq = 1", 1},
    {"tail removed", "DELETE FROM audit_record WHERE segment = $1 AND seq >= 8", 8},
    {"all removed", "DELETE FROM audit_record WHERE segment = $1", 1},
    {"put in",
     "INSERT INTO audit_record SELECT place + 1, segment, 11, kind, time_ms, run_id, tenant_id, "
     "line, digest FROM audit_record WHERE segment = $1 AND seq = 10",
     11},
    {"segment's number", "UPDATE audit_segment SET number = number + 100 WHERE id = $1", 1},
    {"segment's gateway", "UPDATE audit_segment SET gateway = 'two' WHERE id = $1", 0},
    {"segment's previous", "UPDATE audit_segment SET previous = 'x' WHERE id = $1", 0},
    {"segment's first digest", "UPDATE audit_segment SET first_digest = last_digest WHERE id = $1",
     0},
    {"segment's last digest", "UPDATE audit_segment SET last_digest = first_digest WHERE id = $1",
     0},
    {"segment's records", "UPDATE audit_segment SET records = records + 1 WHERE id = $1", 11},
    {"segment's records, fewer", "UPDATE audit_segment SET records = records - 1 WHERE id = $1",
     10},
    {"segment's bytes", "UPDATE audit_segment SET bytes = bytes + 1 WHERE id = $1", 0},
    {"segment's begin", "UPDATE audit_segment SET begun_ms = begun_ms + 1 WHERE id = $1", 0},
    {"segment's end", "UPDATE audit_segment SET closed_ms = closed_ms + 1 WHERE id = $1", 0},
    {"segment's end removed", "UPDATE audit_segment SET closed_ms = NULL WHERE id = $1", 0},
    {"segment retired", "UPDATE audit_segment SET retired_ms = closed_ms WHERE id = $1", 0},
    {"segment removed", "DELETE FROM audit_segment WHERE id = $1", 0},
};

// In a transaction that is rolled back: a tampered database has nothing to be set right by.
TEST_P(AuditVerifyTest, AChangeOfAnyColumnIsFoundT38) {
  open_the_table();
  for (const Tampering& tampering : kRecordChanges) {
    SCOPED_TRACE(tampering.name);
    ASSERT_TRUE(is_done(connection_->begin()));
    tamper(tampering.statement, {std::string_view(segments_[1])});
    const AuditReport report = verify();
    connection_->rollback();
    ASSERT_FALSE(report.faults.empty());
    EXPECT_FALSE(report.sound());
    if (tampering.seq == 0) continue;
    EXPECT_EQ(report.faults[0].segment, segments_[1]);
    EXPECT_EQ(report.faults[0].seq, tampering.seq);
  }
  EXPECT_TRUE(verify().sound());
}

TEST_P(AuditVerifyTest, ATailThatWasCutOffWithItsCountersIsFoundByANotedHead) {
  const std::string head = verify().heads[0].digest;
  EXPECT_TRUE(verify(head).sound());
  open_the_table();
  tamper("DELETE FROM audit_record WHERE segment = $1 AND seq > 3",
         {std::string_view(segments_[2])});
  tamper(
      "UPDATE audit_segment SET records = 3, bytes = (SELECT SUM(length(line)) FROM audit_record r "
      "WHERE r.segment = $1), last_digest = (SELECT digest FROM audit_record r WHERE r.segment = "
      "$1 "
      "AND r.seq = 3) WHERE id = $1",
      {std::string_view(segments_[2])});
  EXPECT_TRUE(verify().sound()) << "the database alone cannot tell";
  const AuditReport report = verify(head);
  EXPECT_FALSE(report.sound());
  EXPECT_FALSE(report.anchor_found);
}

TEST_P(AuditVerifyTest, AHeadIsSixtyFourDigits) {
  for (const char* bad :
       {"0", "zz", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdeg"}) {
    EXPECT_EQ(code_of(verify_audit(*connection_, {.anchor = bad})), "invalid_anchor") << bad;
  }
  std::string upper = verify().heads[0].digest;
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  EXPECT_TRUE(verify(upper).sound());
}

TEST_P(AuditVerifyTest, GatewaysHaveChainsOfTheirOwn) {
  AuditWriterOptions other = options();
  other.gateway = "two";
  auto writer = start(other);
  for (int i = 0; i < 5; ++i) writer->write(allowed_record(i));
  ASSERT_TRUE(writer->flush(kLongMs));
  EXPECT_EQ(verify().heads.size(), 2U);
  open_the_table();
  tamper("UPDATE audit_record SET line = '{}' WHERE segment = $1 AND seq = 2",
         {std::string_view(segments_[0])});
  const AuditReport report = verify();
  ASSERT_EQ(report.faults.size(), 1U);
  EXPECT_EQ(report.faults[0].gateway, "one");
  EXPECT_EQ(report.faults[0].what, "the record was changed");
}

TEST(AuditChain, NoTwoRowsHaveTheSameBytes) {
  ChainDigester digester;
  const Digest zero{};
  const RecordColumns base{.segment = "s",
                           .seq = 1,
                           .kind = "k",
                           .time_ms = 2,
                           .run_id = "r",
                           .tenant = "t",
                           .line = "l"};
  RecordColumns shifted = base;
  shifted.run_id = "rt";
  shifted.tenant = "";
  EXPECT_EQ(digester.record(zero, base), digester.record(zero, base));
  EXPECT_NE(digester.record(zero, base), digester.record(zero, shifted));
  Digest other{};
  other[31] = 1;
  EXPECT_NE(digester.record(zero, base), digester.record(other, base));
}

}  // namespace
}  // namespace capsem::store
