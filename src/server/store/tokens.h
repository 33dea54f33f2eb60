// Admin tokens: who may use the admin API. The token itself is shown once and kept nowhere; a row
// has its keyed digest and its prefix.
//
// Blocking; on the thread of the connection. Errors: the database's, or client errors that say what
// is wrong.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/base/secret.h"
#include "server/sql/database.h"
#include "server/store/rows.h"
#include "server/tenant/token.h"

namespace capsem::store {

inline constexpr std::size_t kAdminTokensMax = 1'000;             // not revoked
inline constexpr std::string_view kBootstrapToken = "bootstrap";  // its id

struct AdminToken {
  std::string id{}, name{};
  std::string role{};    // admin, reviewer, auditor, read-only
  std::string tenant{};  // empty: all tenants
  std::string prefix{};
  std::int64_t created_ms = 0;
  std::int64_t expires_ms = 0, revoked_ms = 0;  // 0: never, not
};

struct NewToken {
  AdminToken row;
  Secret token;
};

// `row`: name, role, tenant, expires_ms; the rest is filled in.
Result<NewToken> create_token(sql::Connection& connection, AdminToken row, std::int64_t now_ms);
// Before anybody else can: the first token of a database, for all tenants, role admin. Empty: there
// was one once, revoked or not.
Result<std::optional<Secret>> create_bootstrap_token(sql::Connection& connection,
                                                     std::int64_t now_ms);
Result<std::optional<AdminToken>> find_token(sql::Connection& connection, const tenant::Mac& mac);
Result<std::optional<AdminToken>> read_token(sql::Connection& connection, std::string_view id);
// `tenant` empty: of all.
Result<std::vector<AdminToken>> list_tokens(sql::Connection& connection, std::string_view tenant,
                                            const Slice& slice);
// False: it was revoked before. "conflict": afterwards no token that is good at this moment would
// have the role admin for all tenants.
Result<bool> revoke_token(sql::Connection& connection, std::string_view id, std::int64_t now_ms);

}  // namespace capsem::store
