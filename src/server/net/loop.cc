#include "server/net/loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace capsem::net {
namespace {

std::uint32_t translate(std::uint32_t events) {
  std::uint32_t bits = 0;
  if ((events & EPOLLIN) != 0) bits |= kReadable;
  if ((events & EPOLLOUT) != 0) bits |= kWritable;
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) bits |= kHangUp | kReadable;
  return bits;
}

}  // namespace

Loop::Loop(const Clock& clock)
    : clock_(clock),
      epoll_fd_(epoll_create1(EPOLL_CLOEXEC)),
      wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (epoll_fd_ < 0 || wake_fd_ < 0) {
    throw std::system_error(errno, std::generic_category(), "event loop");
  }
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;  // nullptr: the mailbox
  epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wake_fd_, &event);
  timers_.advance(clock_.monotonic_ns() / 1'000'000);
}

Loop::~Loop() {
  retired_.clear();
  ::close(epoll_fd_);
  ::close(wake_fd_);
}

void Loop::run() {
  while (!stopping_) {
    wait_and_dispatch();
    // Ends of objects may retire others; each gets its own round.
    while (!retired_.empty()) {
      auto batch = std::move(retired_);
      retired_.clear();
      batch.clear();
    }
  }
}

void Loop::post(std::function<void()> task) {
  {
    const std::scoped_lock lock(posted_mutex_);
    posted_.push_back(std::move(task));
  }
  const std::uint64_t one = 1;
  // Only fails when the counter is full, and then the loop is being woken already.
  [[maybe_unused]] const auto written = ::write(wake_fd_, &one, sizeof one);
}

bool Loop::watch(int fd, IoHandler& handler) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &handler;
  return epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) == 0;
}

bool Loop::watch_listener(int fd, IoHandler& handler) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = &handler;
  return epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) == 0;
}

void Loop::unwatch(int fd) {
  epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
}

void Loop::wait_and_dispatch() {
  std::array<epoll_event, 256> events;
  const int timeout = static_cast<int>(std::max<std::int64_t>(timers_.wait_ms(), 0));
  const int count = epoll_wait(epoll_fd_, events.data(), static_cast<int>(events.size()), timeout);
  const std::int64_t now_ms = clock_.monotonic_ns() / 1'000'000;
  timers_.set_now(now_ms);
  bool mail = false;
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if (event.data.ptr == nullptr) {
      mail = true;
      continue;
    }
    static_cast<IoHandler*>(event.data.ptr)->on_io(translate(event.events));
  }
  timers_.advance(now_ms);
  if (mail) run_posted();
}

void Loop::run_posted() {
  std::uint64_t ignored = 0;
  [[maybe_unused]] const auto got = ::read(wake_fd_, &ignored, sizeof ignored);
  std::vector<std::function<void()>> tasks;
  {
    const std::scoped_lock lock(posted_mutex_);
    tasks.swap(posted_);
  }
  for (auto& task : tasks) task();
}

}  // namespace capsem::net
