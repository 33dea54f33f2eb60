// A bounded queue of lines from many threads to one. Pushing takes no lock: a slot's ticket says
// whose turn it is (Vyukov's bounded queue).
//
//   slot i holds ticket t:  t == n      free for the producer that drew number n
//                           t == n + 1  filled by it, for the consumer
// after taking it the consumer adds the capacity: free for the next round.
#pragma once

#include <atomic>
#include <bit>
#include <chrono>
#include <cstdint>
#include <semaphore>
#include <string>
#include <utility>
#include <vector>

namespace capsem::app {

class LineQueue {
 public:
  explicit LineQueue(std::size_t lines_max)
      : slots_(std::bit_ceil(lines_max < 2 ? std::size_t{2} : lines_max)),
        mask_(slots_.size() - 1) {
    for (std::size_t i = 0; i < slots_.size(); ++i) slots_[i].ticket.store(i);
  }

  // False, and `line` untouched, when the queue is full.
  bool push(std::string&& line) {
    std::size_t number = tail_.load(std::memory_order_relaxed);
    for (;;) {
      Slot& slot = slots_[number & mask_];
      const std::size_t ticket = slot.ticket.load(std::memory_order_acquire);
      if (ticket == number) {
        if (!tail_.compare_exchange_weak(number, number + 1, std::memory_order_relaxed)) continue;
        slot.line = std::move(line);
        slot.ticket.store(number + 1, std::memory_order_seq_cst);
        wake();
        return true;
      }
      if (ticket < number) return false;  // the consumer has not been here since last round
      number = tail_.load(std::memory_order_relaxed);
    }
  }

  // The consumer's alone.
  bool pop(std::string& line) {
    Slot& slot = slots_[head_ & mask_];
    if (slot.ticket.load(std::memory_order_seq_cst) != head_ + 1) return false;
    line = std::move(slot.line);
    slot.ticket.store(head_ + slots_.size(), std::memory_order_release);
    ++head_;
    return true;
  }

  // The consumer sleeps until a line comes or wake() is called. It announces its sleep before it
  // looks a last time, a producer fills its slot before it looks for sleepers: one of the two sees
  // the other.
  void wait() {
    sleeping_.store(true, std::memory_order_seq_cst);
    const bool empty = slots_[head_ & mask_].ticket.load(std::memory_order_seq_cst) != head_ + 1;
    if (empty) bell_.acquire();
    sleeping_.store(false, std::memory_order_seq_cst);
    while (bell_.try_acquire()) {
    }
  }

  void wake() {
    if (sleeping_.load(std::memory_order_seq_cst) &&
        sleeping_.exchange(false, std::memory_order_seq_cst)) {
      bell_.release();
    }
  }

 private:
  struct Slot {
    std::atomic<std::size_t> ticket{0};
    std::string line;
  };

  std::vector<Slot> slots_;
  const std::size_t mask_;
  alignas(64) std::atomic<std::size_t> tail_{0};
  alignas(64) std::size_t head_ = 0;  // the consumer's
  std::atomic<bool> sleeping_{false};
  std::counting_semaphore<1024> bell_{0};
};

}  // namespace capsem::app
