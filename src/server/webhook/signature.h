// What a receiver checks a delivery by: HMAC-SHA-256, under a secret both know, of the time it was
// sent, a dot, and the body. The time lets it refuse old deliveries that somebody sends again.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/base/secret.h"

namespace capsem::webhook {

inline constexpr std::size_t kSecretBytesMin = 16;

// The file's bytes without white space around them. An error when it is missing, readable by
// everybody, or shorter than kSecretBytesMin.
Result<Secret> read_signing_secret(const std::string& file);

// "t=1795000000,v1=<64 hexadecimal digits>"
std::string signature_field(const Secret& secret, std::int64_t unix_s, std::string_view body);

}  // namespace capsem::webhook
