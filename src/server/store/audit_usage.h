// Usage by day, tenant, integration, caller and model (R48): added up in memory for each
// transaction, one row then for each that was touched.
//
// Callers and models come from outside. A day has at most kRowsMax of them; what comes on top is
// counted as caller and model "(other)". Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/error.h"
#include "server/sql/database.h"
#include "server/store/audit_entry.h"

namespace capsem::store {

class AuditUsage {
 public:
  static constexpr std::size_t kRowsMax = 10'000;

  void add(const AuditEntry& entry);
  // Adds what was added to the rows of the database. REQUIRES: in a transaction.
  Status write(sql::Connection& connection);
  // Nothing is added any more: after a commit, and after a failure, which adds everything again.
  void clear();

 private:
  struct Row {
    std::int64_t day = 0;
    UsageCounts counts;
    bool touched = false;
  };
  // Day and names, as AuditEntry::usage_key() has them.
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const {
      return std::hash<std::string_view>()(key);
    }
  };
  using Rows = std::unordered_map<std::string, Row, Hash, std::equal_to<>>;

  Rows::value_type& row_of(const AuditEntry& entry, std::int64_t day);
  void forget_days_before(std::int64_t day);

  Rows rows_;
  std::vector<Rows::value_type*> touched_;
  std::string key_, json_;
  std::int64_t last_day_ = 0;
};

}  // namespace capsem::store
