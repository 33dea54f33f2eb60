// The audit writer's thread: what it does with the entries that come through the queue. Its own
// alone, but for what is atomic.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "server/sql/database.h"
#include "server/store/audit_batch.h"
#include "server/store/audit_entry.h"
#include "server/store/audit_retention.h"
#include "server/store/audit_spool.h"
#include "server/store/audit_writer.h"
#include "server/store/bounded_queue.h"

namespace capsem::store {

// What producers and the writer's thread share.
struct AuditShared {
  static constexpr std::size_t kEntriesMax = 32'768;

  AuditShared(const AuditWriterOptions& options_in, const Clock& clock_in)
      : options(options_in), clock(clock_in) {}

  // Constant.
  const AuditWriterOptions options;
  const Clock& clock;

  BoundedQueue<AuditEntry> queue{kEntriesMax};
  Bell bell;
  std::atomic<std::uint64_t> pushed{0}, settled{0};  // entries; settled: written, kept or lost
  std::atomic<std::uint64_t> queued_bytes{0}, urgent{0};
  std::atomic<std::uint64_t> written{0}, lost{0}, refused{0}, commits{0}, failures{0};
  std::atomic<std::uint64_t> spool_bytes{0}, last_commit_us{0}, retired_segments{0};
  std::atomic<bool> healthy{false};   // the database takes records
  std::atomic<bool> spooling{false};  // a spool takes them instead
  std::atomic<bool> stopping{false};
  std::atomic<std::int64_t> deadline_ns{0};  // of stopping

  // Whoever waits is told no; the record is lost unless somebody else still has it.
  void refuse(AuditEntry& entry);
};

class AuditThread {
 public:
  AuditThread(AuditShared& shared, AuditContentParts parts);

  Status open_spool();
  // Until stopping, and then until everything is written or the deadline has passed.
  void run();

 private:
  using Instant = std::int64_t;  // monotonic nanoseconds

  // Entries.
  void work(bool stopping);
  void take();
  std::span<AuditEntry> pending() { return std::span(entries_).subspan(done_); }
  void settle(std::size_t count, bool written);
  void refuse_late();
  Instant due_ns() const;
  void sleep_until(Instant until, Bell::Level level);

  // The database.
  void fail(const Error& error);
  void try_recover();
  Status reopen();
  Status resolve_doubt();
  Status write_pending();
  Status write_batch();
  Status write_own(AuditEntry entry, const std::function<Status()>& also);
  Status reread_head();
  void tell_of_losses();
  void keep_house();

  // When it does not take records.
  void do_without();
  void spool_pending();
  Status import_spool();
  Status import_payloads();
  std::string doubtful_payload(std::span<const AuditEntry> entries) const;
  Status decode(std::string_view payload, std::vector<AuditEntry>& entries);
  void give_up();

  AuditShared& shared_;
  const AuditWriterOptions& options_;
  const SegmentLimits segment_limits_;
  const AuditContentParts parts_;
  const bool seals_;  // content was to be sealed from the beginning on

  std::vector<AuditEntry> entries_;  // taken and not written, from done_ on
  std::size_t done_ = 0;
  std::size_t settled_content_ = 0;  // entries before it have no texts any more
  std::size_t waiting_ = 0;          // entries that somebody waits for
  Instant first_urgent_ns_ = 0, last_commit_ns_ = 0;
  std::uint64_t told_lost_ = 0;

  std::unique_ptr<sql::Connection> connection_;
  std::string gateway_;
  ChainHead head_;
  AuditBatch batch_;
  AuditRetention retention_;
  Instant next_house_ns_ = 0;
  Instant retry_at_ns_ = 0, retry_ns_ = 0;

  // The first entries that are pending were in a transaction whose outcome is unknown.
  std::optional<InDoubt> doubt_;
  std::size_t doubtful_ = 0;

  AuditSpool spool_;
  bool spool_open_ = false, spool_takes_ = false;
};

}  // namespace capsem::store
