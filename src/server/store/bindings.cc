#include "server/store/bindings.h"

#include "server/store/meta.h"

namespace capsem::store {

std::string slice_id(const BindingRow& row) {
  return row.policy + ' ' + row.target;
}

Result<bool> create_binding(sql::Connection& connection, const BindingRow& row,
                            std::int64_t now_ms) {
  bool made = false;
  const Status created = sql::in_transaction(connection, [&]() -> Status {
    const auto count = number_of(connection, "SELECT COUNT(*) FROM binding", {});
    if (!count) return std::unexpected(count.error());
    if (*count >= static_cast<std::int64_t>(kBindingsMax)) {
      return client_error("conflict",
                          "There are " + std::to_string(kBindingsMax) + " bindings already");
    }
    const auto inserted = connection.run(
        "INSERT INTO binding (tenant_id, policy, target, created_ms) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT (policy, target) DO NOTHING",
        {std::string_view(row.tenant), std::string_view(row.policy), std::string_view(row.target),
         now_ms});
    if (!inserted) return std::unexpected(inserted.error());
    made = *inserted != 0;
    return made ? raise_version(connection, kPolicyVersion) : Status();
  });
  if (!created) return std::unexpected(created.error());
  return made;
}

Result<std::vector<BindingRow>> list_bindings(sql::Connection& connection, std::string_view tenant,
                                              std::string_view policy, std::string_view target,
                                              const Slice& slice) {
  std::vector<BindingRow> list;
  const auto read_rows = connection.run(
      "SELECT tenant_id, policy, target, created_ms FROM binding "
      "WHERE ($1 = '' OR tenant_id = $1) AND ($2 = '' OR policy = $2) AND ($3 = '' OR target = $3) "
      "AND (created_ms < $4 OR (created_ms = $4 AND policy || ' ' || target < $5)) "
      "ORDER BY created_ms DESC, policy || ' ' || target DESC LIMIT $6",
      {tenant, policy, target, slice.before_ms, std::string_view(slice.before_id), slice.limit},
      [&](const sql::Row& row) {
        list.push_back({.tenant = std::string(row.text(0)),
                        .policy = std::string(row.text(1)),
                        .target = std::string(row.text(2)),
                        .created_ms = row.number(3)});
      });
  if (!read_rows) return std::unexpected(read_rows.error());
  return list;
}

Result<bool> delete_binding(sql::Connection& connection, std::string_view tenant,
                            std::string_view policy, std::string_view target,
                            const std::function<Status()>& allows) {
  bool gone = false;
  const Status removed = sql::in_transaction(connection, [&]() -> Status {
    const auto changed = connection.run(
        "DELETE FROM binding WHERE ($1 = '' OR tenant_id = $1) AND policy = $2 AND target = $3",
        {tenant, policy, target});
    if (!changed) return std::unexpected(changed.error());
    gone = *changed != 0;
    if (!gone) return {};
    if (Status raised = raise_version(connection, kPolicyVersion); !raised) return raised;
    return allows ? allows() : Status();
  });
  if (!removed) return std::unexpected(removed.error());
  return gone;
}

Result<std::int64_t> count_bindings(sql::Connection& connection, std::string_view target) {
  return number_of(connection, "SELECT COUNT(*) FROM binding WHERE target = $1 OR target = '*'",
                   {target});
}

}  // namespace capsem::store
