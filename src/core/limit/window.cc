#include "core/limit/window.h"

#include <algorithm>

namespace capsem::limit {

namespace {

constexpr std::size_t kFirstEntries = 8;

}  // namespace

void SlidingWindow::expire(std::int64_t now_ns) {
  while (count_ > 0 && entries_[first_].at_ns + window_ns_ <= now_ns) {
    sum_ -= entries_[first_].amount;
    first_ = place(1);
    --count_;
  }
}

void SlidingWindow::add(std::uint64_t amount, std::int64_t now_ns, std::uint64_t max) {
  // What is counted never passes the largest number, so that it can be taken off again.
  amount = std::min(amount, std::numeric_limits<std::uint64_t>::max() - sum_);
  if (amount == 0) return;
  if (count_ > 0) {
    Amount& last = entries_[place(count_ - 1)];
    now_ns = std::max(now_ns, last.at_ns);
    // A full ring merges as well: amounts may be many and max small when estimates were too low.
    const bool merge = last.at_ns == now_ns || count_ == kEntriesMax ||
                       (max > kEntriesMax && same_quantum(last.at_ns, now_ns));
    if (merge) {
      last.at_ns = now_ns;
      last.amount += amount;
      sum_ += amount;
      return;
    }
  }
  if (count_ == entries_.size()) grow();
  entries_[place(count_)] = {now_ns, amount};
  ++count_;
  sum_ += amount;
}

std::int64_t SlidingWindow::falls_to_ns(std::uint64_t target) const {
  std::uint64_t left = sum_;
  std::size_t i = 0;
  for (; i + 1 < count_; ++i) {
    left -= entries_[place(i)].amount;
    if (left <= target) break;
  }
  return entries_[place(i)].at_ns + window_ns_;
}

bool SlidingWindow::same_quantum(std::int64_t a_ns, std::int64_t b_ns) const {
  // Rounded up, so that a window never touches more than kEntriesMax quanta.
  constexpr auto kQuanta = static_cast<std::int64_t>(kEntriesMax) - 1;
  const std::int64_t quantum_ns = (window_ns_ + kQuanta - 1) / kQuanta;
  return b_ns - a_ns < quantum_ns && a_ns / quantum_ns == b_ns / quantum_ns;
}

void SlidingWindow::grow() {
  std::vector<Amount> larger(std::min(std::max(kFirstEntries, entries_.size() * 2), kEntriesMax));
  for (std::size_t i = 0; i < count_; ++i) larger[i] = entries_[place(i)];
  entries_.swap(larger);
  first_ = 0;
}

}  // namespace capsem::limit
