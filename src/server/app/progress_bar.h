// A bar on standard error while something long goes on; nothing at all where that is no terminal,
// and nothing for work that is done before somebody could read it.
#pragma once

#include <chrono>
#include <cstddef>

namespace capsem::app {

class ProgressBar {
 public:
  explicit ProgressBar(std::size_t total);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void show(std::size_t done);

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kFirst{300}, kBetween{100};

  const std::size_t total_;
  const bool terminal_;
  Clock::time_point next_ = Clock::now() + kFirst;
  bool shown_ = false;
};

}  // namespace capsem::app
