#include "server/net/listener.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "server/net/stream.h"

namespace capsem::net {

ConnectionGate::ConnectionGate(std::uint32_t connections_max, std::uint32_t per_peer_max)
    : connections_max_(connections_max), per_peer_max_(per_peer_max) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  descriptors_max_ = static_cast<std::int64_t>(limit.rlim_cur);
}

bool ConnectionGate::enter(const Address& peer) {
  if (connections_.fetch_add(1, std::memory_order_relaxed) >= connections_max_) {
    connections_.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }
  auto& slot = peers_[peer.host_hash() % kSlots];
  if (slot.fetch_add(1, std::memory_order_relaxed) >= per_peer_max_ && per_peer_max_ != 0) {
    leave(peer);
    return false;
  }
  return true;
}

void ConnectionGate::leave(const Address& peer) {
  peers_[peer.host_hash() % kSlots].fetch_sub(1, std::memory_order_relaxed);
  connections_.fetch_sub(1, std::memory_order_relaxed);
}

// Descriptors are handed out lowest first, so the number of a fresh one bounds how many are open.
bool ConnectionGate::descriptors_left() const {
  const int probe = ::dup(STDERR_FILENO);
  if (probe < 0) return errno != EMFILE && errno != ENFILE;
  ::close(probe);
  return probe < descriptors_max_ - kReserve;
}

bool port_taken(const std::string& host, std::uint16_t port) {
  const auto address = parse_address(host == "localhost" ? "127.0.0.1" : host, port);
  if (!address || port == 0) return false;
  const int fd = ::socket(address->family(), SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
  if (fd < 0) return false;
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const bool taken = ::bind(fd, address->get(), address->size) != 0 && errno == EADDRINUSE;
  ::close(fd);
  return taken;
}

Result<int> open_listener(const std::string& host, std::uint16_t port, std::uint32_t backlog) {
  auto address = parse_address(host == "localhost" ? "127.0.0.1" : host, port);
  const auto fail = [&](const char* what) {
    return gateway_error("listen", std::string("cannot ") + what + " " + host + ":" +
                                       std::to_string(port) + ": " + std::strerror(errno));
  };
  if (!address) return gateway_error("listen", "not an address to listen on: " + host);
  const int fd =
      ::socket(address->family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (fd < 0) return fail("open a socket for");
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (::bind(fd, address->get(), address->size) != 0 ||
      ::listen(fd, static_cast<int>(backlog)) != 0) {
    auto error = fail("listen on");
    ::close(fd);
    return error;
  }
  return fd;
}

std::uint16_t bound_port(int fd) {
  Address address;
  address.size = sizeof address.raw;
  getsockname(fd, reinterpret_cast<sockaddr*>(&address.raw), &address.size);
  return address.port();
}

Listener::Listener(Loop& loop, ConnectionGate& gate, int fd, Accepted accepted, Refused refused)
    : loop_(loop),
      gate_(gate),
      fd_(fd),
      accepted_(std::move(accepted)),
      refused_(std::move(refused)) {
  loop_.watch_listener(fd_, *this);
}

Listener::~Listener() {
  close();
}

void Listener::close() {
  resume_.cancel();
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

// The kernel's queue holds who waits meanwhile; polling a listener that cannot accept would spin.
void Listener::pause() {
  loop_.unwatch(fd_);
  loop_.timers().arm(resume_, TimerWheel::kTickMs);
}

void Listener::on_timer(Timer&) {
  if (fd_ >= 0) loop_.watch_listener(fd_, *this);
}

void Listener::on_io(std::uint32_t) {
  // A bounded batch: connections that are open already get their turn under a flood of new ones.
  for (int i = 0; i < 64 && fd_ >= 0; ++i) {
    if (i % 16 == 0 && !gate_.descriptors_left()) return pause();
    Address peer;
    peer.size = sizeof peer.raw;
    const int fd = ::accept4(fd_, reinterpret_cast<sockaddr*>(&peer.raw), &peer.size,
                             SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) pause();
      return;
    }
    if (!gate_.enter(peer)) {
      ::close(fd);
      refused_();
      continue;
    }
    tune_socket(fd);
    accepted_(fd, peer);
  }
}

}  // namespace capsem::net
