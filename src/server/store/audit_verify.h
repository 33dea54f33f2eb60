// Does the audit still say what was written (promise 5, T38)? Walks every chain from its oldest
// record to its newest and names the first record that is broken.
//
// Found: a changed byte in any column of any record or segment, records or segments that were
// removed, added or swapped, and a tail that was cut off a closed segment. A tail that was cut off
// the newest segment together with its counters cannot be told from the database alone: note heads
// elsewhere, and give one as `anchor`.
//
// Reads only; may run while gateways write. Blocking.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "server/sql/database.h"

namespace capsem::store {

struct AuditHead {
  std::string gateway, segment;
  std::int64_t records = 0;  // in the segment
  std::string digest;        // 64 hexadecimal digits
};

struct AuditFault {
  std::string gateway, segment;
  std::int64_t seq = 0;  // 0: the segment itself
  std::string what;      // "the record was changed", ...
};

struct AuditReport {
  std::vector<AuditHead> heads;    // one for each gateway's newest segment
  std::vector<AuditFault> faults;  // the first of each gateway's chain
  std::uint64_t records = 0, segments = 0, retired_segments = 0;
  bool anchor_found = true;  // false: an anchor was given, and no record has that digest
  bool sound() const { return faults.empty() && anchor_found; }
};

struct AuditVerifyOptions {
  std::string anchor{};  // a head noted earlier, 64 hexadecimal digits; empty: none
  // Called now and then with the number of records so far.
  std::function<void(std::uint64_t records)> progress{};
};

// Errors are the connection's, and "invalid_anchor".
Result<AuditReport> verify_audit(sql::Connection& connection, const AuditVerifyOptions& options);

}  // namespace capsem::store
