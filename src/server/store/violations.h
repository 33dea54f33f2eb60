// Violations (R51): what the policies found. The audit's writer adds them with their records; what
// was found never changes, where it is in its life does:
//
//   NEW --acknowledge--> ACKNOWLEDGED --resolve(type, note)--> RESOLVED
//                             |--dismiss(reason)--> DISMISSED
//
// Blocking; on the thread of the connection. Errors are the connection's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "server/sql/database.h"

namespace capsem::store {

struct Violation {
  std::string id, tenant, integration, run_id, review_id, policy, rule, rule_name, type, severity,
      message, enforcement, phase, field;
  std::int64_t time_ms = 0;
  std::string status;      // NEW, ACKNOWLEDGED, RESOLVED, DISMISSED
  std::string resolution;  // of RESOLVED: its type
  std::string note;        // of RESOLVED and DISMISSED
  std::string changed_by;
  std::int64_t changed_ms = 0;  // 0: never
};

// Empty members: anything. Newest first, those behind (before_ms, before_id).
struct ViolationFilter {
  std::string tenant{}, status{}, severity{}, enforcement{}, integration{}, policy{}, run_id{};
  std::int64_t from_ms = 0, until_ms = INT64_MAX;  // [from, until)
  std::int64_t limit = 50;
  std::int64_t before_ms = INT64_MAX;
  std::string before_id{};
};
Result<std::vector<Violation>> list_violations(sql::Connection& connection,
                                               const ViolationFilter& filter);
Result<std::optional<Violation>> find_violation(sql::Connection& connection, std::string_view id);

enum class ViolationStep : std::uint8_t { Acknowledge, Resolve, Dismiss };
// True: this call made the step. False: the violation is not where the step begins.
Result<bool> move_violation(sql::Connection& connection, std::string_view id, ViolationStep step,
                            std::string_view resolution, std::string_view note, std::string_view by,
                            std::int64_t now_ms);

}  // namespace capsem::store
