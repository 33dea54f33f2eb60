// Non-blocking loopback connections and one epoll set, as values that close themselves.
#pragma once

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

namespace capsem::bench {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() { close(); }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// Begins to connect to 127.0.0.1:port from 127.0.0.(2 + source). Empty on failure.
Fd connect_loopback(std::uint16_t port, int source);
Fd listen_loopback(std::uint16_t port);

// Allows as many open files as the system lets us.
void raise_file_limit();

class Epoll {
 public:
  Epoll() : fd_(epoll_create1(EPOLL_CLOEXEC)) {}
  void add(int fd, std::uint32_t events, std::uint64_t id);
  void change(int fd, std::uint32_t events, std::uint64_t id);
  // Waits at most until `deadline_ns` (monotonic) and returns what happened.
  std::span<epoll_event> wait(std::int64_t deadline_ns);

 private:
  Fd fd_;
  std::array<epoll_event, 1024> events_{};
};

// Reads what is there into a buffer shared by all connections. Empty and `closed` at the end of the
// stream or on an error.
std::string_view read_some(int fd, bool& closed);

}  // namespace capsem::bench
