// Latencies by size: 64 buckets for each power of two, so a percentile is right within 1.6 %.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace capsem::bench {

class Histogram {
 public:
  void add(std::int64_t ns) {
    const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(ns, 0));
    ++counts_[index(value)];
    ++count_;
    max_ = std::max(max_, value);
  }

  std::uint64_t count() const { return count_; }

  // Microseconds below which `share` (0..1) of the values lie.
  double percentile_us(double share) const {
    if (count_ == 0) return 0;
    const auto rank = static_cast<std::uint64_t>(share * static_cast<double>(count_ - 1));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen > rank) return static_cast<double>(std::min(upper(i), max_)) / 1000.0;
    }
    return static_cast<double>(max_) / 1000.0;
  }
  double max_us() const { return static_cast<double>(max_) / 1000.0; }

 private:
  static constexpr unsigned kFine = 6;  // 2^6 buckets per power of two

  static std::size_t index(std::uint64_t value) {
    if (value < (1u << kFine)) return static_cast<std::size_t>(value);
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - kFine - 1;
    return (std::size_t{shift + 1} << kFine) + ((value >> shift) & ((1u << kFine) - 1));
  }
  static std::uint64_t upper(std::size_t i) {
    if (i < (1u << kFine)) return i;
    const auto shift = (i >> kFine) - 1;
    return (((i & ((1u << kFine) - 1)) + (1u << kFine) + 1) << shift) - 1;
  }

  std::array<std::uint64_t, (64 - kFine + 1) << kFine> counts_{};
  std::uint64_t count_ = 0, max_ = 0;
};

}  // namespace capsem::bench
