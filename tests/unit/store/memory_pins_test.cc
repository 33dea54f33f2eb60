#include "server/store/memory_pins.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace capsem::store {
namespace {

using policy::PinState;

TEST(MemoryPins, RememberTheFirstFormOfATool) {
  MemoryPins pins;
  EXPECT_EQ(pins.look("p", "t", "one"), PinState::New);
  EXPECT_EQ(pins.look("p", "t", "one"), PinState::Unchanged);
  EXPECT_EQ(pins.look("p", "t", "two"), PinState::Changed);
  EXPECT_EQ(pins.look("p", "t", "two"), PinState::Changed) << "the first one stays";
  EXPECT_EQ(pins.look("p", "t", "one"), PinState::Unchanged);
  EXPECT_EQ(pins.look("q", "t", "two"), PinState::New) << "principals know nothing of each other";
  pins.accept("p", "t", "two");
  EXPECT_EQ(pins.look("p", "t", "two"), PinState::Unchanged);
  EXPECT_EQ(pins.look("p", "t", "one"), PinState::Changed);
}

TEST(MemoryPins, APrincipalHasSoManyToolsAndNoMore) {
  MemoryPins pins;
  for (std::size_t i = 0; i < MemoryPins::kToolsMax; ++i) {
    ASSERT_EQ(pins.look("p", "t" + std::to_string(i), "d"), PinState::New);
  }
  EXPECT_EQ(pins.look("p", "more", "d"), PinState::Full);
  EXPECT_EQ(pins.look("p", "more", "d"), PinState::Full);
  EXPECT_EQ(pins.look("p", "t0", "d"), PinState::Unchanged);
  EXPECT_EQ(pins.look("p", "t0", "e"), PinState::Changed);
  EXPECT_EQ(pins.look("q", "more", "d"), PinState::New);
}

TEST(MemoryPins, ThePrincipalLongestUnseenIsForgotten) {
  MemoryPins pins;
  pins.look("kept", "t", "d");
  pins.look("lost", "t", "d");
  // Shards fill at different speeds: many more than the limit, so that each has overflowed.
  for (std::size_t i = 0; i < 2 * MemoryPins::kPrincipalsMax; ++i) {
    pins.look("x" + std::to_string(i), "t", "d");
    if (i % 64 != 0) continue;
    ASSERT_EQ(pins.look("kept", "t", "d"), PinState::Unchanged) << i;
  }
  EXPECT_EQ(pins.look("kept", "t", "other"), PinState::Changed);
  EXPECT_EQ(pins.look("lost", "t", "other"), PinState::New);
}

TEST(MemoryPins, FewerPrincipalsThanTheLimitAreAllRemembered) {
  MemoryPins pins;
  constexpr std::size_t kFew = MemoryPins::kPrincipalsMax / 2;
  for (std::size_t i = 0; i < kFew; ++i) pins.look("x" + std::to_string(i), "t", "d");
  std::size_t known = 0;
  for (std::size_t i = 0; i < kFew; ++i) {
    known += pins.look("x" + std::to_string(i), "t", "d") == PinState::Unchanged;
  }
  EXPECT_EQ(known, kFew);
}

TEST(MemoryPins, OfManyThreadsExactlyOneIsTheFirst) {
  MemoryPins pins;
  std::atomic<int> first = 0;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        first += pins.look("p", "t" + std::to_string(i), "d") == PinState::New;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(first, 500);
}

}  // namespace
}  // namespace capsem::store
