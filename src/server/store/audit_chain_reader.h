// Reads one gateway's chain of records, in either direction, in small pieces.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "server/sql/database.h"
#include "server/store/audit_query.h"

namespace capsem::store {

struct AuditSegmentInfo {
  std::string id, gateway;
  std::int64_t number = 0;  // what its records' places begin with
  std::int64_t records = 0, begun_ms = 0;
  std::int64_t closed_ms = 0;  // 0: still written to
  bool retired = false;
};
// All of them, by id, which is by begin.
Result<std::vector<AuditSegmentInfo>> list_segments(sql::Connection& connection);

class AuditChainReader {
 public:
  // `segments`: of one gateway, in the order of reading; the first is read behind `seq` (newest
  // first: records before it). Not empty.
  AuditChainReader(std::vector<AuditSegmentInfo> segments, bool newest_first, std::int64_t seq)
      : segments_(std::move(segments)),
        newest_first_(newest_first),
        seq_(seq),
        place_(segments_.front().id),
        place_seq_(seq) {}

  // False: there is no further record now.
  Result<bool> load(sql::Connection& connection);
  // After load() said true.
  AuditRow& front() { return rows_.front(); }
  void pop();

  // Where reading goes on: behind what was popped.
  const std::string& segment() const { return place_; }
  std::int64_t seq() const { return place_seq_; }
  const std::string& gateway() const { return segments_.front().gateway; }

 private:
  std::vector<AuditSegmentInfo> segments_;
  bool newest_first_;
  std::size_t at_ = 0;  // the segment that is fetched from
  std::int64_t seq_;    // the last record fetched
  std::deque<AuditRow> rows_;
  std::string place_;  // the last record popped, or where reading begins
  std::int64_t place_seq_;
};

}  // namespace capsem::store
