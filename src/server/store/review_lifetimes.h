// How long reviews still live, by this process's own monotonic clock: a jump of the wall clock ends
// none early and keeps none alive (T41).
//
// A review's deadline is taken when the process sees it first. Reviews that were there when it
// began (settle() has not been called) have what the wall clock leaves of their lifetime, never
// more than all of it; those that appear later are new, and have all of it.
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "core/base/clock.h"
#include "server/store/reviews.h"

namespace capsem::store {

class ReviewLifetimes {
 public:
  explicit ReviewLifetimes(const Clock& clock) : clock_(clock) {}

  // Is its life over? Sees it. One that is closed and was never seen open is judged by the wall
  // clock and not remembered.
  bool over(const Review& review);
  // Everything that is in the database has been seen.
  void settle() { settled_ = true; }
  // Forgets what is past its deadline, except those of `open`.
  void tidy(const std::vector<Review>& open);
  std::size_t size() const { return deadlines_.size(); }

 private:
  std::int64_t by_wall_clock(const Review& review) const;

  const Clock& clock_;
  bool settled_ = false;
  std::unordered_map<std::string, std::int64_t> deadlines_;  // monotonic, ns
};

}  // namespace capsem::store
