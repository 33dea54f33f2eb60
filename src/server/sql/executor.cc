#include "server/sql/executor.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

namespace capsem::sql {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kPauseMin{100};
constexpr std::chrono::milliseconds kPauseMax{2'000};
// How often an idle connection is looked at, so that healthy() does not tell of yesterday.
constexpr std::chrono::milliseconds kLook{1'000};

std::unexpected<Error> ended() {
  return gateway_error("store_gone", "the gateway is stopping");
}

}  // namespace

struct Executor::Impl {
  Impl(Target where, std::size_t most) : target(std::move(where)), tasks_max(most) {}

  void work();
  void call(Task task);
  void look();
  void connect();

  // Constant after construction.
  const Target target;
  const std::size_t tasks_max;

  std::atomic<bool> healthy{true};

  // Of the thread alone.
  std::unique_ptr<Connection> connection;
  Error last_error;
  Clock::time_point next_attempt{};
  std::chrono::milliseconds pause = kPauseMin;

  std::mutex lock;
  std::condition_variable wake;
  // State below is protected by lock.
  std::deque<Task> tasks;
  bool stopping = false;

  std::thread thread;  // last: it uses everything above
};

void Executor::Impl::connect() {
  if (connection || Clock::now() < next_attempt) return;
  auto opened = open(target);
  if (opened) {
    connection = std::move(*opened);
    pause = kPauseMin;
    healthy = true;
    return;
  }
  last_error = std::move(opened.error());
  next_attempt = Clock::now() + pause;
  pause = std::min(pause * 2, kPauseMax);
  healthy = false;
}

// Drops a connection that broke, and opens another one when it is time.
void Executor::Impl::look() {
  if (connection && !connection->usable()) {
    connection.reset();
    healthy = false;
  }
  connect();
}

void Executor::Impl::call(Task task) {
  look();
  try {
    if (!connection) {
      task(std::unexpected(last_error));
      return;
    }
    task(connection.get());
    connection->rollback();  // what the task left open, if anything
    healthy = connection->usable();
  } catch (...) {
    connection.reset();  // in an unknown state
  }
}

void Executor::Impl::work() {
  std::unique_lock guard(lock);
  while (true) {
    wake.wait_for(guard, connection ? kLook : kPauseMin,
                  [&] { return stopping || !tasks.empty(); });
    if (tasks.empty()) {
      if (stopping) return;
      guard.unlock();
      look();
      guard.lock();
      continue;
    }
    Task task = std::move(tasks.front());
    tasks.pop_front();
    const bool end = stopping;
    guard.unlock();
    if (end) {
      try {
        task(ended());
      } catch (...) {  // the next one has to be told as well
      }
      task = nullptr;
    } else {
      call(std::move(task));
    }
    guard.lock();
  }
}

Executor::Executor(Target target, std::size_t tasks_max)
    : impl_(std::make_unique<Impl>(std::move(target), tasks_max)) {
  impl_->thread = std::thread([impl = impl_.get()] { impl->work(); });
}

Executor::~Executor() {
  {
    const std::scoped_lock guard(impl_->lock);
    impl_->stopping = true;
  }
  impl_->wake.notify_one();
  impl_->thread.join();
}

bool Executor::submit(Task task) {
  {
    const std::scoped_lock guard(impl_->lock);
    if (impl_->stopping || impl_->tasks.size() >= impl_->tasks_max) return false;
    impl_->tasks.push_back(std::move(task));
  }
  impl_->wake.notify_one();
  return true;
}

bool Executor::healthy() const {
  return impl_->healthy;
}

}  // namespace capsem::sql
