// Gateway keys: what callers of an integration show (R36, X2, X6). The key itself is returned once
// by create_key() and rotate_key() and is kept nowhere; a row has its keyed digest and its prefix.
//
// Blocking; on the thread of the connection. Errors: the database's; "not_found" and "conflict" as
// client errors.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/base/secret.h"
#include "server/sql/database.h"
#include "server/store/rows.h"

namespace capsem::store {

inline constexpr std::size_t kKeysMax = 1'000;    // of one integration, not revoked
inline constexpr std::size_t kKeyGlobsMax = 100;  // agents, models, policies: each
inline constexpr std::int64_t kKeyOverlapMsMax = 30LL * 86'400'000;
inline constexpr std::int64_t kKeyLimitMax = 1'000'000'000'000;

// What a key may be limited to; each is a member of policy::LimitPolicy with that name.
inline constexpr std::array<std::string_view, 11> kKeyLimitNames = {
    "requests_per_minute",  "requests_per_hour",   "requests_per_day",      "evaluations_per_month",
    "tokens_per_minute",    "tokens_per_hour",     "tokens_per_day",        "concurrent_requests",
    "cost_micros_per_hour", "cost_micros_per_day", "cost_micros_per_month",
};

struct KeyRow {
  std::string id{}, tenant{}, integration{};  // ids
  std::string name{}, prefix{};
  std::vector<std::string> agents{}, models{};  // globs; empty: any, all
  std::vector<std::string> policies{};          // ids, beside those bound to the integration
  std::vector<std::pair<std::string, std::int64_t>> limits{};  // name of kKeyLimitNames, amount
  std::int64_t created_ms = 0;
  std::int64_t expires_ms = 0, revoked_ms = 0;  // 0: never, not
  std::string replaced_by{};                    // the id of the key that came after it
};

struct NewKey {
  KeyRow row;
  Secret key;
};

// `row`: integration, tenant, name, restrictions, expires_ms; the rest is filled in.
// REQUIRES: a transaction is open.
Result<NewKey> insert_key(sql::Connection& connection, KeyRow row, std::int64_t now_ms);
Result<NewKey> create_key(sql::Connection& connection, KeyRow row, std::int64_t now_ms);

Result<std::optional<KeyRow>> read_key(sql::Connection& connection, std::string_view id);
Result<std::vector<KeyRow>> list_keys(sql::Connection& connection, std::string_view integration,
                                      const Slice& slice);
// A new key with the same restrictions; the old one works `overlap_ms` longer, or until it expires.
// "conflict": the old one is revoked, expired, or was replaced before.
Result<NewKey> rotate_key(sql::Connection& connection, std::string_view id, std::int64_t overlap_ms,
                          std::int64_t now_ms);
// False: it was revoked before.
Result<bool> revoke_key(sql::Connection& connection, std::string_view id, std::int64_t now_ms);

// {"requests_per_minute":10,...}: as limits stand in the column.
std::string to_json_limits(const KeyRow& row);

}  // namespace capsem::store
