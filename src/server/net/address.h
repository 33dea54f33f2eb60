// Socket addresses as values.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>

namespace capsem::net {

struct Address {
  sockaddr_storage raw{};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&raw); }
  int family() const { return raw.ss_family; }
  std::uint16_t port() const;
  bool loopback() const;
  std::string text() const;  // "127.0.0.1", "::1": without the port
  // Equal for equal hosts, whatever their port. Seeded per process: peers cannot choose collisions.
  std::uint64_t host_hash() const;
};

// "127.0.0.1", "::1" or "[::1]"; nothing for names.
std::optional<Address> parse_address(const std::string& text, std::uint16_t port);

}  // namespace capsem::net
