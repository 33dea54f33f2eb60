// What went wrong, and who has to act. Errors are values: nothing in the core throws across a
// function boundary, and the edge (codec/denial, server/proxy) turns an Error into the caller's
// dialect.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <utility>

namespace capsem {

enum class Fault : std::uint8_t { Client, Upstream, Gateway };

struct Error {
  Fault fault = Fault::Gateway;
  std::string code;    // stable, snake_case, for machines: "invalid_json", "body_too_large"
  std::string detail;  // one sentence that names the place; never a secret, never user text
};

template <class T>
using Result = std::expected<T, Error>;
using Status = std::expected<void, Error>;

inline std::unexpected<Error> client_error(std::string code, std::string detail) {
  return std::unexpected(Error{Fault::Client, std::move(code), std::move(detail)});
}
inline std::unexpected<Error> upstream_error(std::string code, std::string detail) {
  return std::unexpected(Error{Fault::Upstream, std::move(code), std::move(detail)});
}
inline std::unexpected<Error> gateway_error(std::string code, std::string detail) {
  return std::unexpected(Error{Fault::Gateway, std::move(code), std::move(detail)});
}

}  // namespace capsem
