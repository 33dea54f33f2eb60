#include "server/net/address.h"

#include <arpa/inet.h>

#include <array>
#include <cstring>
#include <random>
#include <string_view>

#include "core/base/hash.h"

namespace capsem::net {
namespace {

const sockaddr_in& as_v4(const sockaddr_storage& raw) {
  return reinterpret_cast<const sockaddr_in&>(raw);
}
const sockaddr_in6& as_v6(const sockaddr_storage& raw) {
  return reinterpret_cast<const sockaddr_in6&>(raw);
}

}  // namespace

std::uint16_t Address::port() const {
  return ntohs(family() == AF_INET6 ? as_v6(raw).sin6_port : as_v4(raw).sin_port);
}

std::string Address::text() const {
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  const void* bytes = nullptr;
  if (family() == AF_INET) {
    bytes = &reinterpret_cast<const sockaddr_in*>(&raw)->sin_addr;
  } else if (family() == AF_INET6) {
    bytes = &reinterpret_cast<const sockaddr_in6*>(&raw)->sin6_addr;
  } else {
    return {};
  }
  const char* text = ::inet_ntop(family(), bytes, buffer.data(), buffer.size());
  return text == nullptr ? std::string() : std::string(text);
}

bool Address::loopback() const {
  if (family() == AF_INET) return (ntohl(as_v4(raw).sin_addr.s_addr) >> 24) == 127;
  return family() == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&as_v6(raw).sin6_addr);
}

std::uint64_t Address::host_hash() const {
  static const std::uint64_t seed =
      (std::uint64_t{std::random_device{}()} << 32) ^ std::random_device{}();
  const bool v6 = family() == AF_INET6;
  const void* bytes = v6 ? static_cast<const void*>(&as_v6(raw).sin6_addr)
                         : static_cast<const void*>(&as_v4(raw).sin_addr);
  return hash_bytes({static_cast<const char*>(bytes), v6 ? 16U : 4U}, seed);
}

std::optional<Address> parse_address(const std::string& text, std::uint16_t port) {
  std::string host = text;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  Address address;
  sockaddr_in v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&address.raw, &v4, sizeof v4);
    address.size = sizeof v4;
    return address;
  }
  sockaddr_in6 v6{};
  if (inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&address.raw, &v6, sizeof v6);
    address.size = sizeof v6;
    return address;
  }
  return std::nullopt;
}

}  // namespace capsem::net
