// Accepting connections: as many as the limits and the descriptor table allow, no more.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "core/base/error.h"
#include "server/net/address.h"
#include "server/net/loop.h"

namespace capsem::net {

// Counts of the whole process, shared by all loops without a lock. Peers are counted in hashed
// slots: two peers in one slot share a limit, which is rare and errs to the strict side.
class ConnectionGate {
 public:
  // 0 per peer: unlimited.
  ConnectionGate(std::uint32_t connections_max, std::uint32_t per_peer_max);

  // False: refuse. True: leave() must be called with the same peer.
  bool enter(const Address& peer);
  void leave(const Address& peer);

  // Descriptors are kept back for providers, stores and logs: no accept when fewer are left.
  bool descriptors_left() const;

 private:
  static constexpr std::size_t kSlots = 1u << 16;
  static constexpr std::int64_t kReserve = 64;

  const std::uint32_t connections_max_, per_peer_max_;
  std::int64_t descriptors_max_;
  std::atomic<std::uint32_t> connections_{0};
  std::array<std::atomic<std::uint32_t>, kSlots> peers_{};
};

// A listening socket with SO_REUSEPORT, so that each loop has its own. Port 0: any free one.
Result<int> open_listener(const std::string& host, std::uint16_t port, std::uint32_t backlog);
std::uint16_t bound_port(int fd);
// Another process listens there. SO_REUSEPORT would let both have it, each with half of the
// clients.
bool port_taken(const std::string& host, std::uint16_t port);

class Listener final : public IoHandler, public TimerHandler {
 public:
  // `accepted` owns the descriptor it is given, and the place in the gate.
  using Accepted = std::function<void(int fd, const Address& peer)>;
  using Refused = std::function<void()>;

  Listener(Loop& loop, ConnectionGate& gate, int fd, Accepted accepted, Refused refused);
  ~Listener();
  void close();

 private:
  void on_io(std::uint32_t events) override;
  void on_timer(Timer& timer) override;
  void pause();

  Loop& loop_;
  ConnectionGate& gate_;
  int fd_;
  Accepted accepted_;
  Refused refused_;
  Timer resume_{*this};
};

}  // namespace capsem::net
