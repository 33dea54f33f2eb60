// Tokens the gateway issues: keys for callers ("ag_live_..."), tokens for administrators
// ("ag_admin_..."). Shown once; known afterwards by a keyed digest of the whole token (promise 19,
// T44), and to people by their prefix.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "core/base/secret.h"

namespace capsem::tenant {

inline constexpr std::string_view kKeyPrefix = "ag_live_";
inline constexpr std::string_view kAdminPrefix = "ag_admin_";

// 40 characters of [0-9A-Za-z] behind the prefix: 238 random bits.
Secret make_token(std::string_view prefix);
// What may be shown of a token: its prefix and four characters more, "ag_live_x7Qz...".
std::string shown_prefix(const Secret& token);
bool looks_like_key(std::string_view token);  // begins as gateway keys do

using Mac = std::array<unsigned char, 32>;
// HMAC-SHA-256 of the whole token. `pepper`: 32 random bytes of this installation.
Mac mac_of(std::string_view token, std::string_view pepper);

}  // namespace capsem::tenant
