// The audit's writer over a real SQLite file, synchronous=FULL.
//
//   BM_AuditRecord  records that nobody waits for, so many to a commit. `cpu_us` is what one record
//                   costs all threads together: making its line, queueing, the chain's digest, the
//                   rows. The goal is 3 us. Args: records per commit, 1 when the line is there
//                   already (the log needs it, too).
//   BM_AuditWait    one record that is waited for: what a refusal waits, the disk's sync included.
#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include <chrono>
#include <filesystem>
#include <future>
#include <memory>
#include <string>

#include "server/store/audit_writer.h"

namespace capsem::store {
namespace {

class RealClock final : public Clock {
 public:
  std::int64_t monotonic_ns() const override {
    return std::chrono::steady_clock::now().time_since_epoch().count();
  }
  std::int64_t wall_ms() const override {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
};

// A plain chat request as the gateway records it.
audit::Record allowed() {
  audit::Record r;
  r.dialect = "openai_chat";
  r.model = "gpt-5-nano";
  r.revision = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
  r.request_id = "req_0123456789abcdef01234567";
  r.run_id = "01937f2e-79b0-7123-8123-0123456789ab";
  r.user_id = "0011223344556677";
  r.tenant = "default";
  r.agent = "openai-direct";
  r.method = "POST";
  r.path = "/v1/chat/completions";
  r.provider = "openai";
  r.status = r.upstream_status = 200;
  r.outcome = "complete";
  r.evaluated = r.request_inspected = r.answer_inspected = true;
  r.inspected[0] = {.texts = 2, .bytes = 2'048};
  r.inspected[4] = {.texts = 1, .bytes = 512};
  r.usage = {.input_tokens = 500, .output_tokens = 120, .total_tokens = 620, .known = true};
  r.cost_nano = 1'500;
  r.finish_reason = "stop";
  r.request_bytes = 2'300;
  r.response_bytes = 900;
  r.started_wall_ms = 1'795'000'000'000;
  r.duration_us = 1'234;
  r.upstream_us = 1'100;
  r.inspection_us = 40;
  r.first_byte_us = 1'150;
  return r;
}

struct Fixture {
  explicit Fixture(std::uint32_t lazy_ms) {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    AuditWriterOptions options;
    options.target.location = folder + "/capsem.db";
    options.lazy_ms = lazy_ms;
    options.write_ms_max = 60'000;
    writer = std::move(AuditWriter::start(std::move(options), clock).value());
    writer->flush(10'000);
  }
  ~Fixture() {
    writer.reset();
    std::filesystem::remove_all(folder);
  }
  const std::string folder = "/tmp/capsem-store-bench";
  RealClock clock;
  std::unique_ptr<AuditWriter> writer;
};

double cpu_us() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto us = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_usec);
  };
  return us(usage.ru_utime) + us(usage.ru_stime);
}

void BM_AuditRecord(benchmark::State& state) {
  Fixture fixture(1);
  const audit::Record record = allowed();
  const std::string line = to_json_line(record);
  const bool has_line = state.range(1) != 0;
  const double before = cpu_us();
  std::int64_t records = 0;
  for (auto _ : state) {
    for (std::int64_t i = 0; i < state.range(0); ++i) {
      if (has_line) {
        fixture.writer->write(record, line, {});
      } else {
        fixture.writer->write(record);
      }
    }
    records += state.range(0);
    fixture.writer->flush(10'000);
  }
  state.counters["cpu_us"] = (cpu_us() - before) / static_cast<double>(records);
  state.counters["line_bytes"] = static_cast<double>(line.size());
  state.SetItemsProcessed(records);
}
BENCHMARK(BM_AuditRecord)
    ->Args({64, 0})
    ->Args({512, 0})
    ->Args({2'048, 0})
    ->Args({2'048, 1})
    ->UseRealTime();

void BM_AuditWait(benchmark::State& state) {
  Fixture fixture(100);
  const audit::Record record = allowed();
  for (auto _ : state) {
    std::promise<bool> kept;
    fixture.writer->write(record, [&kept](bool yes) { kept.set_value(yes); });
    if (!kept.get_future().get()) state.SkipWithError("not kept");
  }
}
BENCHMARK(BM_AuditWait)->UseRealTime();

}  // namespace
}  // namespace capsem::store
