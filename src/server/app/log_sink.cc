#include "server/app/log_sink.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstring>
#include <utility>

namespace capsem::app {
namespace {

constexpr std::size_t kBatchBytes = 256u << 10;
constexpr std::chrono::milliseconds kGather{5};

// Who may read the records: the owner and the group; they hold names and times.
int open_log(const std::string& path) {
  if (path.empty()) return STDOUT_FILENO;
  return ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
}

bool is_regular_file(int descriptor) {
  struct stat status{};
  return ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
}

bool has_something_to_say(const audit::Record& record) {
  return !record.decisions.empty() || !record.error_code.empty() ||
         record.verdict != policy::Verdict::Allow;
}

}  // namespace

Result<std::unique_ptr<LogSink>> LogSink::open(const LogSinkOptions& options, const Clock& clock) {
  const int descriptor = open_log(options.path);
  if (descriptor < 0) {
    return gateway_error("unwritable_file",
                         fmt::format("{}: {}", options.path, std::strerror(errno)));
  }
  return std::make_unique<LogSink>(options, descriptor, clock);
}

LogSink::LogSink(const LogSinkOptions& options, int descriptor, const Clock& clock)
    : options_(options),
      clock_(clock),
      queue_(options.lines_max),
      descriptor_(descriptor),
      is_file_(is_regular_file(descriptor)) {
  writer_ = std::thread([this] { run(); });
}

LogSink::~LogSink() {
  deadline_ns_.store(clock_.monotonic_ns() + options_.flush_ms_max * 1'000'000);
  stopping_.store(true);
  bell_.ring(store::Bell::Level::Any);
  writer_.join();
  if (descriptor_ > STDERR_FILENO) ::close(descriptor_);
}

void LogSink::write(const audit::Record& record, Written written) {
  if (written) written(true);
  if (wants(record)) push(audit::to_json_line(record));
}

void LogSink::write_line(const audit::Record& record, std::string_view line) {
  if (wants(record)) push(std::string(line));
}

bool LogSink::wants(const audit::Record& record) const {
  return options_.every_exchange || has_something_to_say(record);
}

void LogSink::push(std::string line) {
  line += '\n';
  if (queue_.push(std::move(line))) {
    bell_.ring(store::Bell::Level::Any);
  } else {
    dropped_.fetch_add(1, std::memory_order_relaxed);
  }
}

void LogSink::run() {
  std::string batch, line;
  for (;;) {
    // Read before the queue: what was pushed before stopping is written.
    const bool stopping = stopping_.load();
    if (reopen_.exchange(false, std::memory_order_relaxed)) open_anew();
    std::uint64_t lines = 0;
    batch.clear();
    while (batch.size() < kBatchBytes && queue_.pop(line)) {
      batch += line;
      ++lines;
    }
    append_drop_notice(batch);
    if (!batch.empty()) {
      write_batch(batch, lines);
    } else if (stopping) {
      return;
    } else {
      bell_.wait(store::Bell::Level::Any, std::chrono::steady_clock::time_point::max(),
                 [this] { return !queue_.empty() || stopping_.load(); });
      // Whoever woke us is seldom alone: a short wait makes one write of many lines, and spares the
      // loops the wake-ups.
      if (!stopping_.load()) std::this_thread::sleep_for(kGather);
    }
  }
}

void LogSink::append_drop_notice(std::string& batch) {
  const std::uint64_t dropped = dropped_.load(std::memory_order_relaxed);
  if (dropped == told_dropped_) return;
  batch += fmt::format("{{\"event\":\"records_dropped\",\"count\":{},\"wall_ms\":{}}}\n",
                       dropped - told_dropped_, clock_.wall_ms());
  told_dropped_ = dropped;
}

void LogSink::write_batch(std::string& batch, std::uint64_t lines) {
  if (write_all(batch)) {
    written_.fetch_add(lines, std::memory_order_relaxed);
    return;
  }
  // The counter alone: a notice could not be written either, and must not be tried for ever.
  told_dropped_ += lines;
  dropped_.fetch_add(lines, std::memory_order_relaxed);
}

bool LogSink::write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    // After poll() a pipe takes PIPE_BUF bytes at once; more could block past the deadline. A file
    // needs neither.
    const std::size_t size =
        is_file_ ? bytes.size() : std::min<std::size_t>(bytes.size(), PIPE_BUF);
    if (!is_file_ && !wait_writable()) return false;
    const ssize_t done = ::write(descriptor_, bytes.data(), size);
    if (done < 0 && errno != EINTR && errno != EAGAIN) return false;
    if (done > 0) bytes.remove_prefix(static_cast<std::size_t>(done));
  }
  return true;
}

bool LogSink::wait_writable() {
  constexpr int kLookMs = 100;
  for (;;) {
    pollfd entry{.fd = descriptor_, .events = POLLOUT, .revents = 0};
    const int ready = ::poll(&entry, 1, kLookMs);
    if (ready > 0) return (entry.revents & (POLLERR | POLLNVAL)) == 0;
    if (ready < 0 && errno != EINTR) return false;
    if (stopping_.load() && clock_.monotonic_ns() > deadline_ns_.load()) return false;
  }
}

void LogSink::open_anew() {
  if (options_.path.empty()) return;
  const int descriptor = open_log(options_.path);
  if (descriptor < 0) return;  // the old file goes on
  if (descriptor_ > STDERR_FILENO) ::close(descriptor_);
  descriptor_ = descriptor;
  is_file_ = is_regular_file(descriptor);
}

}  // namespace capsem::app
