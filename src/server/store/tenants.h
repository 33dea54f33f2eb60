// Tenants: whose objects are whose, what is kept of their exchanges, and how much they may use.
//
// Blocking; on the thread of the connection. Errors: the database's; "not_found" and "conflict" as
// client errors.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "server/sql/database.h"
#include "server/store/rows.h"

namespace capsem::store {

inline constexpr std::size_t kTenantsMax = 1'000;

struct TenantRow {
  std::string id{}, name{};
  std::string content_level = "none";  // none, hash, redacted, full
  std::optional<std::uint64_t> evaluations_per_month{};
  std::int64_t created_ms = 0;
};

// Lower-case letters, digits and dashes, 1 to 63 of them, the first one no dash.
bool is_tenant_id(std::string_view id);

// The tenant of the root routes; there from the first start on.
Status ensure_default_tenant(sql::Connection& connection, std::int64_t now_ms);
// An empty id: one is made.
Result<TenantRow> create_tenant(sql::Connection& connection, TenantRow row, std::int64_t now_ms);
Result<std::optional<TenantRow>> read_tenant(sql::Connection& connection, std::string_view id);
// `only` not empty: at most this one.
Result<std::vector<TenantRow>> list_tenants(sql::Connection& connection, std::string_view only,
                                            const Slice& slice);
// All but id and time of creation.
Status update_tenant(sql::Connection& connection, const TenantRow& row);

}  // namespace capsem::store
