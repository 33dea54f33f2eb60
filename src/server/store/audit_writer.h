// The audit: one thread that keeps every record in the database, in a chain that shows whether
// anything was changed (promises 3-5, T37, T38). With the record, in the same transaction, go its
// violations (R51), its share of the day's usage, and the content its tenant wants kept (T35).
//
// Commits gather. Where somebody waits: at once after a pause, otherwise what comes in `group_ms`,
// or `group_records`. Where nobody waits: within `lazy_ms`.
//
// Failure. A transaction that fails leaves the records where they are. Whoever waits is told within
// `write_ms_max`; the connection is closed and opened anew with growing pauses; what the last
// commit wrote, when that is unknown, is looked up before anything else is written. So every record
// is written once, in order, and recovery needs no restart. Meanwhile:
//   Closed  whoever waits hears no; available() is false. A record whose waiting caller was told no
//           is still written later, with "answered":"audit_unavailable".
//   Spool   records go to a file, are synced, and count as kept; read in when the database is back
//   Open    whoever waits hears yes; what does not fit into memory is lost, and counted
// What was lost is told by a record of its own ("event":"records_lost").
//
// Thread-safe: write(), available() and stats() from any thread; callbacks run on the writer's.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/audit/record.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "server/sql/database.h"
#include "server/vault/vault.h"

namespace capsem::store {

enum class AuditOnFailure : std::uint8_t { Closed, Spool, Open };

struct AuditWriterOptions {
  sql::Target target{};
  // The chain's name. Empty: one that is kept in the database (SQLite), or the host's (PostgreSQL).
  // Two gateways that have the same name share one chain, and get in each other's way.
  std::string gateway{};
  AuditOnFailure on_failure = AuditOnFailure::Closed;
  std::uint32_t write_ms_max = 1'000;
  std::uint32_t group_ms = 2, group_records = 64;
  std::uint32_t lazy_ms = 100;
  std::uint64_t queue_bytes_max = 64u << 20;
  std::string spool_path{};  // of Spool
  std::uint64_t spool_bytes_max = 256u << 20;
  std::uint32_t segment_records_max = 100'000;
  std::uint64_t segment_bytes_max = 128u << 20;
  std::uint32_t retention_days = 0;                 // 0: for ever
  std::uint64_t retention_bytes_max = 16ull << 30;  // 0: no bound
  std::uint64_t content_bytes_max = 1u << 20;
  std::uint32_t flush_ms_max = 5'000;  // how long the destructor tries
  std::uint32_t retry_ms = 100, retry_ms_max = 2'000;
  // How connections are made; empty: sql::open(target), migrated.
  std::function<Result<std::unique_ptr<sql::Connection>>()> connect{};
};

// What the content levels need. Pointers outlive the writer.
struct AuditContentParts {
  const vault::Vault* vault = nullptr;  // without a key: not sealed; null: nothing is kept
  // A text with everything personal masked; called on the writer's thread. None: the level
  // "redacted" keeps what "hash" would.
  std::function<std::string(std::string_view)> mask{};
};

struct AuditStats {
  std::uint64_t written = 0, lost = 0;  // records
  std::uint64_t refused = 0;            // callers that were told no
  std::uint64_t commits = 0, failures = 0;
  std::uint64_t queued_bytes = 0, spool_bytes = 0;
  std::uint64_t last_commit_us = 0;
  std::uint64_t retired_segments = 0;
  bool available = false;
};

class AuditWriter final : public audit::Sink {
 public:
  // `clock` outlives the writer. Does not wait for the database: until it answers the writer is as
  // after a failure. An error: the spool cannot be opened.
  static Result<std::unique_ptr<AuditWriter>> start(AuditWriterOptions options, const Clock& clock,
                                                    AuditContentParts content = {});
  ~AuditWriter() override;  // writes what is queued, within flush_ms_max

  using audit::Sink::write;
  void write(const audit::Record& record, Written written) override;
  // The same when the record's line has been made already (to_json_line()).
  void write(const audit::Record& record, std::string line, Written written);
  bool available() const override;

  AuditStats stats() const;
  // True as soon as the database has answered once and everything queued so far is written; false
  // after `ms`. For starts and tests; not for loops.
  bool flush(std::uint32_t ms);

 private:
  struct Impl;
  explicit AuditWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The masking that AuditContentParts wants, made of all detectors of personal data and of secrets:
// "[EMAIL_ADDRESS]", "[SECRET:github-token]" for what was found. Not thread-safe: one for one
// writer.
std::function<std::string(std::string_view)> make_content_mask();

}  // namespace capsem::store
