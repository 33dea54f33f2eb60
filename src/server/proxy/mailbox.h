// The way back to a loop for what is answered later, by whoever and whenever: also after the loop
// is gone, when what was to be told is not needed any more.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "server/net/loop.h"

namespace capsem::proxy {

class Mailbox {
 public:
  explicit Mailbox(net::Loop& loop) : loop_(&loop) {}

  // From any thread. False: the loop has ended, and the task will not run.
  bool post(std::function<void()> task) {
    const std::scoped_lock lock(mutex_);
    if (loop_ == nullptr) return false;
    loop_->post(std::move(task));
    return true;
  }
  // Before the loop dies.
  void close() {
    const std::scoped_lock lock(mutex_);
    loop_ = nullptr;
  }

 private:
  std::mutex mutex_;  // guards loop_
  net::Loop* loop_;
};

}  // namespace capsem::proxy
