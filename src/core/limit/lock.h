// Mutual exclusion for a few hundred nanoseconds at a time. An atomic word and the kernel's wait on
// it, because the core has no threading library. Uncontended, locking is one compare-and-swap. A
// thread that has to wait looks a few times, then sleeps: a holder that was preempted costs its
// waiters no processor time.
#pragma once

#include <atomic>
#include <cstdint>

namespace capsem::limit {

class Lock {
 public:
  void lock() noexcept {
    // A holder that runs is done within a few of these looks; waking a sleeper takes far longer.
    for (int looks = 0; looks < kLooks; ++looks) {
      std::uint32_t state = state_.load(std::memory_order_relaxed);
      if (state != kFree) continue;
      if (state_.compare_exchange_weak(state, kHeld, std::memory_order_acquire,
                                       std::memory_order_relaxed)) {
        return;
      }
    }
    // Who has waited once takes the lock as kAwaited: others may still be asleep, and the unlock()
    // that follows must wake one of them.
    while (state_.exchange(kAwaited, std::memory_order_acquire) != kFree) {
      state_.wait(kAwaited, std::memory_order_relaxed);
    }
  }

  void unlock() noexcept {
    if (state_.exchange(kFree, std::memory_order_release) == kAwaited) state_.notify_one();
  }

 private:
  static constexpr int kLooks = 200;
  static constexpr std::uint32_t kFree = 0, kHeld = 1, kAwaited = 2;
  std::atomic<std::uint32_t> state_{kFree};
};

}  // namespace capsem::limit
