#include "server/store/audit_retention.h"

#include <algorithm>
#include <utility>

#include "core/audit/json_line.h"
#include "server/store/audit_chain.h"

namespace capsem::store {
namespace {

constexpr std::int64_t kDayMs = 86'400'000;
constexpr std::int64_t kFreePagesMax = 2'000;

Result<std::int64_t> number_of(sql::Connection& connection, std::string_view statement,
                               std::initializer_list<sql::Value> values = {}) {
  std::int64_t number = 0;
  const auto read =
      connection.run(statement, values, [&](const sql::Row& row) { number = row.number(0); });
  if (!read) return std::unexpected(read.error());
  return number;
}

Result<bool> deletes_any(sql::Connection& connection, std::string_view statement,
                         std::initializer_list<sql::Value> values) {
  const auto deleted = connection.run(statement, values);
  if (!deleted) return std::unexpected(deleted.error());
  return *deleted != 0;
}

}  // namespace

Result<bool> AuditRetention::step(sql::Connection& connection, std::int64_t wall_ms,
                                  const WriteRecord& write) {
  Result<bool> did = delete_records(connection);
  if (did && !*did) did = retire_next(connection, wall_ms, write);
  if (did && !*did) did = delete_content(connection, wall_ms);
  if (did && !*did) did = delete_violations(connection, wall_ms);
  if (did && !*did) did = delete_reviews(connection, wall_ms);
  if (did && *did) deleted_something_ = true;
  if (did && !*did && deleted_something_) {
    did = shrink_file(connection);
    if (did && !*did) deleted_something_ = false;
  }
  return did;
}

std::optional<std::int64_t> AuditRetention::cutoff_ms(std::int64_t wall_ms) const {
  if (limits_.days == 0) return std::nullopt;
  return wall_ms - std::int64_t{limits_.days} * kDayMs;
}

Result<bool> AuditRetention::delete_records(sql::Connection& connection) {
  std::int64_t first = 0, segment_end = 0;
  const auto found = connection.run(
      "SELECT number, oldest FROM (SELECT s.number, (SELECT MIN(r.place) FROM audit_record r "
      "WHERE r.place > s.number * $1 AND r.place < (s.number + 1) * $1) AS oldest "
      "FROM audit_segment s WHERE s.retired_ms IS NOT NULL) retired "
      "WHERE oldest IS NOT NULL LIMIT 1",
      {kPlacesPerSegment}, [&](const sql::Row& row) {
        segment_end = place_of(row.number(0) + 1, 0);
        first = row.number(1);
      });
  if (!found) return std::unexpected(found.error());
  if (segment_end == 0) return false;
  return deletes_any(connection, "DELETE FROM audit_record WHERE place >= $1 AND place < $2",
                     {first, std::min(first + kRowsPerStep, segment_end)});
}

Result<bool> AuditRetention::is_due(sql::Connection& connection, const Segment& oldest,
                                    std::int64_t wall_ms) {
  if (const auto cutoff = cutoff_ms(wall_ms); cutoff && oldest.closed_ms < *cutoff) return true;
  if (limits_.bytes_max == 0) return false;
  const auto bytes =
      number_of(connection,
                "SELECT CAST(COALESCE(SUM(bytes + content_bytes + records * $1), 0) AS BIGINT) "
                "FROM audit_segment WHERE retired_ms IS NULL",
                {kRowBytes});
  if (!bytes) return std::unexpected(bytes.error());
  return static_cast<std::uint64_t>(std::max<std::int64_t>(*bytes, 0)) > limits_.bytes_max;
}

Result<bool> AuditRetention::retire_next(sql::Connection& connection, std::int64_t wall_ms,
                                         const WriteRecord& write) {
  Segment oldest;
  const auto found = connection.run(
      "SELECT id, gateway, records, closed_ms, last_digest FROM audit_segment "
      "WHERE closed_ms IS NOT NULL AND retired_ms IS NULL ORDER BY begun_ms, id LIMIT 1",
      {}, [&](const sql::Row& row) {
        oldest = {.id = std::string(row.text(0)),
                  .gateway = std::string(row.text(1)),
                  .records = row.number(2),
                  .closed_ms = row.number(3),
                  .last_digest = to_hex(row.blob(4))};
      });
  if (!found) return std::unexpected(found.error());
  if (oldest.id.empty()) return false;
  const auto due = is_due(connection, oldest, wall_ms);
  if (!due || !*due) return due;

  // Never before the segment was closed, whatever the clock says: the verification relies on it.
  const std::int64_t retired_ms = std::max(wall_ms, oldest.closed_ms);
  audit::JsonLine line(1'024);
  line.open_object();
  line.number("time_ms", retired_ms);
  line.text("event", "segment_retired");
  line.text("gateway", oldest.gateway);
  line.text("segment", oldest.id);
  line.number("records", oldest.records);
  line.text("last_digest", oldest.last_digest);
  line.close_object();
  bool ours = false;
  const Status written = write(AuditEntry::plain(retired_ms, line.take()), [&]() -> Status {
    const auto marked = connection.run(
        "UPDATE audit_segment SET retired_ms = $1 WHERE id = $2 AND retired_ms IS NULL",
        {retired_ms, std::string_view(oldest.id)});
    if (!marked) return std::unexpected(marked.error());
    ours = *marked == 1;
    if (!ours) return gateway_error("chain_moved", "Another gateway has retired the segment");
    return {};
  });
  if (!written) {
    if (written.error().code == "chain_moved") return true;  // look again
    return std::unexpected(written.error());
  }
  ++retired_;
  return true;
}

Result<bool> AuditRetention::delete_content(sql::Connection& connection, std::int64_t wall_ms) {
  const auto retired = number_of(
      connection,
      "SELECT COALESCE(MAX(closed_ms), 0) FROM audit_segment WHERE retired_ms IS NOT NULL");
  if (!retired) return std::unexpected(retired.error());
  const std::int64_t until = std::max(*retired, cutoff_ms(wall_ms).value_or(0));
  if (until == 0) return false;
  return deletes_any(connection,
                     "DELETE FROM audit_content WHERE run_id IN (SELECT run_id FROM audit_content "
                     "WHERE time_ms < $1 ORDER BY time_ms LIMIT $2)",
                     {until, kRowsPerStep});
}

Result<bool> AuditRetention::delete_violations(sql::Connection& connection, std::int64_t wall_ms) {
  const auto until = cutoff_ms(wall_ms);
  if (!until) return false;
  return deletes_any(connection,
                     "DELETE FROM violation WHERE id IN (SELECT id FROM violation "
                     "WHERE time_ms < $1 AND status IN ('RESOLVED', 'DISMISSED') LIMIT $2)",
                     {*until, kRowsPerStep});
}

// One whose time is not over may still answer a retry.
Result<bool> AuditRetention::delete_reviews(sql::Connection& connection, std::int64_t wall_ms) {
  const auto until = cutoff_ms(wall_ms);
  if (!until) return false;
  return deletes_any(connection,
                     "DELETE FROM review WHERE id IN (SELECT id FROM review WHERE expires_ms < $1 "
                     "AND status NOT IN ('PENDING', 'APPROVED') LIMIT $2)",
                     {*until, kRowsPerStep});
}

Result<bool> AuditRetention::shrink_file(sql::Connection& connection) {
  if (connection.kind() != sql::Kind::Sqlite) return false;
  const auto free_pages = number_of(connection, "PRAGMA freelist_count");
  if (!free_pages) return std::unexpected(free_pages.error());
  if (*free_pages > kFreePagesMax) {
    // A file that was made without it does not shrink; what is free in it is used again.
    const auto done = connection.run("PRAGMA incremental_vacuum(1000)");
    if (!done) return std::unexpected(done.error());
    const auto left = number_of(connection, "PRAGMA freelist_count");
    if (!left) return std::unexpected(left.error());
    if (*left < *free_pages) return true;
  }
  // What was freed leaves the log, too. Readers may keep it from being done now: no error.
  const auto done = connection.run("PRAGMA wal_checkpoint(TRUNCATE)");
  if (!done && done.error().code != "store_busy") return std::unexpected(done.error());
  return false;
}

}  // namespace capsem::store
