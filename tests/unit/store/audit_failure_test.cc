// What becomes of records while the database fails: promises 3 and 4, T37.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "tests/unit/store/audit_fixture.h"

namespace capsem::store {
namespace {

using testing::Each;
using testing::EndsWith;
using testing::HasSubstr;
using testing::SizeIs;

class AuditFailureTest : public AuditDatabase {
 protected:
  AuditWriterOptions faulty(FaultPlan& plan) {
    AuditWriterOptions faulty = options();
    faulty.connect = [this, &plan]() -> Result<std::unique_ptr<sql::Connection>> {
      if (plan.down) return gateway_error("store_gone", "made up");
      auto real = sql::open(target_);
      if (!real) return real;
      return std::make_unique<FaultyConnection>(std::move(*real), plan);
    };
    return faulty;
  }
  std::vector<std::string> lines() {
    std::vector<std::string> lines;
    EXPECT_DONE(connection_->run("SELECT line FROM audit_record ORDER BY segment, seq", {},
                                 [&](const sql::Row& row) { lines.emplace_back(row.text(0)); }));
    return lines;
  }
  // Twenty records, each third of which is waited for; the answers.
  std::vector<bool> write_twenty(AuditWriter& writer) {
    std::vector<std::unique_ptr<Answer>> answers;
    for (int i = 0; i < 20; ++i) {
      if (i % 3 != 0) {
        writer.write(allowed_record(i));
        continue;
      }
      answers.push_back(std::make_unique<Answer>());
      writer.write(blocked_record(i), answers.back()->callback());
    }
    std::vector<bool> kept;
    for (const auto& answer : answers) kept.push_back(answer->get());
    return kept;
  }
};
CAPSEM_ON_BOTH_DATABASES(AuditFailureTest);

struct FaultCase {
  const char* code;
  FaultPlan::When when;
};
constexpr FaultCase kFaults[] = {
    {"store_io", FaultPlan::When::Before},   {"store_io", FaultPlan::When::After},
    {"store_gone", FaultPlan::When::After},  {"store_busy", FaultPlan::When::Before},
    {"store_full", FaultPlan::When::Before}, {"store_invalid", FaultPlan::When::Before},
};

// Every call that the writer makes fails once, in every way, also when it was done after all.
TEST_P(AuditFailureTest, AFaultInAnyCallLosesNothingAndWritesNothingTwice) {
  for (const FaultCase& fault : kFaults) {
    bool struck = true;
    for (int call = 0; struck; ++call) {
      FaultPlan plan;
      plan.code = fault.code;
      plan.when = fault.when;
      plan.calls_until = call;
      AuditWriterOptions options = faulty(plan);
      options.gateway = std::string(fault.code) +
                        (fault.when == FaultPlan::When::After ? "-after-" : "-") +
                        std::to_string(call);
      options.segment_records_max = 10;
      SCOPED_TRACE(options.gateway);
      {
        auto writer = start(options);
        const std::vector<bool> kept = write_twenty(*writer);
        ASSERT_TRUE(writer->flush(kLongMs));
        // What fails may be a call after the last record's, once: then it is made again.
        EXPECT_TRUE(writer->available() || writer->flush(kLongMs));
        EXPECT_EQ(writer->stats().lost, 0U);
        EXPECT_EQ(writer->stats().queued_bytes, 0U);
        EXPECT_EQ(writer->stats().written, 20U);
      }
      const std::vector<std::string> ids = run_ids(options.gateway);
      ASSERT_EQ(ids.size(), 20U);
      EXPECT_TRUE(std::ranges::is_sorted(ids)) << "in order, each once";
      struck = plan.struck != 0;
      ASSERT_LT(call, 2'000);
    }
  }
  expect_sound();
  const auto usage = query_usage(*connection_, {.by_day = false});
  ASSERT_TRUE(is_done(usage));
  EXPECT_EQ((*usage)[0].requests, count("SELECT COUNT(*) FROM audit_record"));
  EXPECT_EQ(count("SELECT COUNT(*) FROM violation"), (*usage)[0].blocked);
}

TEST_P(AuditFailureTest, ClosedMeansNoAndSaysSoInTheRecordP3) {
  FaultPlan plan;
  plan.down = true;
  auto writer = start(faulty(plan));
  EXPECT_FALSE(writer->available());
  Answer answer;
  writer->write(blocked_record(1), answer.callback());
  EXPECT_FALSE(answer.get());
  writer->write(allowed_record(2));
  plan.down = false;
  ASSERT_TRUE(writer->flush(kLongMs));
  EXPECT_TRUE(writer->available());
  const auto all = lines();
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_THAT(all[0], EndsWith(R"(,"answered":"audit_unavailable"})"));
  EXPECT_THAT(all[1], testing::Not(HasSubstr("audit_unavailable")));
  Answer again;
  writer->write(blocked_record(3), again.callback());
  EXPECT_TRUE(again.get());
  EXPECT_EQ(writer->stats().refused, 1U);
  expect_sound();
}

TEST_P(AuditFailureTest, OpenGoesOn) {
  FaultPlan plan;
  plan.down = true;
  AuditWriterOptions options = faulty(plan);
  options.on_failure = AuditOnFailure::Open;
  auto writer = start(options);
  EXPECT_TRUE(writer->available());
  EXPECT_THAT(write_twenty(*writer), Each(true));
  plan.down = false;
  ASSERT_TRUE(writer->flush(kLongMs));
  EXPECT_EQ(run_ids().size(), 20U);
  expect_sound();
}

class AuditSpoolingTest : public AuditFailureTest {
 protected:
  AuditWriterOptions spooling(FaultPlan& plan) {
    AuditWriterOptions options = faulty(plan);
    options.on_failure = AuditOnFailure::Spool;
    options.spool_path = folder_.path("audit.spool");
    return options;
  }
};
CAPSEM_ON_BOTH_DATABASES(AuditSpoolingTest);

TEST_P(AuditSpoolingTest, RecordsAreKeptInTheFileAndReadIn) {
  FaultPlan plan;
  auto writer = start(spooling(plan));
  ASSERT_TRUE(writer->flush(kLongMs));
  writer->write(allowed_record(100));
  ASSERT_TRUE(writer->flush(kLongMs));
  plan.down = true;
  EXPECT_THAT(write_twenty(*writer), Each(true));
  EXPECT_TRUE(writer->available());
  EXPECT_GT(writer->stats().spool_bytes, 0U);
  plan.down = false;
  ASSERT_TRUE(writer->flush(kLongMs));
  const auto ids = run_ids();
  ASSERT_EQ(ids.size(), 21U);
  EXPECT_TRUE(std::ranges::is_sorted(ids.begin() + 1, ids.end()));
  EXPECT_EQ(writer->stats().spool_bytes, 0U);
  EXPECT_EQ(count("SELECT COUNT(*) FROM violation"), 7);
  const auto usage = query_usage(*connection_, {.by_day = false});
  ASSERT_TRUE(is_done(usage));
  EXPECT_EQ((*usage)[0].requests, 21);
  expect_sound();
}

TEST_P(AuditSpoolingTest, ARestartReadsItInWhateverTheModeIsThen) {
  FaultPlan plan;
  plan.down = true;
  {
    auto writer = start(spooling(plan));
    EXPECT_THAT(write_twenty(*writer), Each(true));
  }
  plan.down = false;
  AuditWriterOptions closed = spooling(plan);
  closed.on_failure = AuditOnFailure::Closed;
  auto writer = start(closed);
  ASSERT_TRUE(writer->flush(kLongMs));
  EXPECT_EQ(run_ids().size(), 20U);
  expect_sound();
}

TEST_P(AuditSpoolingTest, AFullFileMeansNo) {
  FaultPlan plan;
  plan.down = true;
  AuditWriterOptions options = spooling(plan);
  options.spool_bytes_max = 4'000;
  auto writer = start(options);
  bool all = true;
  for (int i = 0; i < 10; ++i) {
    Answer answer;
    writer->write(blocked_record(i), answer.callback());
    all = answer.get() && all;
    EXPECT_EQ(writer->available(), all);
  }
  EXPECT_FALSE(all);
  EXPECT_LE(std::filesystem::file_size(options.spool_path), 4'100U);
  plan.down = false;
  ASSERT_TRUE(writer->flush(kLongMs));
  EXPECT_TRUE(writer->available());
  EXPECT_EQ(run_ids().size(), 10U);
  expect_sound();
}

// A commit that took place and looked as if it had not: its records are in the spool as well.
TEST_P(AuditSpoolingTest, ACommitWithoutAnAnswerIsNotReadInTwice) {
  for (int call = 0; call < 40; ++call) {
    for (const auto when : {FaultPlan::When::Before, FaultPlan::When::After}) {
      FaultPlan plan;
      plan.when = when;
      plan.calls_until = call;
      plan.length = 3;  // what opens it anew fails, too, so that the spool is used
      AuditWriterOptions options = spooling(plan);
      options.gateway =
          std::to_string(call) + (when == FaultPlan::When::After ? "after" : "before");
      SCOPED_TRACE(options.gateway);
      auto writer = start(options);
      EXPECT_THAT(write_twenty(*writer), Each(true));
      ASSERT_TRUE(writer->flush(kLongMs));
      const auto ids = run_ids(options.gateway);
      EXPECT_EQ(ids.size(), 20U);
      EXPECT_EQ(std::set(ids.begin(), ids.end()).size(), 20U);
    }
  }
  expect_sound();
}

}  // namespace
}  // namespace capsem::store
