// Counter-store seam: shared numbers that limits are made of. In memory in one process; elsewhere
// when several gateways share the work. Calls are atomic; `now_ns` is the monotonic clock.
#pragma once

#include <cstdint>
#include <string_view>

namespace capsem::limit {

class CounterStore {
 public:
  virtual ~CounterStore() = default;

  // Adds `amount` under `key` unless that would pass `max`. True when it was taken.
  virtual bool take(std::string_view key, std::uint64_t amount, std::uint64_t max) = 0;
  // Gives `amount` back.
  virtual void give(std::string_view key, std::uint64_t amount) = 0;
};

}  // namespace capsem::limit
