#include "server/app/reload_thread.h"

#include <algorithm>
#include <utility>

namespace capsem::app {

ReloadThread::ReloadThread(Run run) : run_(std::move(run)), thread_([this] { work(); }) {}

ReloadThread::~ReloadThread() {
  {
    const std::scoped_lock lock(mutex_);
    ending_ = true;
  }
  asked_.notify_one();
  thread_.join();
}

void ReloadThread::request(std::string cause, Answer answer) {
  {
    const std::scoped_lock lock(mutex_);
    wishes_.push_back({std::move(cause), std::move(answer)});
  }
  asked_.notify_one();
}

void ReloadThread::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    asked_.wait(lock, [this] { return ending_ || !wishes_.empty(); });
    if (ending_) return;
    const std::vector<Wish> wishes = std::exchange(wishes_, {});
    lock.unlock();
    std::vector<std::string_view> causes;
    std::string cause;
    for (const Wish& wish : wishes) {
      if (std::ranges::find(causes, wish.cause) != causes.end()) continue;
      causes.push_back(wish.cause);
      cause.append(cause.empty() ? "" : ", ").append(wish.cause);
    }
    const admin::ReloadReport report = run_(cause);
    for (const Wish& wish : wishes) {
      if (wish.answer) wish.answer(report);
    }
    lock.lock();
  }
}

}  // namespace capsem::app
