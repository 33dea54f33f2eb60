// A bounded queue from many threads to one. Pushing takes no lock: a slot's ticket says whose turn
// it is (Vyukov's bounded queue).
//
//   slot i holds ticket t:  t == n      free for the producer that drew number n
//                           t == n + 1  filled by it, for the consumer
// after taking it the consumer adds the capacity: free for the next round.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

namespace capsem::store {

// Wakes the one thread that sleeps on it. The sleeper announces its sleep before it looks a last
// time whether there is work, a caller makes the work visible before it looks for a sleeper: one of
// the two sees the other. Without a sleeper a ring costs one load.
class Bell {
 public:
  // Of a ring: how much it matters. Of a sleep: the least that ends it.
  enum class Level : std::uint8_t { None, Any, Urgent, Now };

  void ring(Level level) {
    const Level sleep = sleep_.load(std::memory_order_seq_cst);
    if (sleep == Level::None || level < sleep) return;
    const std::scoped_lock lock(mutex_);
    sleep_.store(Level::None, std::memory_order_seq_cst);
    rung_.notify_one();
  }

  // Until it rings, or until `until`; not at all when `has_work` says so.
  template <class HasWork>
  void wait(Level sleep, std::chrono::steady_clock::time_point until, HasWork has_work) {
    sleep_.store(sleep, std::memory_order_seq_cst);
    if (!has_work()) {
      std::unique_lock lock(mutex_);
      rung_.wait_until(lock, until,
                       [this] { return sleep_.load(std::memory_order_relaxed) == Level::None; });
    }
    sleep_.store(Level::None, std::memory_order_seq_cst);
  }

 private:
  std::atomic<Level> sleep_{Level::None};
  std::mutex mutex_;
  std::condition_variable rung_;
};

// T is moved in and out; a default T fills the empty slots.
template <class T>
class BoundedQueue {
 public:
  explicit BoundedQueue(std::size_t items_max)
      : slots_(std::bit_ceil(items_max < 2 ? std::size_t{2} : items_max)),
        mask_(slots_.size() - 1) {
    for (std::size_t i = 0; i < slots_.size(); ++i) slots_[i].ticket.store(i);
  }

  // False, and `item` untouched, when the queue is full.
  bool push(T&& item) {
    std::size_t number = tail_.load(std::memory_order_relaxed);
    for (;;) {
      Slot& slot = slots_[number & mask_];
      const std::size_t ticket = slot.ticket.load(std::memory_order_acquire);
      if (ticket == number) {
        if (!tail_.compare_exchange_weak(number, number + 1, std::memory_order_relaxed)) continue;
        slot.item = std::move(item);
        slot.ticket.store(number + 1, std::memory_order_seq_cst);
        return true;
      }
      if (ticket < number) return false;  // the consumer has not been here since last round
      number = tail_.load(std::memory_order_relaxed);
    }
  }

  // The consumer's alone, both of them.
  bool pop(T& item) {
    Slot& slot = slots_[head_ & mask_];
    if (slot.ticket.load(std::memory_order_seq_cst) != head_ + 1) return false;
    item = std::move(slot.item);
    slot.ticket.store(head_ + slots_.size(), std::memory_order_release);
    ++head_;
    return true;
  }
  bool empty() const {
    return slots_[head_ & mask_].ticket.load(std::memory_order_seq_cst) != head_ + 1;
  }

 private:
  struct Slot {
    std::atomic<std::size_t> ticket{0};
    T item{};
  };

  std::vector<Slot> slots_;
  const std::size_t mask_;
  // Room between what producers and what the consumer write, so that they share no cache line.
  // Not alignment: a queue may stand anywhere.
  static constexpr std::size_t kLineBytes = 64;
  [[maybe_unused]] std::array<char, kLineBytes> before_tail_{};
  std::atomic<std::size_t> tail_{0};
  [[maybe_unused]] std::array<char, kLineBytes> before_head_{};
  std::size_t head_ = 0;  // the consumer's
};

}  // namespace capsem::store
