// Records into the database: one transaction for one batch, and the chain's place afterwards.
//
// Not thread-safe; of the audit writer's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "server/sql/database.h"
#include "server/store/audit_chain.h"
#include "server/store/audit_entry.h"
#include "server/store/audit_usage.h"

namespace capsem::store {

struct SegmentLimits {
  std::int64_t records_max = 100'000, bytes_max = 128 << 20;
};

// Where a gateway's chain ends in the database.
struct ChainHead {
  std::string gateway{};
  std::string segment{};    // empty: the gateway has none yet
  std::int64_t number = 0;  // the segment's
  std::int64_t records = 0, bytes = 0, content_bytes = 0, begun_ms = 0;
  Digest digest{};  // what the next record carries on from

  bool full(const SegmentLimits& limits) const {
    return segment.empty() || records >= limits.records_max || bytes >= limits.bytes_max;
  }
};

// What names the chain: `wanted`, or the name that the database keeps for its one gateway.
Result<std::string> chain_name(sql::Connection& connection, std::string_view wanted);
// `locks`: waits for a transaction that another connection may still have open on it (one of ours,
// which broke). REQUIRES then: in a transaction.
Result<ChainHead> read_head(sql::Connection& connection, const std::string& gateway,
                            bool locks = false);

// The last record of a transaction whose outcome is unknown.
struct InDoubt {
  std::string segment{};
  std::int64_t seq = 0;
  Digest digest{};
};
// Is it in the database?
Result<bool> was_written(sql::Connection& connection, const InDoubt& last);

class AuditBatch {
 public:
  // How many of `entries` the next transaction takes: as many as the segment that it goes to has
  // room for, and at least one.
  static std::size_t fit(const ChainHead& head, std::span<const AuditEntry> entries,
                         const SegmentLimits& limits);

  // One transaction: the records, in order, behind `head`; what belongs to them; and `also`, if
  // any, before the commit. `head` moves on only when all of it is written.
  // Error "chain_moved": somebody else has written to this chain; read its head anew.
  // REQUIRES: entries are as many as fit() says, their texts are bodies.
  Status write(sql::Connection& connection, ChainHead& head, std::span<const AuditEntry> entries,
               const SegmentLimits& limits, std::int64_t wall_ms,
               const std::function<Status()>& also = {});

  // Of the last write(): what tells whether it took place.
  const InDoubt& last() const { return last_; }

 private:
  // Gives a new segment its number.
  Status write_segment(sql::Connection& connection, const ChainHead& before, ChainHead& after);
  Status write_records(sql::Connection& connection, const ChainHead& after,
                       std::span<const AuditEntry> entries, std::int64_t first_seq);
  Status write_records_at_once(sql::Connection& connection, const ChainHead& after,
                               std::span<const AuditEntry> entries, std::int64_t first_seq);
  Status write_extra(sql::Connection& connection, const AuditEntry& entry);
  ChainHead next_segment(const ChainHead& head, std::int64_t wall_ms);

  ChainDigester digester_;
  AuditUsage usage_;
  std::vector<Digest> digests_;
  std::vector<sql::Value> row_values_;
  InDoubt last_;
};

}  // namespace capsem::store
