// The store as all event loops use it at once (T40).
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "core/limit/memory_store.h"
#include "tests/unit/limit/helpers.h"

namespace capsem::limit {
namespace {

void on_threads(int threads, const std::function<void(int)>& work) {
  std::atomic<int> waiting{0};
  std::vector<std::thread> all;
  for (int t = 0; t < threads; ++t) {
    all.emplace_back([&, t] {
      ++waiting;
      while (waiting.load() < threads) std::this_thread::yield();
      work(t);
    });
  }
  for (std::thread& thread : all) thread.join();
}

TEST(MemoryStoreThreads, ExactlyTheLimitPassesHoweverManyAskAtOnceT40) {
  for (int round = 0; round < 5; ++round) {
    MemoryStore store;
    std::atomic<int> taken{0};
    on_threads(8, [&](int t) {
      for (int i = 0; i < 500; ++i) {
        if (take(store, {window("a", 100)}, t * 7 + i).outcome == Outcome::Taken) ++taken;
      }
    });
    EXPECT_EQ(taken.load(), 100);
  }
}

TEST(MemoryStoreThreads, ChargesOfOneRequestStayTogetherT40) {
  MemoryStore store;
  // Every request takes all keys, in an order of its own: the counts must agree at every moment.
  const std::vector<std::string> keys = {"one", "two", "three", "four", "five", "six"};
  std::atomic<int> taken{0};
  on_threads(8, [&](int t) {
    std::mt19937_64 random(static_cast<std::uint64_t>(t));
    for (int i = 0; i < 500; ++i) {
      std::vector<Charge> charges;
      for (const std::string& key : keys) charges.push_back(window(key, 1'000));
      std::shuffle(charges.begin(), charges.end(), random);
      const Taken got = take(store, charges, i);
      taken += got.outcome == Outcome::Taken ? 1 : 0;
      for (const Level& level : got.levels) {
        if (level.used != got.levels[0].used) ADD_FAILURE() << "a request was counted in part";
      }
    }
  });
  EXPECT_EQ(taken.load(), 1'000);
}

TEST(MemoryStoreThreads, ConcurrentSlotsAreNeverExceededAndAllComeBack) {
  MemoryStore store;
  std::atomic<int> running{0}, most{0};
  on_threads(8, [&](int) {
    for (int i = 0; i < 500; ++i) {
      if (take(store, {concurrent("c", 5)}, i).outcome != Outcome::Taken) continue;
      const int now_running = ++running;
      int seen = most.load();
      while (now_running > seen && !most.compare_exchange_weak(seen, now_running)) {
      }
      std::this_thread::yield();
      --running;
      give(store, concurrent("c", 5), i);
    }
  });
  EXPECT_LE(most.load(), 5);
  EXPECT_EQ(take(store, {concurrent("c", 5)}, 1'000).levels[0].used, 1U);
}

TEST(MemoryStoreThreads, ParallelCallersDoNotSpendMoreThanTheBudget) {
  // Counting only after the answer once let 663 tokens through a limit of 100, with five callers.
  MemoryStore store;
  std::atomic<std::uint64_t> spent{0};
  on_threads(8, [&](int t) {
    std::mt19937_64 random(static_cast<std::uint64_t>(t));
    for (int i = 0; i < 500; ++i) {
      const std::uint64_t estimate = 1 + random() % 40;
      const Charge charge = reserved("t", 10'000, estimate);
      if (take(store, {charge}, i).outcome != Outcome::Taken) continue;
      std::this_thread::yield();
      const std::uint64_t used = 1 + random() % estimate;
      spent += used;
      settle(store, charge, used, i);
    }
  });
  // A call that ran alone may pass the limit by what it used.
  EXPECT_LE(spent.load(), 10'000U + 40U);
  EXPECT_GE(spent.load(), 10'000U - 40U);
}

TEST(MemoryStoreThreads, TheBoundOnKeysHoldsForAllThreadsTogether) {
  MemoryStore store({.keys_max = 50});
  std::atomic<int> full{0}, taken{0};
  on_threads(8, [&](int t) {
    for (int i = 0; i < 300; ++i) {
      const std::string key = std::to_string(t) + "/" + std::to_string(i);
      const Charge charge = concurrent(key, 1);
      const Outcome outcome = take(store, {charge}, i).outcome;
      if (store.keys() > 50 + 8) ADD_FAILURE() << store.keys();
      if (outcome == Outcome::Full) ++full;
      if (outcome != Outcome::Taken) continue;
      ++taken;
      // Half of them stay held for ever.
      if (i % 2 == 0) give(store, charge, i);
    }
  });
  EXPECT_EQ(store.keys(), 50U);
  EXPECT_GE(taken.load(), 50);
  EXPECT_EQ(store.refused_full(), static_cast<std::uint64_t>(full.load()));
}

}  // namespace
}  // namespace capsem::limit
