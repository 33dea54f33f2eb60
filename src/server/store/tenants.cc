#include "server/store/tenants.h"

#include <algorithm>

#include "server/store/meta.h"
#include "server/tenant/directory.h"

namespace capsem::store {
namespace {

TenantRow read(const sql::Row& row) {
  return {.id = std::string(row.text(0)),
          .name = std::string(row.text(1)),
          .content_level = std::string(row.text(2)),
          .evaluations_per_month = number_or_none(row, 3),
          .created_ms = row.number(4)};
}

}  // namespace

bool is_tenant_id(std::string_view id) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  return !id.empty() && id.size() <= 63 && id.front() != '-' && std::ranges::all_of(id, plain);
}

Status ensure_default_tenant(sql::Connection& connection, std::int64_t now_ms) {
  return done(connection.run(
      "INSERT INTO tenant (id, name, content_level, created_ms) VALUES ($1, $1, 'none', $2) "
      "ON CONFLICT DO NOTHING",
      {tenant::kDefaultTenant, now_ms}));
}

Result<TenantRow> create_tenant(sql::Connection& connection, TenantRow row, std::int64_t now_ms) {
  if (row.id.empty()) row.id = new_id();
  row.created_ms = now_ms;
  const Status made = sql::in_transaction(connection, [&]() -> Status {
    const auto count = number_of(connection, "SELECT COUNT(*) FROM tenant", {});
    if (!count) return std::unexpected(count.error());
    if (*count >= static_cast<std::int64_t>(kTenantsMax)) {
      return client_error("conflict",
                          "There are " + std::to_string(kTenantsMax) + " tenants already");
    }
    const Status inserted = done(connection.run(
        "INSERT INTO tenant (id, name, content_level, evaluations_per_month, created_ms) "
        "VALUES ($1, $2, $3, $4, $5)",
        {std::string_view(row.id), std::string_view(row.name), std::string_view(row.content_level),
         null_if_none(row.evaluations_per_month), row.created_ms}));
    return inserted ? raise_version(connection, kDirectoryVersion) : inserted;
  });
  if (!made) return std::unexpected(made.error());
  return row;
}

Result<std::optional<TenantRow>> read_tenant(sql::Connection& connection, std::string_view id) {
  std::optional<TenantRow> found;
  const auto read_rows = connection.run(
      "SELECT id, name, content_level, evaluations_per_month, created_ms FROM tenant "
      "WHERE id = $1",
      {id}, [&](const sql::Row& row) { found = read(row); });
  if (!read_rows) return std::unexpected(read_rows.error());
  return found;
}

Result<std::vector<TenantRow>> list_tenants(sql::Connection& connection, std::string_view only,
                                            const Slice& slice) {
  std::vector<TenantRow> list;
  const auto read_rows = connection.run(
      "SELECT id, name, content_level, evaluations_per_month, created_ms FROM tenant "
      "WHERE ($1 = '' OR id = $1) AND (created_ms < $2 OR (created_ms = $2 AND id < $3)) "
      "ORDER BY created_ms DESC, id DESC LIMIT $4",
      {only, slice.before_ms, std::string_view(slice.before_id), slice.limit},
      [&](const sql::Row& row) { list.push_back(read(row)); });
  if (!read_rows) return std::unexpected(read_rows.error());
  return list;
}

Status update_tenant(sql::Connection& connection, const TenantRow& row) {
  return sql::in_transaction(connection, [&]() -> Status {
    const auto changed = connection.run(
        "UPDATE tenant SET name = $2, content_level = $3, evaluations_per_month = $4 "
        "WHERE id = $1",
        {std::string_view(row.id), std::string_view(row.name), std::string_view(row.content_level),
         null_if_none(row.evaluations_per_month)});
    if (!changed) return std::unexpected(changed.error());
    if (*changed == 0) return client_error("not_found", "There is no such tenant");
    // A quota is a limit like any other, so policies change with it.
    if (auto raised = raise_version(connection, kPolicyVersion); !raised) return raised;
    return raise_version(connection, kDirectoryVersion);
  });
}

}  // namespace capsem::store
