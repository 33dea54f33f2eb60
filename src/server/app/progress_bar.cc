#include "server/app/progress_bar.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace capsem::app {

ProgressBar::ProgressBar(std::size_t total)
    : total_(std::max<std::size_t>(total, 1)), terminal_(::isatty(STDERR_FILENO) == 1) {}

ProgressBar::~ProgressBar() {
  if (shown_) fmt::print(stderr, "\r\033[K");
}

void ProgressBar::show(std::size_t done) {
  if (!terminal_ || Clock::now() < next_) return;
  next_ = Clock::now() + kBetween;
  shown_ = true;
  constexpr std::size_t kWidth = 40;
  const std::size_t filled = std::min(done, total_) * kWidth / total_;
  fmt::print(stderr, "\r[{:<{}}] {:3} %", std::string(filled, '#'), kWidth,
             std::min(done, total_) * 100 / total_);
  std::fflush(stderr);
}

}  // namespace capsem::app
