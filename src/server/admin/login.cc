#include "server/admin/login.h"

#include <openssl/crypto.h>

#include <algorithm>

#include "server/http/head.h"
#include "server/store/meta.h"
#include "server/store/tokens.h"
#include "server/tenant/token.h"

namespace capsem::admin {

Secret bearer_token(std::string_view authorization) {
  constexpr std::string_view kScheme = "Bearer ";
  if (authorization.size() > kAuthorizationBytesMax ||
      !http::starts_with_ignoring_case(authorization, kScheme)) {
    return {};
  }
  const std::string_view token = http::trim(authorization.substr(kScheme.size()));
  return token.starts_with(tenant::kAdminPrefix) ? Secret(token) : Secret();
}

Result<Login> LoginBook::look_up(sql::Connection& connection, const Secret& token,
                                 std::int64_t now_ms) {
  if (pepper_.empty()) {
    auto pepper = store::pepper_of(connection);
    if (!pepper) return std::unexpected(pepper.error());
    pepper_ = std::move(*pepper);
  }
  const tenant::Mac mac = tenant::mac_of(token.reveal(), pepper_);
  std::erase_if(seen_, [&](const Seen& seen) { return seen.mac == mac; });
  const auto found = store::find_token(connection, mac);
  if (!found) return std::unexpected(found.error());
  if (!*found) return Login{.refusal = "unknown_token"};
  const store::AdminToken& row = **found;
  if (row.revoked_ms != 0) return Login{.refusal = "revoked_token"};
  if (row.expires_ms != 0 && row.expires_ms <= now_ms) return Login{.refusal = "expired_token"};
  const auto role = role_from(row.role);
  if (!role) return Login{.refusal = "unknown_token"};
  Login login{
      .who = Principal{.token_id = row.id, .name = row.name, .role = *role, .tenant = row.tenant}};
  remember({.mac = mac, .who = *login.who, .at_ms = now_ms, .expires_ms = row.expires_ms});
  return login;
}

std::optional<Principal> LoginBook::recall(const Secret& token, std::int64_t now_ms) const {
  if (pepper_.empty()) return std::nullopt;
  const tenant::Mac mac = tenant::mac_of(token.reveal(), pepper_);
  for (const Seen& seen : seen_) {
    if (CRYPTO_memcmp(seen.mac.data(), mac.data(), mac.size()) != 0) continue;
    const bool expired = seen.expires_ms != 0 && seen.expires_ms <= now_ms;
    if (!expired && now_ms - seen.at_ms < kMemoryMs) return seen.who;
  }
  return std::nullopt;
}

void LoginBook::remember(const Seen& seen) {
  if (seen_.size() >= kRemembered) seen_.erase(seen_.begin());
  seen_.push_back(seen);
}

}  // namespace capsem::admin
