// Provider keys at rest: sealed, shown once when they are given, known afterwards by name and hint
// (R37, R82).
//
// Blocking; on the thread of the connection. Errors: the database's and the vault's; "not_found",
// "conflict" and "in_use" as client errors.
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
#include "server/vault/vault.h"

namespace capsem::store {

inline constexpr std::size_t kSecretsMax = 1'000;  // of one tenant
inline constexpr std::size_t kSecretBytesMax = 4'096;

struct SecretRow {
  std::string id{}, tenant{}, name{}, provider{};
  std::string key_id{};                         // of the master key it is sealed under
  std::string hint{};                           // "sk-proj-...": what may be shown
  std::int64_t created_ms = 0, rotated_ms = 0;  // 0: never
};

// The first 8 characters of a key of 20 and more, and "..."; "..." alone of a shorter one.
std::string hint_of(const Secret& value);

// `row`: tenant, name, provider; the rest is filled in. The version is raised even for a secret
// that nobody uses yet: from now on no copy of it may pass the gateway. REQUIRES: insert_secret():
// a transaction is open.
Result<SecretRow> insert_secret(sql::Connection& connection, const vault::Vault& vault,
                                SecretRow row, const Secret& value, std::int64_t now_ms);
Result<SecretRow> create_secret(sql::Connection& connection, const vault::Vault& vault,
                                SecretRow row, const Secret& value, std::int64_t now_ms);
Result<std::optional<SecretRow>> read_secret(sql::Connection& connection, std::string_view id);
// `tenant` empty: of all.
Result<std::vector<SecretRow>> list_secrets(sql::Connection& connection, std::string_view tenant,
                                            const Slice& slice);
// Another value in its place; integrations that use it use the new one.
Result<SecretRow> rotate_secret(sql::Connection& connection, const vault::Vault& vault,
                                std::string_view id, const Secret& value, std::int64_t now_ms);
// "in_use" while an integration needs it.
Status delete_secret(sql::Connection& connection, std::string_view id);

}  // namespace capsem::store
