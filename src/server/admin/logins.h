// Failed logins, by address and by account (a token's shown prefix): past a limit everybody behind
// that address, and that account, waits until the window is over, whatever token comes (promise 19,
// reliability section 4).
//
// Bounded: kTracked entries; the oldest goes first. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace capsem::admin {

struct LoginLimits {
  std::uint32_t failed_max = 5;
  std::uint32_t window_ms = 300'000;  // counted from the first failure
};

class FailedLogins {
 public:
  static constexpr std::size_t kTracked = 8'192;

  explicit FailedLogins(LoginLimits limits) : limits_(limits) {}

  // 0: may try. Otherwise the milliseconds until it may. `now_ms`: monotonic.
  std::int64_t wait_ms(std::string_view who, std::int64_t now_ms) const;
  void failed(std::string_view who, std::int64_t now_ms);

 private:
  struct Window {
    std::int64_t began_ms = 0;
    std::uint32_t failures = 0;
  };
  void make_room(std::int64_t now_ms);

  LoginLimits limits_;
  std::unordered_map<std::string, Window> windows_;
};

}  // namespace capsem::admin
