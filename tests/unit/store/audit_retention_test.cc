#include "server/store/audit_retention.h"

#include <filesystem>

#include "tests/unit/store/audit_fixture.h"

namespace capsem::store {
namespace {

constexpr std::int64_t kDayMs = 86'400'000;

class AuditRetentionTest : public AuditDatabase {
 protected:
  void fill(AuditWriter& writer, int from, int until) {
    for (int i = from; i < until; ++i) writer.write(allowed_record(i, running_.now_ms));
    ASSERT_TRUE(writer.flush(kLongMs));
  }
  // A writer that looks at what may be forgotten as soon as it starts.
  void keep_house(const AuditWriterOptions& options, std::int64_t rows_left) {
    auto writer = start(options);
    ASSERT_TRUE(writer->flush(kLongMs));
    for (int i = 0; i < 30'000; ++i) {
      if (count("SELECT COUNT(*) FROM audit_record WHERE kind <> 'admin'") == rows_left) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    ADD_FAILURE() << count("SELECT COUNT(*) FROM audit_record WHERE kind <> 'admin'")
                  << " are left";
  }
};
CAPSEM_ON_BOTH_DATABASES(AuditRetentionTest);

TEST_P(AuditRetentionTest, OldSegmentsGoAndTheChainSaysSo) {
  AuditWriterOptions small = options();
  small.segment_records_max = 600;  // more than one step removes
  {
    auto writer = start(small);
    fill(*writer, 0, 1'250);
  }
  small.retention_days = 10;
  running_.now_ms += 10 * kDayMs - 1'000;
  {
    auto writer = start(small);
    ASSERT_TRUE(writer->flush(kLongMs));
    fill(*writer, 1'250, 1'300);
    EXPECT_EQ(count("SELECT COUNT(*) FROM audit_record"), 1'300) << "not yet";
  }
  running_.now_ms += 2'000;
  keep_house(small, 100);
  EXPECT_EQ(count("SELECT COUNT(*) FROM audit_segment WHERE retired_ms IS NOT NULL"), 2);
  EXPECT_EQ(count("SELECT COUNT(*) FROM audit_record WHERE line LIKE '%segment_retired%'"), 2);
  expect_sound();
  const AuditReport report = verify();
  EXPECT_EQ(report.retired_segments, 2U);
  EXPECT_EQ(report.records, 102U);
}

TEST_P(AuditRetentionTest, TheOldestGoWhenAllAreTooLarge) {
  AuditWriterOptions small = options();
  small.segment_records_max = 100;
  {
    auto writer = start(small);
    fill(*writer, 0, 950);
  }
  const auto segment_bytes = static_cast<std::uint64_t>(
      count("SELECT MAX(bytes) FROM audit_segment") + 100 * AuditRetention::kRowBytes);
  small.retention_bytes_max = 5 * segment_bytes;
  keep_house(small, 450);
  expect_sound();
}

TEST_P(AuditRetentionTest, NothingGoesWithoutABound) {
  AuditWriterOptions small = options();
  small.segment_records_max = 10;
  small.retention_bytes_max = 0;
  {
    auto writer = start(small);
    fill(*writer, 0, 50);
    running_.now_ms += 10'000 * kDayMs;
  }
  auto writer = start(small);
  fill(*writer, 50, 51);
  EXPECT_EQ(count("SELECT COUNT(*) FROM audit_record"), 51);
}

TEST_P(AuditRetentionTest, ASegmentThatSomebodyElseRemovedIsMissed) {
  AuditWriterOptions small = options();
  small.segment_records_max = 10;
  {
    auto writer = start(small);
    fill(*writer, 0, 35);
  }
  // As retention would do it, but without its record.
  EXPECT_DONE(
      connection_->run("UPDATE audit_segment SET retired_ms = closed_ms WHERE id = (SELECT MIN(id) "
                       "FROM audit_segment)"));
  EXPECT_DONE(connection_->run(
      "DELETE FROM audit_record WHERE segment = (SELECT MIN(id) FROM audit_segment)"));
  const AuditReport report = verify();
  ASSERT_EQ(report.faults.size(), 1U);
  EXPECT_EQ(report.faults[0].what, "it was removed, and no record says that retention did it");
}

TEST_P(AuditRetentionTest, FinishedReviewsGoWithTheirAge) {
  AuditWriterOptions small = options();
  start(small)->flush(kLongMs);
  const auto add = [this](std::string_view id, std::string_view status, std::int64_t expires_ms) {
    EXPECT_DONE(connection_->run(
        "INSERT INTO review (id, tenant_id, integration_id, caller, agent, route, model, phase, "
        "status, digest, revision, run_id, attached, violations, callbacks, preview_sealed, "
        "answer_head, created_ms, expires_ms) VALUES ($1, '', '', '', '', '', '', 'input', $2, $1, "
        "'', '', 0, '[]', '', 0, '', 0, $3)",
        {id, status, expires_ms}));
  };
  const std::int64_t now = running_.now_ms;
  for (int i = 0; i < 1'203; ++i) add("old-" + std::to_string(i), "CONSUMED", now);
  for (const char* status : {"PENDING", "APPROVED"}) add(status, status, now);
  for (const char* status : {"REJECTED", "EXPIRED"}) add(status, status, now + 2 * kDayMs);
  small.retention_days = 10;
  running_.now_ms += 10 * kDayMs + 1'000;
  auto writer = start(small);
  for (int i = 0; i < 30'000 && count("SELECT COUNT(*) FROM review") > 4; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(count("SELECT COUNT(*) FROM review"), 4);
  EXPECT_EQ(count("SELECT COUNT(*) FROM review WHERE id LIKE 'old-%'"), 0);
}

TEST_P(AuditRetentionTest, ContentAndClosedViolationsGoWithTheirAge) {
  const vault::Vault none;
  AuditWriterOptions small = options();
  {
    auto writer = start(small, {.vault = &none});
    for (int i = 0; i < 1'203; ++i) {
      audit::Record record =
          i % 2 == 0 ? blocked_record(i, running_.now_ms) : allowed_record(i, running_.now_ms);
      record.content = audit::ContentLevel::Full;
      record.texts.resize(1);
      record.texts[0].text = "text";
      writer->write(record);
    }
    ASSERT_TRUE(writer->flush(kLongMs));
  }
  EXPECT_DONE(
      connection_->run("UPDATE violation SET status = 'RESOLVED' WHERE id <> "
                       "(SELECT MIN(id) FROM violation)"));
  EXPECT_EQ(count("SELECT COUNT(*) FROM violation"), 602);
  running_.now_ms += 11 * kDayMs;
  small.retention_days = 10;
  auto writer = start(small, {.vault = &none});
  for (int i = 0; i < 30'000 && (count("SELECT COUNT(*) FROM violation") != 1 ||
                                 count("SELECT COUNT(*) FROM audit_content") != 0);
       ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(count("SELECT COUNT(*) FROM violation"), 1) << "one is not closed";
  EXPECT_EQ(count("SELECT COUNT(*) FROM audit_content"), 0);
}

// With a file of 40 MB of which nearly all may go.
TEST_P(AuditRetentionTest, TheFileShrinks) {
  if (GetParam() != sql::Kind::Sqlite) GTEST_SKIP() << "a server looks after its files itself";
  AuditWriterOptions small = options();
  small.segment_records_max = 2'000;
  {
    auto writer = start(small);
    for (int i = 0; i < 12'000; ++i) {
      audit::Record record = allowed_record(i, running_.now_ms);
      record.path.assign(1'000, 'x');
      record.outcome.assign(1'000, 'x');
      writer->write(record);
      if (i % 1'000 == 0) {
        ASSERT_TRUE(writer->flush(kLongMs));
      }
    }
    ASSERT_TRUE(writer->flush(kLongMs));
  }
  const auto before = std::filesystem::file_size(target_.location);
  small.retention_bytes_max = 1;
  auto writer = start(small);
  for (int i = 0; i < 30'000; ++i) {
    if (std::filesystem::file_size(target_.location) < before / 3) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_LT(std::filesystem::file_size(target_.location), before / 3);
  writer.reset();
  expect_sound();
}

}  // namespace
}  // namespace capsem::store
