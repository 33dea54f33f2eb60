// Time as the core sees it: handed in, never read. Limits and timeouts use monotonic time; wall
// time is for display alone (a wall clock may jump).
#pragma once

#include <cstdint>

namespace capsem {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual std::int64_t monotonic_ns() const = 0;
  virtual std::int64_t wall_ms() const = 0;  // since the Unix epoch
};

}  // namespace capsem
