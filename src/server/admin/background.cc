#include "server/admin/background.h"

#include <utility>

namespace capsem::admin {

bool Background::start(std::function<void()> work) {
  const std::scoped_lock lock(lock_);
  if (busy_ || stopped_) return false;
  if (thread_.joinable()) thread_.join();
  busy_ = true;
  thread_ = std::thread([this, work = std::move(work)] {
    work();
    const std::scoped_lock done(lock_);
    busy_ = false;
  });
  return true;
}

void Background::stop() {
  std::thread last;
  {
    const std::scoped_lock lock(lock_);
    stopped_ = true;
    last = std::move(thread_);
  }
  if (last.joinable()) last.join();
}

}  // namespace capsem::admin
