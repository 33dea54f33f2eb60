// Amounts of the last `window_ns`, oldest first. Exact, or merged into quanta: see counters.h,
// "Precision". A value; not thread-safe. Keeps its memory; grows to kEntriesMax entries at most.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/limit/counters.h"

namespace capsem::limit {

struct Amount {
  std::int64_t at_ns;
  std::uint64_t amount;
};

class SlidingWindow {
 public:
  explicit SlidingWindow(std::int64_t window_ns) : window_ns_(window_ns) {}

  // Drops what has left the window. `now_ns` may lie before the newest entry (another thread's
  // clock); nothing is dropped early for it.
  void expire(std::int64_t now_ns);
  // Counts `amount` from now on. `max` decides whether entries are exact. REQUIRES: expire(now_ns)
  // was called.
  void add(std::uint64_t amount, std::int64_t now_ns, std::uint64_t max);

  std::uint64_t sum() const { return sum_; }
  std::size_t entries() const { return count_; }
  // The i-th oldest. REQUIRES: i < entries().
  Amount entry(std::size_t i) const { return entries_[place(i)]; }
  std::int64_t window_ns() const { return window_ns_; }
  // When the oldest entry leaves. REQUIRES: entries() > 0.
  std::int64_t oldest_leaves_ns() const { return entries_[first_].at_ns + window_ns_; }

  // When no more than `target` is left, if nothing is added. REQUIRES: sum() > target.
  std::int64_t falls_to_ns(std::uint64_t target) const;

 private:
  std::size_t place(std::size_t i) const {
    const std::size_t at = first_ + i;
    return at < entries_.size() ? at : at - entries_.size();
  }

  bool same_quantum(std::int64_t a_ns, std::int64_t b_ns) const;
  void grow();

  std::int64_t window_ns_;
  std::uint64_t sum_ = 0;
  std::vector<Amount> entries_;  // a ring
  std::size_t first_ = 0, count_ = 0;
};

}  // namespace capsem::limit
