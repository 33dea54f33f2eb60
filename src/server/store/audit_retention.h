// What the audit forgets, when it is told to: whole closed segments that are too old, or the oldest
// ones when all of them are too large; and kept content and closed violations of that age.
//
// A segment is marked as retired, and a record in the chain says so, in one transaction; its rows
// go afterwards, a few at a time, between other commits. Its own row stays: the chain has no holes.
// SQLite's file gives the space back.
//
// Of the audit writer's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "core/base/error.h"
#include "server/sql/database.h"
#include "server/store/audit_entry.h"

namespace capsem::store {

struct RetentionLimits {
  std::uint32_t days = 0;
  std::uint64_t bytes_max = 0;
};

class AuditRetention {
 public:
  static constexpr std::int64_t kRowsPerStep = 500;
  // A row's columns beside its line, and its place in the tree.
  static constexpr std::int64_t kRowBytes = 200;

  explicit AuditRetention(const RetentionLimits& limits) : limits_(limits) {}

  // Writes `entry` to the chain and runs `also` in the same transaction.
  using WriteRecord = std::function<Status(AuditEntry entry, const std::function<Status()>& also)>;

  // One small piece of work. False: there is nothing to do now.
  Result<bool> step(sql::Connection& connection, std::int64_t wall_ms, const WriteRecord& write);

  std::uint64_t retired() const { return retired_; }

 private:
  struct Segment {
    std::string id, gateway;
    std::int64_t records = 0, closed_ms = 0;
    std::string last_digest;
  };
  Result<bool> delete_records(sql::Connection& connection);
  Result<bool> retire_next(sql::Connection& connection, std::int64_t wall_ms,
                           const WriteRecord& write);
  Result<bool> is_due(sql::Connection& connection, const Segment& oldest, std::int64_t wall_ms);
  Result<bool> delete_content(sql::Connection& connection, std::int64_t wall_ms);
  Result<bool> delete_violations(sql::Connection& connection, std::int64_t wall_ms);
  Result<bool> delete_reviews(sql::Connection& connection, std::int64_t wall_ms);
  Result<bool> shrink_file(sql::Connection& connection);
  std::optional<std::int64_t> cutoff_ms(std::int64_t wall_ms) const;

  const RetentionLimits limits_;
  bool deleted_something_ = false;
  std::uint64_t retired_ = 0;
};

}  // namespace capsem::store
