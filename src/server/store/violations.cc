#include "server/store/violations.h"

namespace capsem::store {
namespace {

// In the order in which read() takes them.
#define CAPSEM_VIOLATION_COLUMNS                                                                \
  "id, tenant_id, integration_id, run_id, review_id, policy, rule, rule_name, type, severity, " \
  "message, enforcement, phase, field, status, resolution, note, changed_by, time_ms, "         \
  "changed_ms "

Violation read(const sql::Row& row) {
  Violation one;
  int column = 0;
  for (std::string* member :
       {&one.id, &one.tenant, &one.integration, &one.run_id, &one.review_id, &one.policy, &one.rule,
        &one.rule_name, &one.type, &one.severity, &one.message, &one.enforcement, &one.phase,
        &one.field, &one.status, &one.resolution, &one.note, &one.changed_by}) {
    *member = row.text(column++);
  }
  one.time_ms = row.number(column++);
  one.changed_ms = row.number(column);
  return one;
}

}  // namespace

Result<std::vector<Violation>> list_violations(sql::Connection& connection,
                                               const ViolationFilter& filter) {
  std::vector<Violation> rows;
  const auto found = connection.run(
      "SELECT " CAPSEM_VIOLATION_COLUMNS
      "FROM violation WHERE ($1 = '' OR tenant_id = $1) AND ($2 = '' OR status = $2) "
      "AND ($3 = '' OR severity = $3) AND ($4 = '' OR enforcement = $4) "
      "AND ($5 = '' OR integration_id = $5) AND ($6 = '' OR policy = $6) "
      "AND ($7 = '' OR run_id = $7) AND time_ms >= $8 AND time_ms < $9 "
      "AND (time_ms < $10 OR (time_ms = $10 AND id < $11)) "
      "ORDER BY time_ms DESC, id DESC LIMIT $12",
      {filter.tenant, filter.status, filter.severity, filter.enforcement, filter.integration,
       filter.policy, filter.run_id, filter.from_ms, filter.until_ms, filter.before_ms,
       filter.before_id, filter.limit},
      [&](const sql::Row& row) { rows.push_back(read(row)); });
  if (!found) return std::unexpected(found.error());
  return rows;
}

Result<std::optional<Violation>> find_violation(sql::Connection& connection, std::string_view id) {
  std::optional<Violation> one;
  const auto found =
      connection.run("SELECT " CAPSEM_VIOLATION_COLUMNS "FROM violation WHERE id = $1", {id},
                     [&](const sql::Row& row) { one = read(row); });
  if (!found) return std::unexpected(found.error());
  return one;
}

Result<bool> move_violation(sql::Connection& connection, std::string_view id, ViolationStep step,
                            std::string_view resolution, std::string_view note, std::string_view by,
                            std::int64_t now_ms) {
  const bool first = step == ViolationStep::Acknowledge;
  const std::string_view from = first ? "NEW" : "ACKNOWLEDGED";
  const std::string_view to = first                            ? "ACKNOWLEDGED"
                              : step == ViolationStep::Resolve ? "RESOLVED"
                                                               : "DISMISSED";
  const auto moved = connection.run(
      "UPDATE violation SET status = $3, resolution = $4, note = $5, changed_by = $6, "
      "changed_ms = $7 WHERE id = $1 AND status = $2",
      {id, from, to, resolution, note, by, now_ms});
  if (!moved) return std::unexpected(moved.error());
  return *moved == 1;
}

#undef CAPSEM_VIOLATION_COLUMNS

}  // namespace capsem::store
