#include "server/store/audit_writer.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>
#include <utility>

#include "server/sql/schema.h"
#include "server/store/audit_thread.h"

namespace capsem::store {
namespace {

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "gateway";
  return name.data();
}

Result<std::unique_ptr<sql::Connection>> open_migrated(const sql::Target& target) {
  auto connection = sql::open(target);
  if (!connection) return connection;
  if (Status done = sql::migrate(**connection); !done) return std::unexpected(done.error());
  return connection;
}

AuditWriterOptions completed(AuditWriterOptions options) {
  // A statement that waits for longer than callers do helps nobody.
  const std::uint32_t most = std::max(options.write_ms_max * 3 / 4, 1U);
  options.target.busy_ms = std::min(options.target.busy_ms, most);
  options.target.statement_ms = std::min(options.target.statement_ms, most);
  options.target.connect_ms = std::min(options.target.connect_ms, most);
  if (options.gateway.empty() && options.target.kind == sql::Kind::Postgres) {
    options.gateway = host_name();
  }
  if (!options.connect) {
    options.connect = [target = options.target] { return open_migrated(target); };
  }
  return options;
}

}  // namespace

struct AuditWriter::Impl {
  Impl(AuditWriterOptions options, const Clock& clock, AuditContentParts parts)
      : shared(completed(std::move(options)), clock), worker(shared, std::move(parts)) {}

  AuditShared shared;
  AuditThread worker;
  std::thread thread;
};

AuditWriter::AuditWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {
  impl_->thread = std::thread([this] { impl_->worker.run(); });
}

Result<std::unique_ptr<AuditWriter>> AuditWriter::start(AuditWriterOptions options,
                                                        const Clock& clock,
                                                        AuditContentParts content) {
  auto impl = std::make_unique<Impl>(std::move(options), clock, std::move(content));
  if (Status opened = impl->worker.open_spool(); !opened) return std::unexpected(opened.error());
  return std::unique_ptr<AuditWriter>(new AuditWriter(std::move(impl)));
}

AuditWriter::~AuditWriter() {
  AuditShared& shared = impl_->shared;
  shared.deadline_ns.store(shared.clock.monotonic_ns() +
                           std::int64_t{shared.options.flush_ms_max} * 1'000'000);
  shared.stopping.store(true);
  shared.bell.ring(Bell::Level::Now);
  impl_->thread.join();
}

void AuditWriter::write(const audit::Record& record, Written written) {
  write(record, audit::to_json_line(record), std::move(written));
}

void AuditWriter::write(const audit::Record& record, std::string line, Written written) {
  AuditShared& shared = impl_->shared;
  AuditEntry entry(record, std::move(line));
  entry.pushed_ns = shared.clock.monotonic_ns();
  entry.waited_for = static_cast<bool>(written);
  entry.written = std::move(written);
  entry.charged_bytes = entry.size();
  const bool waited_for = entry.waited_for;
  const std::uint64_t bytes = entry.charged_bytes;
  const std::uint64_t queued =
      shared.queued_bytes.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  // Before it is in the queue: whoever takes it out counts it down again.
  const std::uint64_t urgent =
      waited_for ? shared.urgent.fetch_add(1, std::memory_order_seq_cst) + 1 : 0;
  shared.pushed.fetch_add(1);
  if (queued > shared.options.queue_bytes_max || !shared.queue.push(std::move(entry))) {
    shared.queued_bytes.fetch_sub(bytes, std::memory_order_relaxed);
    if (waited_for) shared.urgent.fetch_sub(1, std::memory_order_seq_cst);
    shared.settled.fetch_add(1);
    shared.lost.fetch_add(1, std::memory_order_relaxed);
    if (shared.options.on_failure != AuditOnFailure::Open) return shared.refuse(entry);
    if (entry.written) entry.written(true);
    return;
  }
  const bool many =
      queued > shared.options.queue_bytes_max / 4 || urgent >= shared.options.group_records;
  shared.bell.ring(many ? Bell::Level::Now : waited_for ? Bell::Level::Urgent : Bell::Level::Any);
}

bool AuditWriter::available() const {
  const AuditShared& shared = impl_->shared;
  if (shared.options.on_failure == AuditOnFailure::Open) return true;
  // What is left above that is for the exchanges that have begun.
  const std::uint64_t most = shared.options.queue_bytes_max / 4 * 3;
  if (shared.queued_bytes.load(std::memory_order_relaxed) > most) return false;
  return shared.healthy.load(std::memory_order_relaxed) ||
         shared.spooling.load(std::memory_order_relaxed);
}

AuditStats AuditWriter::stats() const {
  const AuditShared& shared = impl_->shared;
  return {.written = shared.written.load(),
          .lost = shared.lost.load(),
          .refused = shared.refused.load(),
          .commits = shared.commits.load(),
          .failures = shared.failures.load(),
          .queued_bytes = shared.queued_bytes.load(),
          .spool_bytes = shared.spool_bytes.load(),
          .last_commit_us = shared.last_commit_us.load(),
          .retired_segments = shared.retired_segments.load(),
          .available = available()};
}

bool AuditWriter::flush(std::uint32_t ms) {
  const AuditShared& shared = impl_->shared;
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(ms);
  const std::uint64_t pushed = shared.pushed.load();
  while (!shared.healthy.load() || shared.settled.load() < pushed) {
    if (std::chrono::steady_clock::now() >= until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace capsem::store
