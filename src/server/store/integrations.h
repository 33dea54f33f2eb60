// Integrations: a name, a provider, a stored key, and perhaps a base URL of its own (R36).
//
// Blocking; on the thread of the connection. Errors: the database's and the vault's; "not_found",
// "conflict" as client errors.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/base/secret.h"
#include "server/sql/database.h"
#include "server/store/keys.h"
#include "server/store/rows.h"
#include "server/vault/vault.h"

namespace capsem::store {

inline constexpr std::size_t kIntegrationsMax = 1'000;  // of one tenant
inline constexpr std::size_t kBaseUrlBytesMax = 1'024;
inline constexpr std::size_t kBaseUrlHostBytesMax = 253;

struct IntegrationRow {
  std::string id{}, tenant{}, name{}, provider{};
  std::string secret{};    // its id
  std::string base_url{};  // empty: the gateway's own for this provider
  bool allow_private = false;
  std::optional<std::uint64_t> evaluations_per_month{};
  std::string state = "active";  // or "disabled"
  std::int64_t created_ms = 0;
};

// May a provider be there? https (or anything when `allow_private`), a host, no user information,
// query or fragment, and no name by which clouds serve credentials to their machines. What the name
// resolves to is checked again when it is connected to (T23). Client error "invalid_request".
Status check_base_url(std::string_view url, bool allow_private);

struct NewIntegration {
  IntegrationRow row;
  NewKey key;
};
// `row`: tenant, name, provider, secret or none, base_url, allow_private, quota. With
// `provider_key` not empty a secret "integration/<name>" is made for it; otherwise `row.secret` is
// one of the tenant's own for this provider. Its first gateway key is made with it.
Result<NewIntegration> create_integration(sql::Connection& connection, const vault::Vault* vault,
                                          IntegrationRow row, const Secret& provider_key,
                                          KeyRow key, std::int64_t now_ms);
Result<std::optional<IntegrationRow>> read_integration(sql::Connection& connection,
                                                       std::string_view id);
// `tenant` empty: of all.
Result<std::vector<IntegrationRow>> list_integrations(sql::Connection& connection,
                                                      std::string_view tenant, const Slice& slice);
// Name, secret, base_url, allow_private, quota, state.
Status update_integration(sql::Connection& connection, const IntegrationRow& row);
// With its keys and its bindings, and with the secret that was made for it.
Status delete_integration(sql::Connection& connection, const IntegrationRow& row);

}  // namespace capsem::store
