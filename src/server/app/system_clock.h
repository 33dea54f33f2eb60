// The one place of the program that reads the time and hands it in.
#pragma once

#include <chrono>

#include "core/base/clock.h"

namespace capsem::app {

class SystemClock final : public Clock {
 public:
  std::int64_t monotonic_ns() const override {
    using namespace std::chrono;
    return duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count();
  }
  std::int64_t wall_ms() const override {
    using namespace std::chrono;
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
  }
};

}  // namespace capsem::app
