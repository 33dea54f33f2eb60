// Where Redis is: "redis://[user:password@]host[:port][/number]".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/base/secret.h"

namespace capsem::redis {

struct Target {
  std::string host = "127.0.0.1";
  std::uint16_t port = 6379;
  std::string user;  // empty: the default one
  Secret password;   // empty: none is asked for
  std::uint32_t database = 0;
};

// User and password may be percent-encoded; an IPv6 address stands in brackets. Errors: code
// "invalid_redis_url"; they never quote the text, which may hold a password.
Result<Target> parse_url(std::string_view url);

}  // namespace capsem::redis
