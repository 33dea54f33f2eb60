#include "server/store/review_lifetimes.h"

#include <algorithm>
#include <unordered_set>

namespace capsem::store {
namespace {

constexpr std::int64_t kNsPerMs = 1'000'000;

std::int64_t whole_life_ms(const Review& review) {
  return std::max<std::int64_t>(0, review.expires_ms - review.created_ms);
}

}  // namespace

bool ReviewLifetimes::over(const Review& review) {
  const std::int64_t now = clock_.monotonic_ns();
  if (const auto known = deadlines_.find(review.id); known != deadlines_.end()) {
    return now >= known->second;
  }
  const bool fresh = settled_ && is_open(review.status);
  const std::int64_t left_ms = fresh ? whole_life_ms(review) : by_wall_clock(review);
  if (is_open(review.status)) deadlines_.emplace(review.id, now + left_ms * kNsPerMs);
  return left_ms <= 0;
}

std::int64_t ReviewLifetimes::by_wall_clock(const Review& review) const {
  return std::clamp<std::int64_t>(review.expires_ms - clock_.wall_ms(), 0, whole_life_ms(review));
}

void ReviewLifetimes::tidy(const std::vector<Review>& open) {
  std::unordered_set<std::string_view> kept;
  for (const Review& review : open) kept.insert(review.id);
  const std::int64_t now = clock_.monotonic_ns();
  std::erase_if(deadlines_,
                [&](const auto& one) { return now >= one.second && !kept.contains(one.first); });
}

}  // namespace capsem::store
