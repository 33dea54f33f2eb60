// From an Authorization header to the administrator behind it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/base/secret.h"
#include "server/admin/router.h"
#include "server/sql/database.h"

namespace capsem::admin {

inline constexpr std::size_t kAuthorizationBytesMax = 256;

// The token of "Bearer ag_admin_..."; empty: none, too long, or of another kind.
Secret bearer_token(std::string_view authorization);

struct Login {
  std::optional<Principal> who{};
  std::string_view refusal{};  // without `who`: "unknown_token", "expired_token", "revoked_token"
};

// Looks tokens up by their keyed digest (T26, T27). Remembers who came in, so that what must work
// without the database (status, sealing) does for kMemory_ms longer.
//
// Thread: the executor's.
class LoginBook {
 public:
  static constexpr std::int64_t kMemoryMs = 300'000;
  static constexpr std::size_t kRemembered = 64;

  // Errors are the database's.
  Result<Login> look_up(sql::Connection& connection, const Secret& token, std::int64_t now_ms);
  // `now_ms`: wall clock, as above.
  std::optional<Principal> recall(const Secret& token, std::int64_t now_ms) const;

 private:
  struct Seen {
    std::array<unsigned char, 32> mac{};
    Principal who;
    std::int64_t at_ms = 0, expires_ms = 0;  // 0: never
  };
  void remember(const Seen& seen);

  std::string pepper_;  // empty: not read yet
  std::vector<Seen> seen_;
};

}  // namespace capsem::admin
