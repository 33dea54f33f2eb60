#include "core/limit/lock.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace capsem::limit {
namespace {

TEST(Lock, AdmitsOneAtATime) {
  Lock lock;
  std::uint64_t count = 0;  // not atomic: the lock is what makes it right
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20'000; ++i) {
        lock.lock();
        ++count;
        lock.unlock();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(count, 80'000U);
}

TEST(Lock, EverySleeperIsWokenInItsTurn) {
  for (int round = 0; round < 10; ++round) {
    Lock lock;
    std::atomic<int> started{0}, entered{0};
    std::vector<std::thread> threads;
    lock.lock();
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&] {
        ++started;
        lock.lock();
        ++entered;
        lock.unlock();
      });
    }
    while (started.load() < 3) std::this_thread::yield();
    // Long enough for all of them to have fallen asleep.
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    EXPECT_EQ(entered.load(), 0);
    lock.unlock();
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(entered.load(), 3);
  }
}

}  // namespace
}  // namespace capsem::limit
