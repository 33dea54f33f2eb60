// Writes one JSON line per exchange without ever making an event loop wait for a disk or a pipe.
//
// Lines go through a bounded queue to one writer thread. A line that finds the queue full is
// dropped, counted, and told: once there is room a line {"event":"records_dropped","count":N} says
// how many are missing. A write that fails counts its lines the same way.
//
// Thread-safe: write(), reopen() and the counters may be used from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "core/audit/record.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "server/store/bounded_queue.h"

namespace capsem::app {

struct LogSinkOptions {
  std::string path{};                 // empty: standard output
  bool every_exchange = true;         // false: only those with a decision or a fault
  std::size_t lines_max = 16'384;     // queued; more are dropped
  std::int64_t flush_ms_max = 5'000;  // how long the destructor waits for a reader that is stuck
};

class LogSink final : public audit::Sink {
 public:
  // `clock` outlives the sink. An error: the file cannot be opened.
  static Result<std::unique_ptr<LogSink>> open(const LogSinkOptions& options, const Clock& clock);
  // As open(), with a descriptor that the sink takes over; path is unused.
  LogSink(const LogSinkOptions& options, int descriptor, const Clock& clock);
  ~LogSink() override;  // writes what is queued, within flush_ms_max

  using audit::Sink::write;
  // `written` is told at once that the record is kept: a log is no promise, and nobody waits for
  // it.
  void write(const audit::Record& record, Written written) override;
  // The same when the record's line has been made already (to_json_line()).
  void write_line(const audit::Record& record, std::string_view line);

  // Opens the file anew before the next line is written, for log rotation.
  void reopen() { reopen_.store(true, std::memory_order_relaxed); }

  std::uint64_t written() const { return written_.load(std::memory_order_relaxed); }
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  bool wants(const audit::Record& record) const;
  void push(std::string line);
  void run();
  bool write_all(std::string_view bytes);
  bool wait_writable();
  void write_batch(std::string& batch, std::uint64_t lines);
  void append_drop_notice(std::string& batch);
  void open_anew();

  // Constant after construction.
  const LogSinkOptions options_;
  const Clock& clock_;

  // Shared.
  store::BoundedQueue<std::string> queue_;
  store::Bell bell_;
  std::atomic<std::uint64_t> written_{0}, dropped_{0};
  std::atomic<bool> reopen_{false}, stopping_{false};
  std::atomic<std::int64_t> deadline_ns_{0};

  // The writer thread's alone.
  int descriptor_;
  bool is_file_;
  std::uint64_t told_dropped_ = 0;
  std::thread writer_;
};

}  // namespace capsem::app
