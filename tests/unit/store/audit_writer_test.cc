#include "server/store/audit_writer.h"

#include <algorithm>
#include <map>
#include <set>

#include "tests/unit/store/audit_fixture.h"

namespace capsem::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class AuditWriterTest : public AuditDatabase {};
CAPSEM_ON_BOTH_DATABASES(AuditWriterTest);

TEST_P(AuditWriterTest, KeepsTheRecordsOfManyThreadsInOneChain) {
  constexpr int kThreads = 4, kEach = 300;
  auto writer = start(options());
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kEach; ++i) {
          writer->write(i % 3 == 0 ? blocked_record(t * kEach + i) : allowed_record(t * kEach + i));
        }
      });
    }
  }
  ASSERT_TRUE(writer->flush(kLongMs));
  const std::vector<std::string> ids = run_ids();
  EXPECT_EQ(ids.size(), std::size_t{kThreads * kEach});
  EXPECT_EQ(std::set(ids.begin(), ids.end()).size(), ids.size());
  for (int t = 0; t < kThreads; ++t) {  // each thread's records in its own order
    std::vector<std::string> mine, sorted;
    for (const std::string& id : ids) {
      const int number = std::stoi(id.substr(24), nullptr, 16);
      if (number / kEach == t) mine.push_back(id);
    }
    sorted = mine;
    std::ranges::sort(sorted);
    EXPECT_EQ(mine, sorted);
  }
  expect_sound();
  EXPECT_EQ(writer->stats().written, std::uint64_t{kThreads * kEach});
  EXPECT_EQ(writer->stats().lost, 0U);
  EXPECT_TRUE(writer->available());
}

TEST_P(AuditWriterTest, WhoeverWaitsHearsItWhenTheRecordIsThereP3) {
  auto writer = start(options());
  ASSERT_TRUE(writer->flush(kLongMs));
  for (int i = 0; i < 20; ++i) {
    Answer answer;
    writer->write(blocked_record(i), answer.callback());
    ASSERT_TRUE(answer.get());
    EXPECT_EQ(run_ids().size(), std::size_t(i) + 1);
  }
}

TEST_P(AuditWriterTest, WritesViolationsOfExchangesAloneR51) {
  auto writer = start(options());
  audit::Record record = blocked_record(1);
  record.tenant = "acme";
  record.integration = "int_1";
  record.review_id = "rev_1";
  const policy::Decision block = record.decisions[0];
  const auto more = [&](policy::Verdict verdict, bool shadow, event::Phase phase,
                        std::string severity, std::string tool) {
    policy::Decision decision = block;
    decision.verdict = verdict;
    decision.shadow = shadow;
    decision.phase = phase;
    decision.severity = std::move(severity);
    decision.tool_name = std::move(tool);
    record.decisions.push_back(decision);
  };
  using enum policy::Verdict;
  more(Confirm, false, event::Phase::Request, "CRITICAL", "send_mail");
  more(Log, false, event::Phase::Response, "", "");
  more(Monitor, false, event::Phase::Request, "", "");
  more(Block, true, event::Phase::Request, "", "");   // shadow
  more(Allow, false, event::Phase::Request, "", "");  // nothing
  audit::Record opening = record;
  opening.kind = audit::RecordKind::Opening;
  writer->write(opening);
  writer->write(record);
  writer->write(allowed_record(2));
  ASSERT_TRUE(writer->flush(kLongMs));
  std::vector<std::string> rows;
  EXPECT_DONE(connection_->run(
      "SELECT enforcement, phase, severity, field, policy, rule, rule_name, type, message, status, "
      "tenant_id, integration_id, run_id, review_id FROM violation ORDER BY enforcement",
      {}, [&](const sql::Row& row) {
        std::string text;
        for (int i = 0; i < 14; ++i) text += std::string(row.text(i)) + "|";
        rows.push_back(text);
      }));
  const std::string rest =
      "|Debug|capsem_block|capsem_block|policy_violation|Detected 'capsem_block' in "
      "prompt|NEW|acme|"
      "int_1|" +
      record.run_id + "|rev_1|";
  EXPECT_THAT(rows,
              ElementsAre("APPROVAL_REQUIRED|input|CRITICAL|prompt:send_mail" + rest,
                          "BLOCK|input|HIGH|prompt" + rest, "MONITOR_ONLY|input|LOW|prompt" + rest,
                          "WARN|output|MEDIUM|prompt" + rest));
  EXPECT_EQ(count("SELECT COUNT(*) FROM audit_record"), 3);
}

