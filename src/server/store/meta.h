// What the gateways of one database agree on: versions that say that something has changed, and the
// pepper of all token digests. Also the ids of new rows.
//
// Blocking; on the thread of the connection.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "server/sql/database.h"

namespace capsem::store {

// Raised in the transaction of the change: tenants, secrets, integrations, keys.
inline constexpr std::string_view kDirectoryVersion = "directory_version";
// Policy files that are active, bindings, what keys are restricted to.
inline constexpr std::string_view kPolicyVersion = "policy_version";

Result<std::optional<std::string>> read_meta(sql::Connection& connection, std::string_view name);
Status write_meta(sql::Connection& connection, std::string_view name, std::string_view value);
// 0 before the first change.
Result<std::int64_t> read_version(sql::Connection& connection, std::string_view name);
Status raise_version(sql::Connection& connection, std::string_view name);

// 32 random bytes of this installation (tenant::mac_of), kept in `meta` as hexadecimal digits and
// made by whoever asks first.
Result<std::string> pepper_of(sql::Connection& connection);

// A random UUID (version 4).
std::string new_id();

}  // namespace capsem::store
