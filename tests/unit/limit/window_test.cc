#include "core/limit/window.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>

namespace capsem::limit {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kQuantum = (kMinute + 1'022) / 1'023;

TEST(SlidingWindow, AnAmountCountsForExactlyTheWindowR62) {
  for (const std::int64_t window_ns : {std::int64_t{1}, kSecond, kMinute, 30 * 24 * 60 * kMinute}) {
    SCOPED_TRACE(window_ns);
    SlidingWindow window(window_ns);
    window.add(7, 1'000, 10);
    window.expire(1'000 + window_ns - 1);
    EXPECT_EQ(window.sum(), 7U);
    EXPECT_EQ(window.oldest_leaves_ns(), 1'000 + window_ns);
    window.expire(1'000 + window_ns);
    EXPECT_EQ(window.sum(), 0U);
    EXPECT_EQ(window.entries(), 0U);
  }
}

TEST(SlidingWindow, EachAmountLeavesAtItsOwnTime) {
  SlidingWindow window(kMinute);
  for (int i = 0; i < 100; ++i) window.add(1, i * kSecond / 10, 1'024);
  EXPECT_EQ(window.entries(), 100U);
  for (int i = 0; i < 100; ++i) {
    window.expire(i * kSecond / 10 + kMinute - 1);
    EXPECT_EQ(window.sum(), static_cast<std::uint64_t>(100 - i));
    window.expire(i * kSecond / 10 + kMinute);
    EXPECT_EQ(window.sum(), static_cast<std::uint64_t>(99 - i));
  }
}

TEST(SlidingWindow, TellsWhenItFallsToAnAmount) {
  SlidingWindow window(kMinute);
  window.add(5, 1, 100);
  window.add(10, 2, 100);
  window.add(20, 3, 100);
  EXPECT_EQ(window.falls_to_ns(34), kMinute + 1);
  EXPECT_EQ(window.falls_to_ns(30), kMinute + 1);
  EXPECT_EQ(window.falls_to_ns(29), kMinute + 2);
  EXPECT_EQ(window.falls_to_ns(20), kMinute + 2);
  EXPECT_EQ(window.falls_to_ns(19), kMinute + 3);
  EXPECT_EQ(window.falls_to_ns(0), kMinute + 3);
}

TEST(SlidingWindow, AnEarlierClockOfAnotherThreadDropsNothingAndAddsAtTheLatestTime) {
  SlidingWindow window(kMinute);
  window.add(1, 5'000, 10);
  window.expire(4'000);
  window.add(2, 4'000, 10);
  EXPECT_EQ(window.sum(), 3U);
  EXPECT_EQ(window.falls_to_ns(0), 5'000 + kMinute);
  window.expire(4'000 + kMinute);
  EXPECT_EQ(window.sum(), 3U);
  window.expire(5'000 + kMinute);
  EXPECT_EQ(window.sum(), 0U);
}

TEST(SlidingWindow, MergesWithinOneQuantumOnlyAndOnlyForLargeLimits) {
  struct Case {
    const char* name;
    std::uint64_t max;
    std::int64_t first, second;
    std::size_t entries;
  };
  const Case kCases[] = {
      {"1024 is exact", 1'024, 0, 1, 2},
      {"1025 is merged", 1'025, 0, 1, 1},
      {"the last nanosecond of a quantum", 1'025, 0, kQuantum - 1, 1},
      {"the first of the next", 1'025, 0, kQuantum, 2},
      {"neighbours on both sides of an edge", 1'025, kQuantum - 1, kQuantum, 2},
      {"the same instant is one entry anyway", 10, 9, 9, 1},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    SlidingWindow window(kMinute);
    window.add(1, c.first, c.max);
    window.add(1, c.second, c.max);
    EXPECT_EQ(window.entries(), c.entries);
    // What was merged leaves with the newest of it.
    window.expire(c.second + kMinute - 1);
    EXPECT_EQ(window.sum(), c.entries == 1 ? 2U : 1U);
    window.expire(c.second + kMinute);
    EXPECT_EQ(window.sum(), 0U);
  }
}

TEST(SlidingWindow, NeverNeedsMoreThanItsEntries) {
  std::mt19937_64 random(7);
  for (const std::uint64_t max : {std::uint64_t{1}, std::uint64_t{1'024}, std::uint64_t{1} << 40}) {
    SCOPED_TRACE(max);
    SlidingWindow window(kMinute);
    std::int64_t now = 0;
    std::uint64_t most = 0;
    for (int i = 0; i < 100'000; ++i) {
      now += static_cast<std::int64_t>(random() % 2'000'000);
      window.expire(now);
      window.add(1, now, max);
      most = std::max<std::uint64_t>(most, window.entries());
    }
    EXPECT_LE(most, kEntriesMax);
    EXPECT_GT(most, kEntriesMax / 2);
  }
}

// The window against a list of every amount: never less than the truth, and never more than what
// had left by less than a quantum.
TEST(SlidingWindow, MergingErrsOnTheStrictSideByLessThanAQuantum) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    const std::uint64_t max = seed % 2 == 0 ? 1'000 : 1'000'000;
    SlidingWindow window(kMinute);
    std::deque<std::pair<std::int64_t, std::uint64_t>> all;
    const auto truth = [&](std::int64_t since) {
      std::uint64_t sum = 0;
      for (const auto& [at, amount] : all) sum += at > since ? amount : 0;
      return sum;
    };
    std::int64_t now = 0;
    bool differed = false;
    for (int i = 0; i < 3'000; ++i) {
      now += static_cast<std::int64_t>(random() % (seed < 10 ? 80'000'000 : 400'000'000));
      window.expire(now);
      const std::uint64_t exact = truth(now - kMinute);
      ASSERT_GE(window.sum(), exact);
      if (max <= kEntriesMax) {
        ASSERT_EQ(window.sum(), exact);
      } else {
        ASSERT_LE(window.sum(), truth(now - kMinute - kQuantum));
        differed |= window.sum() != exact;
      }
      const std::uint64_t amount = max <= kEntriesMax ? 1 : random() % 500;
      if (max <= kEntriesMax && exact >= max) continue;
      window.add(amount, now, max);
      all.emplace_back(now, amount);
      while (all.front().first <= now - 2 * kMinute) all.pop_front();
    }
    EXPECT_EQ(differed, max > kEntriesMax);
  }
}

TEST(SlidingWindow, ASumThatWouldOverflowStopsAtTheLargestNumberAndComesBack) {
  constexpr auto kMax = std::numeric_limits<std::uint64_t>::max();
  SlidingWindow window(kMinute);
  window.add(kMax - 5, 1, kMax);
  window.add(100, kSecond, kMax);
  EXPECT_EQ(window.sum(), kMax);
  window.add(1, 2 * kSecond, kMax);
  EXPECT_EQ(window.sum(), kMax);
  window.expire(1 + kMinute);
  EXPECT_EQ(window.sum(), 5U);
  window.expire(kSecond + kMinute);
  EXPECT_EQ(window.sum(), 0U);
}

}  // namespace
}  // namespace capsem::limit