TEST_P(AuditWriterTest, CountsUsageByDayAndCallerR48) {
  auto writer = start(options());
  constexpr std::int64_t kDayMs = 86'400'000, kFirst = 20'000;
  for (int i = 0; i < 10; ++i) writer->write(allowed_record(i, kFirst * kDayMs));
  for (int i = 10; i < 13; ++i) writer->write(blocked_record(i, kFirst * kDayMs));
  audit::Record relayed = allowed_record(14, kFirst * kDayMs);
  relayed.evaluated = false;  // R35: costs no evaluation
  relayed.key_id = "key_1";
  relayed.integration = "int_1";
  writer->write(relayed);
  audit::Record held = blocked_record(15, (kFirst + 1) * kDayMs - 1);
  held.verdict = policy::Verdict::Confirm;
  writer->write(held);
  writer->write(allowed_record(16, (kFirst + 1) * kDayMs));
  audit::Record opening = allowed_record(17, kFirst * kDayMs);
  opening.kind = audit::RecordKind::Opening;  // its exchange will count
  writer->write(opening);
  ASSERT_TRUE(writer->flush(kLongMs));

  const auto rows = query_usage(*connection_, {.by_caller = true});
  ASSERT_TRUE(is_done(rows));
  ASSERT_EQ(rows->size(), 3U);
  EXPECT_EQ((*rows)[0].day, kFirst + 1);
  EXPECT_EQ((*rows)[0].requests, 1);
  const UsageRow& first = (*rows)[1];
  EXPECT_EQ(first.day, kFirst);
  EXPECT_EQ(first.caller, "0011223344556677");
  EXPECT_EQ(first.requests, 14);
  EXPECT_EQ(first.evaluations, 14);
  EXPECT_EQ(first.blocked, 3);
  EXPECT_EQ(first.held, 1);
  EXPECT_EQ(first.input_tokens, 100);
  EXPECT_EQ(first.output_tokens, 50);
  EXPECT_EQ(first.cost_nano, 15'000);
  EXPECT_EQ((*rows)[2].caller, "key_1");
  EXPECT_EQ((*rows)[2].evaluations, 0);

  const auto all = query_usage(*connection_, {.by_day = false});
  ASSERT_TRUE(is_done(all));
  ASSERT_EQ(all->size(), 1U);
  EXPECT_EQ((*all)[0].requests, 16);
  const auto filtered = query_usage(
      *connection_, {.from_day = kFirst, .until_day = kFirst + 1, .integration = "int_1"});
  ASSERT_TRUE(is_done(filtered));
  ASSERT_EQ(filtered->size(), 1U);
  EXPECT_EQ((*filtered)[0].requests, 1);
}

TEST_P(AuditWriterTest, ADayHasSoManyCallersAndThenOthers) {
  auto writer = start(options());
  constexpr int kCallers = 10'005;  // AuditUsage::kRowsMax and five
  for (int i = 0; i < kCallers; ++i) {
    audit::Record record = allowed_record(i);
    record.user_id = "user" + std::to_string(i);
    writer->write(record);
    if (i % 5'000 == 0) {
      ASSERT_TRUE(writer->flush(kLongMs));
    }
  }
  ASSERT_TRUE(writer->flush(kLongMs));
  EXPECT_EQ(count("SELECT COUNT(*) FROM usage_day"), 10'001);
  EXPECT_EQ(count("SELECT requests FROM usage_day WHERE caller = '(other)'"), 5);
}

TEST_P(AuditWriterTest, SegmentsHaveSoManyRecordsAndCarryOn) {
  for (const int records : {9, 10, 11, 20, 21, 35}) {
    AuditWriterOptions small = options();
    small.gateway = "records" + std::to_string(records);
    small.segment_records_max = 10;
    auto writer = start(small);
    for (int i = 0; i < records; ++i) writer->write(allowed_record(i));
    ASSERT_TRUE(writer->flush(kLongMs));
    std::vector<std::int64_t> sizes;
    EXPECT_DONE(connection_->run("SELECT records FROM audit_segment WHERE gateway = $1 ORDER BY id",
                                 {std::string_view(small.gateway)},
                                 [&](const sql::Row& row) { sizes.push_back(row.number(0)); }));
    std::vector<std::int64_t> expected(static_cast<std::size_t>(records / 10), 10);
    if (records % 10 != 0) expected.push_back(records % 10);
    EXPECT_EQ(sizes, expected) << records;
  }
  expect_sound();
}

TEST_P(AuditWriterTest, SegmentsHaveSoManyBytes) {
  AuditWriterOptions small = options();
  const auto line_bytes = static_cast<std::int64_t>(to_json_line(allowed_record(0)).size());
  small.segment_bytes_max = static_cast<std::uint64_t>(4 * line_bytes + line_bytes / 2);
  auto writer = start(small);
  for (int i = 0; i < 9; ++i) writer->write(allowed_record(i));
  ASSERT_TRUE(writer->flush(kLongMs));
  EXPECT_EQ(count("SELECT COUNT(*) FROM audit_segment"), 2) << "of five lines and of four";
  EXPECT_LE(count("SELECT MAX(bytes) FROM audit_segment"), 5 * line_bytes);
  audit::Record large = allowed_record(9);
  large.path.assign(1'000, 'x');
  large.agent.assign(1'000, 'x');
  large.model.assign(1'000, 'x');
  large.provider.assign(1'000, 'x');
  writer->write(large);  // more than a segment has room for: has one of its own
  writer->write(allowed_record(10));
  ASSERT_TRUE(writer->flush(kLongMs));
  expect_sound();
  EXPECT_EQ(run_ids().size(), 11U);
}

TEST_P(AuditWriterTest, ARestartCarriesOn) {
  for (int i = 0; i < 3; ++i) {
    auto writer = start(options());
    writer->write(allowed_record(i));
  }
  EXPECT_EQ(run_ids().size(), 3U) << "what is queued at the end is written";
  EXPECT_EQ(count("SELECT COUNT(*) FROM audit_segment"), 1);
  expect_sound();
}

TEST_P(AuditWriterTest, SegmentsSortByBeginWhenTheClockGoesBackT41) {
  AuditWriterOptions small = options();
  small.segment_records_max = 10;
  auto writer = start(small);
  for (int i = 0; i < 60; ++i) {
    writer->write(allowed_record(i));
    running_.now_ms -= 3'600'000;
    if (i % 7 == 0) {
      ASSERT_TRUE(writer->flush(kLongMs));
    }
  }
  ASSERT_TRUE(writer->flush(kLongMs));
  const std::vector<std::string> ids = run_ids();
  EXPECT_EQ(ids.size(), 60U);
  EXPECT_TRUE(std::ranges::is_sorted(ids));
  expect_sound();
}

TEST_P(AuditWriterTest, TwoThatShareAChainLoseNothing) {
  AuditWriterOptions small = options();
  small.segment_records_max = 25;
  auto one = start(small), two = start(small);
  std::atomic<int> yes = 0;
  {
    const auto write = [&](AuditWriter& writer, int from) {
      for (int i = from; i < from + 60; ++i) {
        Answer answer;
        writer.write(blocked_record(i), answer.callback());
        yes += answer.get();
      }
    };
    ASSERT_TRUE(one->flush(kLongMs) && two->flush(kLongMs));
    std::jthread first([&] { write(*one, 0); }), second([&] { write(*two, 1'000); });
  }
  ASSERT_TRUE(one->flush(kLongMs) && two->flush(kLongMs));
  const std::vector<std::string> ids = run_ids();
  EXPECT_EQ(ids.size(), 120U);
  EXPECT_EQ(std::set(ids.begin(), ids.end()).size(), 120U);
  EXPECT_EQ(yes, 120);
  expect_sound();
}

TEST_P(AuditWriterTest, MemoryIsBounded) {
  AuditWriterOptions small = options();
  small.queue_bytes_max = 64u << 10;
  FaultPlan plan;
  plan.down = true;
  small.connect = [this, &plan]() -> Result<std::unique_ptr<sql::Connection>> {
    if (plan.down) return gateway_error("store_gone", "made up");
    return sql::open(target_);
  };
  auto writer = start(small);
  for (int i = 0; i < 500; ++i) writer->write(allowed_record(i));
  const AuditStats stats = writer->stats();
  EXPECT_LE(stats.queued_bytes, small.queue_bytes_max);
  EXPECT_GT(stats.lost, 300U);
  EXPECT_FALSE(writer->available());
  plan.down = false;
  ASSERT_TRUE(writer->flush(kLongMs));
  EXPECT_EQ(run_ids().size() + stats.lost, 500U);
  writer->write(allowed_record(500));
  ASSERT_TRUE(writer->flush(kLongMs));
  std::string line;
  EXPECT_DONE(connection_->run("SELECT line FROM audit_record WHERE kind = 'admin'", {},
                               [&](const sql::Row& row) { line = row.text(0); }));
  EXPECT_THAT(line, HasSubstr(R"("event":"records_lost","count":)" + std::to_string(stats.lost)));
  expect_sound();
}

}  // namespace
}  // namespace capsem::store
