// Monotonic nanoseconds. The provider, the proxies and the load run on one machine, so the
// provider's time stamp in an event and the client's clock are the same clock.
#pragma once

#include <cstdint>
#include <ctime>

namespace capsem::bench {

inline std::int64_t now_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<std::int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}

}  // namespace capsem::bench
