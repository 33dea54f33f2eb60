// What outlives the process (R48, T41).
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <thread>
#include <vector>

#include "core/limit/memory_store.h"
#include "tests/unit/limit/helpers.h"

namespace capsem::limit {
namespace {

using LongWindow = MemoryStore::LongWindow;

Charge hourly(std::string_view key, std::uint64_t max, std::uint64_t amount = 1) {
  return {.key = key, .kind = Kind::Window, .amount = amount, .max = max, .window_ns = kHour};
}

std::uint64_t sum(const LongWindow& window) {
  std::uint64_t total = 0;
  for (const Amount& amount : window.amounts) total += amount.amount;
  return total;
}

TEST(SavedWindows, OnlyLongOnesAreHandedOut) {
  MemoryStore store;
  Charge below = hourly("below", 10);
  below.window_ns = kLongWindowNs - 1;
  take(store, {window("minute", 10), concurrent("slots", 10), below, hourly("hour", 10)}, 5);
  const auto changed = store.take_changed(100);
  ASSERT_EQ(changed.size(), 1u);
  EXPECT_EQ(changed[0].key, "hour");
  EXPECT_EQ(changed[0].window_ns, kHour);
  ASSERT_EQ(changed[0].amounts.size(), 1u);
  EXPECT_EQ(changed[0].amounts[0].at_ns, 5);
  EXPECT_EQ(changed[0].amounts[0].amount, 1u);
}

TEST(SavedWindows, AreHandedOutOnceForEachTimeTheyChanged) {
  MemoryStore store;
  EXPECT_TRUE(store.take_changed(100).empty());
  take(store, {hourly("a", 10)}, 1);
  take(store, {hourly("a", 10)}, 2);
  ASSERT_EQ(store.take_changed(100).size(), 1u);
  EXPECT_TRUE(store.take_changed(100).empty());
  take(store, {hourly("a", 10)}, 3);
  const auto again = store.take_changed(100);
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(sum(again[0]), 3u) << "the whole window, not the difference";
  // A refused take changes nothing.
  take(store, {hourly("a", 3)}, 4);
  EXPECT_TRUE(store.take_changed(100).empty());
}

TEST(SavedWindows, TokensAreInThemOnceTheyAreSettled) {
  MemoryStore store;
  const Charge tokens = reserved("tokens", 1'000, 100);
  take(store, {tokens}, 1);
  EXPECT_TRUE(store.take_changed(100).empty()) << "reserved";
  settle(store, tokens, 70, 2);
  const auto changed = store.take_changed(100);
  ASSERT_EQ(changed.size(), 1u);
  EXPECT_EQ(sum(changed[0]), 70u);
}

TEST(SavedWindows, AsManyAsAskedForAndTheRestNextTime) {
  MemoryStore store;
  for (int i = 0; i < 1'000; ++i) take(store, {hourly("k" + std::to_string(i), 10)}, 1);
  std::map<std::string, int> seen;
  while (true) {
    const auto some = store.take_changed(100);
    if (some.empty()) break;
    EXPECT_LT(some.size(), 120u);
    for (const auto& window : some) ++seen[window.key];
  }
  EXPECT_EQ(seen.size(), 1'000u);
  for (const auto& [key, times] : seen) EXPECT_EQ(times, 1) << key;
}

TEST(SavedWindows, CountOnInTheNextProcess) {
  MemoryStore before;
  for (int i = 0; i < 8; ++i) take(before, {hourly("a", 10)}, i * kMinute);
  MemoryStore after;
  for (const auto& window : before.take_changed(100))
    EXPECT_TRUE(after.restore(window, 8 * kMinute));
  // Two are left; the first of the eight leaves at its own nanosecond.
  EXPECT_EQ(take(after, {hourly("a", 10)}, 8 * kMinute).outcome, Outcome::Taken);
  EXPECT_EQ(take(after, {hourly("a", 10)}, 8 * kMinute).outcome, Outcome::Taken);
  EXPECT_EQ(take(after, {hourly("a", 10)}, kHour - 1).outcome, Outcome::Refused);
  EXPECT_EQ(take(after, {hourly("a", 10)}, kHour).outcome, Outcome::Taken);
  EXPECT_EQ(take(after, {hourly("a", 10)}, kHour).outcome, Outcome::Refused);
}

TEST(SavedWindows, WhatHasLeftTheWindowIsNotBroughtBack) {
  const LongWindow saved{"a", kHour, {{.at_ns = 0, .amount = 3}, {.at_ns = kMinute, .amount = 4}}};
  for (const auto& [now_ns, left] : std::map<std::int64_t, std::uint64_t>{
           {kHour - 1, 7}, {kHour, 4}, {kHour + kMinute - 1, 4}}) {
    MemoryStore store;
    EXPECT_TRUE(store.restore(saved, now_ns));
    EXPECT_EQ(take(store, {hourly("a", 100, 0)}, now_ns).levels[0].used, left) << now_ns;
  }
  MemoryStore store;
  EXPECT_TRUE(store.restore(saved, kHour + kMinute));
  EXPECT_EQ(store.keys(), 0u) << "nothing to remember";
}

TEST(SavedWindows, AKeyThatIsCountedAlreadyStaysAsItIs) {
  MemoryStore store;
  take(store, {hourly("a", 10, 5)}, 1);
  EXPECT_FALSE(store.restore({"a", kHour, {{.at_ns = 0, .amount = 9}}}, 1));
  EXPECT_EQ(take(store, {hourly("a", 10, 0)}, 2).levels[0].used, 5u);
}

TEST(SavedWindows, NoMoreKeysThanTheStoreHolds) {
  MemoryStore store({.keys_max = 2});
  for (const char* key : {"a", "b"}) {
    EXPECT_TRUE(store.restore({key, kHour, {{.at_ns = 0, .amount = 1}}}, 1));
  }
  EXPECT_FALSE(store.restore({"c", kHour, {{.at_ns = 0, .amount = 1}}}, 1));
  EXPECT_EQ(store.keys(), 2u);
}

TEST(SavedWindows, AChangedCounterMayBeDroppedBeforeItIsHandedOut) {
  MemoryStore store({.keys_max = 1});
  take(store, {hourly("a", 10)}, 0);
  // The window of "a" is over, and there is room for one key.
  EXPECT_EQ(take(store, {hourly("b", 10)}, kHour).outcome, Outcome::Taken);
  const auto changed = store.take_changed(100);
  ASSERT_EQ(changed.size(), 1u);
  EXPECT_EQ(changed[0].key, "b");
}

TEST(SavedWindows, NothingIsLostWhileOthersCount) {
  constexpr int kThreads = 3;
  constexpr int kTakes = 20'000;
  MemoryStore store;
  std::map<std::string, std::uint64_t> latest;
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&store, t] {
      for (int i = 0; i < kTakes; ++i) {
        const std::string key = "k" + std::to_string(i % 50);
        take(store, {hourly(key, 1'000'000)}, 1 + t + i);
      }
    });
  }
  const auto collect = [&] {
    for (const auto& window : store.take_changed(10)) {
      std::uint64_t& known = latest[window.key];
      EXPECT_GE(sum(window), known);
      known = sum(window);
    }
  };
  for (int i = 0; i < 2'000; ++i) collect();
  threads.clear();
  for (int i = 0; i < 200; ++i) collect();
  std::uint64_t total = 0;
  for (const auto& [key, value] : latest) total += value;
  EXPECT_EQ(total, std::uint64_t{kThreads} * kTakes);
}

}  // namespace
}  // namespace capsem::limit
