// A store, a clock that is set by hand, two prices, and the callers of one key.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <expected>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/limit/ledger.h"
#include "core/limit/memory_store.h"
#include "tests/support/fake_counters.h"

namespace capsem::limit {

inline constexpr std::int64_t kSecond = 1'000'000'000;
inline constexpr std::int64_t kMinute = 60 * kSecond;
inline constexpr std::int64_t kHour = 60 * kMinute;

class FakeClock final : public Clock {
 public:
  std::int64_t monotonic_ns() const override { return now_ns; }
  std::int64_t wall_ms() const override {
    ADD_FAILURE() << "limits never read the wall clock (T41)";
    return 0;
  }
  std::int64_t now_ns = 1'000;
};

inline LimitRule rule(std::string id,
                      std::initializer_list<std::pair<Dimension, std::uint64_t>> limits,
                      Per per = Per::Agent) {
  LimitRule made(std::move(id), per);
  for (const auto& [dimension, max] : limits) made.set(dimension, max);
  return made;
}

// Every case is run with counters in this process and with shared ones that answer later.
enum class Counters : std::uint8_t { Here, Shared };

class LedgerTest : public testing::TestWithParam<Counters> {
 protected:
  LedgerTest() {
    EXPECT_TRUE(prices.add("gpt-4o-mini", {150'000, 600'000}));
    EXPECT_TRUE(prices.add("gpt-4o", {2'500'000, 10'000'000}));
  }

  std::expected<Holding, Refusal> take(const std::vector<const LimitRule*>& rules,
                                       const Ask& ask = {.model = "gpt-4o"},
                                       std::string_view agent = "a") {
    return Holding::take(store, clock, rules, {.user_id = "u", .agent = agent, .integration = "i"},
                         ask, prices);
  }
  // What is used of one limit now, as another request would see it.
  std::uint64_t used(const LimitRule& of, Dimension dimension, std::string_view agent = "a") {
    std::string key;
    append_key(key, of, dimension, CallerKey({.user_id = "u", .agent = agent, .integration = "i"}));
    const Charge probe = {.key = key,
                          .kind = info(dimension).kind,
                          .amount = ~std::uint64_t{0},
                          .max = 0,
                          .window_ns = info(dimension).window_ns};
    Level level;
    EXPECT_EQ(store.take({&probe, 1}, clock.now_ns, {&level, 1}), Outcome::Refused);
    return level.used;
  }

  FakeClock clock;
  MemoryStore memory;
  test::PatientStore shared{clock};
  CounterStore& store = GetParam() == Counters::Here ? static_cast<CounterStore&>(memory) : shared;
  PriceTable prices;
};

constexpr Ask ask_for(std::uint64_t input_bytes, std::uint64_t max_tokens) {
  return {.model = "gpt-4o", .input_bytes = input_bytes, .max_tokens = max_tokens, .choices = 1};
}
constexpr Usage usage(std::uint64_t input, std::uint64_t output) {
  return {.input_tokens = input, .output_tokens = output, .total_tokens = 0};
}

}  // namespace capsem::limit
