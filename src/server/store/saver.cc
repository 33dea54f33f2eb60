#include "server/store/saver.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace capsem::store {

Saver::Saver(sql::Target target, std::vector<Saved> what)
    : target_(std::move(target)), what_(std::move(what)), last_failures_(what_.size()) {
  const Clock::time_point now = Clock::now();
  for (const Saved& saved : what_) due_.push_back(now + saved.every);
  thread_ = std::thread([this] { work(); });
}

Saver::~Saver() {
  {
    const std::scoped_lock guard(lock_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Saver::work() {
  bool last = false;
  while (!last) {
    {
      std::unique_lock guard(lock_);
      const auto next = std::min_element(due_.begin(), due_.end());
      if (next == due_.end()) {
        wake_.wait(guard, [this] { return stopping_; });
      } else {
        wake_.wait_until(guard, *next, [this] { return stopping_; });
      }
      last = stopping_;
    }
    const Clock::time_point now = Clock::now();
    for (std::size_t i = 0; i < what_.size(); ++i) {
      if (!last && due_[i] > now) continue;
      save(i);
      due_[i] = Clock::now() + what_[i].every;
    }
  }
}

void Saver::save(std::size_t which) {
  Status done;
  if (!connection_ || !connection_->usable()) {
    connection_.reset();
    auto opened = sql::open(target_);
    if (opened) {
      connection_ = std::move(*opened);
    } else {
      done = std::unexpected(std::move(opened.error()));
    }
  }
  if (connection_) done = what_[which].save(*connection_);
  if (!done) failures_.fetch_add(1, std::memory_order_relaxed);
  // Said once, not every time.
  std::string failure = done ? std::string() : done.error().code;
  if (!done && failure != last_failures_[which]) {
    spdlog::warn("{} not saved, will be tried again: {}", what_[which].name, done.error().detail);
  }
  last_failures_[which] = std::move(failure);
}

}  // namespace capsem::store
