#include "bench/load/socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "bench/load/clock.h"

namespace capsem::bench {
namespace {

sockaddr_in loopback(std::uint16_t port, std::uint32_t host) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(0x7f000000u | host);
  return address;
}

void set(int fd, int level, int name) {
  const int on = 1;
  setsockopt(fd, level, name, &on, sizeof on);
}

}  // namespace

Fd connect_loopback(std::uint16_t port, int source) {
  Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return {};
  set(fd.get(), IPPROTO_TCP, TCP_NODELAY);
  // Without it bind() would take a port for itself and 28,000 would be all there are.
  set(fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
  const auto from = loopback(0, static_cast<std::uint32_t>(2 + source));
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0) return {};
  const auto to = loopback(port, 1);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0 &&
      errno != EINPROGRESS) {
    return {};
  }
  return fd;
}

Fd listen_loopback(std::uint16_t port) {
  Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  set(fd.get(), SOL_SOCKET, SO_REUSEADDR);
  const auto address = loopback(port, 1);
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(fd.get(), 4096) != 0) {
    return {};
  }
  return fd;
}

void raise_file_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

void Epoll::add(int fd, std::uint32_t events, std::uint64_t id) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  epoll_ctl(fd_.get(), EPOLL_CTL_ADD, fd, &event);
}

void Epoll::change(int fd, std::uint32_t events, std::uint64_t id) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  epoll_ctl(fd_.get(), EPOLL_CTL_MOD, fd, &event);
}

std::span<epoll_event> Epoll::wait(std::int64_t deadline_ns) {
  const auto left = std::max<std::int64_t>(deadline_ns - now_ns(), 0);
  const timespec timeout{left / 1'000'000'000, left % 1'000'000'000};
  const int n =
      epoll_pwait2(fd_.get(), events_.data(), static_cast<int>(events_.size()), &timeout, nullptr);
  return {events_.data(), static_cast<std::size_t>(std::max(n, 0))};
}

std::string_view read_some(int fd, bool& closed) {
  static std::array<char, 256 << 10> buffer;
  const auto n = recv(fd, buffer.data(), buffer.size(), 0);
  closed = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
  return {buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0))};
}

}  // namespace capsem::bench
