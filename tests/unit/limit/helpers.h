// Charges by kind, and calls of one charge, for tests of a counter store.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/limit/counters.h"

namespace capsem::limit {

inline constexpr std::int64_t kSecond = 1'000'000'000;
inline constexpr std::int64_t kMinute = 60 * kSecond;
inline constexpr std::int64_t kHour = 60 * kMinute;

inline Charge window(std::string_view key, std::uint64_t max, std::uint64_t amount = 1) {
  return {.key = key, .kind = Kind::Window, .amount = amount, .max = max, .window_ns = kMinute};
}
inline Charge concurrent(std::string_view key, std::uint64_t max) {
  return {.key = key, .kind = Kind::Concurrent, .amount = 1, .max = max, .window_ns = 0};
}
inline Charge reserved(std::string_view key, std::uint64_t max, std::uint64_t estimate) {
  return {.key = key, .kind = Kind::Reserved, .amount = estimate, .max = max, .window_ns = kHour};
}

struct Taken {
  Outcome outcome;
  std::vector<Level> levels;
};
inline Taken take(CounterStore& store, std::vector<Charge> charges, std::int64_t now_ns) {
  Taken taken;
  taken.levels.resize(charges.size());
  taken.outcome = store.take(charges, now_ns, taken.levels);
  return taken;
}
inline Level settle(CounterStore& store, const Charge& charge, std::uint64_t used,
                    std::int64_t now_ns) {
  Level level;
  store.settle({&charge, 1}, {&used, 1}, now_ns, {&level, 1});
  return level;
}
inline Level raise(CounterStore& store, const Charge& charge, std::uint64_t so_far,
                   std::int64_t now_ns) {
  Level level;
  store.raise({&charge, 1}, {&so_far, 1}, now_ns, {&level, 1});
  return level;
}
inline void give(CounterStore& store, const Charge& charge, std::int64_t now_ns) {
  store.give({&charge, 1}, now_ns);
}

}  // namespace capsem::limit
