// One event loop: a thread's epoll set, its timers, its buffers, and a mailbox for other threads.
//
// Readiness is edge-triggered and every socket is registered once, for its whole life: a request
// costs reads, writes and a share of one epoll_wait, and nothing to arm or disarm. Asio's reactor
// needs an epoll_ctl and a handler object for each wait, and a wait (not a read into a buffer) is
// what an idle connection without a buffer needs.
//
// Thread: everything but post() belongs to the thread that calls run().
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "core/base/clock.h"
#include "server/net/buffer_pool.h"
#include "server/net/timer_wheel.h"

namespace capsem::net {

// Readiness bits of on_io().
enum : std::uint32_t { kReadable = 1, kWritable = 2, kHangUp = 4 };

class IoHandler {
 public:
  // Edges since the last call. kHangUp: the peer has shut its side, or the connection broke; what
  // was sent before may still be read.
  virtual void on_io(std::uint32_t events) = 0;

 protected:
  ~IoHandler() = default;
};

// An object whose end has to wait until no handler of the running batch can touch it.
class Retirable {
 public:
  virtual ~Retirable() = default;
};

class Loop {
 public:
  // `clock` outlives the loop.
  explicit Loop(const Clock& clock);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Runs until stop().
  void run();
  void stop() { stopping_ = true; }

  // Runs `task` on the loop, soon. From any thread; tasks of one thread keep their order.
  void post(std::function<void()> task);

  // Registers `fd` until it is closed. False: the system refused.
  bool watch(int fd, IoHandler& handler);
  // Listeners: readable only, and level-triggered, so that accept can stop where it likes.
  bool watch_listener(int fd, IoHandler& handler);
  void unwatch(int fd);
  // Asks for the edges that are still true once more, in the next round: how a busy connection lets
  // the others have their turn without losing its place.
  void renotify(int fd, IoHandler& handler);

  // Destroys `object` once the events that were fetched with the current ones are handled.
  void retire(std::unique_ptr<Retirable> object) { retired_.push_back(std::move(object)); }

  const Clock& clock() const { return clock_; }
  TimerWheel& timers() { return timers_; }
  BufferPool& buffers() { return buffers_; }
  // Monotonic, as of the latest wake-up.
  std::int64_t now_ms() const { return timers_.now_ms(); }

 private:
  void wait_and_dispatch();
  void run_posted();

  const Clock& clock_;
  int epoll_fd_;
  TimerWheel timers_;
  BufferPool buffers_;
  std::vector<std::unique_ptr<Retirable>> retired_;
  bool stopping_ = false;

  // Shared with posting threads.
  int wake_fd_;
  std::mutex posted_mutex_;  // guards posted_
  std::vector<std::function<void()>> posted_;
};

}  // namespace capsem::net
