#include "server/store/counter_state.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace capsem::store {
namespace {

using limit::MemoryStore;
constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kHourMs = 3'600'000;

MemoryStore::LongWindow window_of(std::vector<limit::Amount> amounts) {
  return {.key = "k", .window_ns = kHourMs * kMs, .amounts = std::move(amounts)};
}

struct ClockCase {
  const char* name;
  Moment then, now;
  std::int64_t passed_ms;  // as the amounts are to see it
};
const ClockCase kClocks[] = {
    {"the same moment", {1'000 * kMs, 50, "b"}, {1'000 * kMs, 50, "b"}, 0},
    {"later in the same boot", {1'000 * kMs, 50, "b"}, {9'000 * kMs, 8'050, "b"}, 8'000},
    {"the wall clock went back (T41)",
     {1'000 * kMs, 5 * kHourMs, "b"},
     {9'000 * kMs, 50, "b"},
     8'000},
    {"the wall clock went on (T41)",
     {1'000 * kMs, 50, "b"},
     {9'000 * kMs, 9 * kHourMs, "b"},
     8'000},
    {"another boot", {9'000'000 * kMs, 50, "b"}, {1'000 * kMs, 7'050, "c"}, 7'000},
    {"another boot with an older wall clock", {5'000 * kMs, 7'050, "b"}, {1'000 * kMs, 50, "c"}, 0},
    {"a boot nobody knows", {1'000 * kMs, 50, ""}, {9'000 * kMs, 650, ""}, 600},
    {"the same boot, and yet earlier", {9'000 * kMs, 50, "b"}, {1'000 * kMs, 350, "b"}, 300},
};

TEST(CounterState, TimeThatPassedComesFromTheClockThatCanBeTrusted) {
  for (const ClockCase& c : kClocks) {
    SCOPED_TRACE(c.name);
    const std::int64_t taken_ns = c.then.monotonic_ns - 400 * kMs;
    const auto packed = pack_window(window_of({{taken_ns, 7}}), c.then);
    const auto read = unpack_window(packed, c.now);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->window_ns, kHourMs * kMs);
    ASSERT_EQ(read->amounts.size(), 1u);
    EXPECT_EQ(read->amounts[0].amount, 7u);
    EXPECT_EQ(read->amounts[0].at_ns, c.now.monotonic_ns - (c.passed_ms + 400) * kMs);
  }
}

TEST(CounterState, NothingLeavesEarlyAndNothingMuchLater) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 200; ++round) {
    const std::int64_t then_ns = 4 * kHourMs * kMs + static_cast<std::int64_t>(random() % kMs);
    std::vector<limit::Amount> amounts;
    std::int64_t at = then_ns - kHourMs * kMs;
    for (std::size_t i = 0; i < limit::kEntriesMax; ++i) {
      at += static_cast<std::int64_t>(random() % (3 * kMs));
      amounts.push_back({std::min(at, then_ns), random() >> (random() % 64)});
    }
    const std::int64_t later_ns = then_ns + static_cast<std::int64_t>(random() % (90 * kMs));
    const auto packed = pack_window(window_of(amounts), {then_ns, 1, "b"});
    EXPECT_LT(packed.size(), 16'384u);
    const auto read = unpack_window(packed, {later_ns, 1, "b"});
    ASSERT_TRUE(read);
    ASSERT_EQ(read->amounts.size(), amounts.size());
    for (std::size_t i = 0; i < amounts.size(); ++i) {
      EXPECT_EQ(read->amounts[i].amount, amounts[i].amount);
      EXPECT_GE(read->amounts[i].at_ns, amounts[i].at_ns);
      EXPECT_LE(read->amounts[i].at_ns, amounts[i].at_ns + 3 * kMs);
      EXPECT_LE(read->amounts[i].at_ns, later_ns);
      if (i > 0) {
        EXPECT_GE(read->amounts[i].at_ns, read->amounts[i - 1].at_ns);
      }
    }
  }
}

TEST(CounterState, AmountsOfAThreadWhoseClockIsAheadCountAsJustNow) {
  const auto packed = pack_window(window_of({{5 * kMs, 1}, {9 * kMs, 2}}), {7 * kMs, 1, "b"});
  const auto read = unpack_window(packed, {8 * kMs, 1, "b"});
  ASSERT_TRUE(read);
  EXPECT_EQ(read->amounts[1].at_ns, 7 * kMs);
}

TEST(CounterState, DamagedBytesAreRefusedOrReadAsAWindowAndNeverMore) {
  std::vector<limit::Amount> amounts;
  for (std::int64_t i = 0; i < 20; ++i) amounts.push_back({i * 1'000 * kMs, 100});
  const Moment then{30'000 * kMs, 1'700'000'000'000, "0a6c1d5e"};
  const Moment now{40'000 * kMs, 1'700'000'010'000, "0a6c1d5e"};
  const std::string packed = pack_window(window_of(amounts), then);
  for (std::size_t size = 0; size < packed.size(); ++size) {
    EXPECT_FALSE(unpack_window(packed.substr(0, size), now)) << size;
  }
  EXPECT_FALSE(unpack_window(packed + "x", now));
  std::mt19937_64 random(2);
  for (int round = 0; round < 20'000; ++round) {
    std::string bad = packed;
    for (std::uint64_t flips = 1 + random() % 3; flips > 0; --flips) {
      bad[random() % bad.size()] = static_cast<char>(random());
    }
    const auto read = unpack_window(bad, now);
    if (!read) continue;
    EXPECT_GT(read->window_ns, 0);
    EXPECT_LE(read->amounts.size(), limit::kEntriesMax);
    for (std::size_t i = 0; i < read->amounts.size(); ++i) {
      EXPECT_LE(read->amounts[i].at_ns, now.monotonic_ns);
      if (i > 0) {
        EXPECT_GE(read->amounts[i].at_ns, read->amounts[i - 1].at_ns);
      }
    }
  }
}

}  // namespace
}  // namespace capsem::store
