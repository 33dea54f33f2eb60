#include "server/store/audit_chain_reader.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "server/store/audit_chain.h"

namespace capsem::store {
namespace {

constexpr std::int64_t kRowsPerFetch = 256;

}  // namespace

Result<std::vector<AuditSegmentInfo>> list_segments(sql::Connection& connection) {
  std::vector<AuditSegmentInfo> segments;
  const auto read = connection.run(
      "SELECT id, gateway, number, records, begun_ms, closed_ms, retired_ms FROM audit_segment "
      "ORDER BY id",
      {}, [&](const sql::Row& row) {
        segments.push_back({.id = std::string(row.text(0)),
                            .gateway = std::string(row.text(1)),
                            .number = row.number(2),
                            .records = row.number(3),
                            .begun_ms = row.number(4),
                            .closed_ms = row.number(5),
                            .retired = !row.is_null(6)});
      });
  if (!read) return std::unexpected(read.error());
  return segments;
}

Result<bool> AuditChainReader::load(sql::Connection& connection) {
  const auto on_row = [this](const sql::Row& row) {
    AuditRow next{.segment = segments_[at_].id,
                  .seq = row.number(0),
                  .kind = std::string(row.text(1)),
                  .run_id = std::string(row.text(3)),
                  .tenant = std::string(row.text(4)),
                  .time_ms = row.number(2),
                  .line = std::string(row.text(5))};
    seq_ = next.seq;
    rows_.push_back(std::move(next));
  };
  while (rows_.empty()) {
    const std::int64_t number = segments_[at_].number;
    const std::int64_t behind = place_of(number, std::min(seq_, kPlacesPerSegment - 1));
    const auto read =
        newest_first_ ? connection.run(
                            "SELECT seq, kind, time_ms, run_id, tenant_id, line FROM audit_record "
                            "WHERE place > $1 AND place < $2 ORDER BY place DESC LIMIT $3",
                            {place_of(number, 0), behind, kRowsPerFetch}, on_row)
                      : connection.run(
                            "SELECT seq, kind, time_ms, run_id, tenant_id, line FROM audit_record "
                            "WHERE place > $1 AND place < $2 ORDER BY place LIMIT $3",
                            {behind, place_of(number + 1, 0), kRowsPerFetch}, on_row);
    if (!read) return std::unexpected(read.error());
    if (!rows_.empty()) break;
    if (at_ + 1 == segments_.size()) return false;
    ++at_;
    seq_ = newest_first_ ? std::numeric_limits<std::int64_t>::max() : 0;
  }
  return true;
}

void AuditChainReader::pop() {
  place_ = std::move(rows_.front().segment);
  place_seq_ = rows_.front().seq;
  rows_.pop_front();
}

}  // namespace capsem::store
