#include "server/net/reach.h"

#include <array>
#include <cstring>
#include <span>

namespace capsem::net {
namespace {

struct Block4 {
  std::array<std::uint8_t, 4> prefix;
  int bits;
};
constexpr std::array kClosed4 = {
    Block4{{0, 0, 0, 0}, 8},    Block4{{10, 0, 0, 0}, 8},     Block4{{100, 64, 0, 0}, 10},
    Block4{{127, 0, 0, 0}, 8},  Block4{{169, 254, 0, 0}, 16}, Block4{{172, 16, 0, 0}, 12},
    Block4{{192, 0, 0, 0}, 24}, Block4{{192, 168, 0, 0}, 16}, Block4{{198, 18, 0, 0}, 15},
    Block4{{224, 0, 0, 0}, 4},  // multicast
    Block4{{240, 0, 0, 0}, 4},  // reserved, and 255.255.255.255
};

struct Block6 {
  std::array<std::uint8_t, 16> prefix;
  int bits;
};
constexpr std::array kClosed6 = {
    Block6{{}, 96},  // ::, ::1, and IPv4-compatible addresses
    Block6{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96},  // IPv4-mapped
    Block6{{0x00, 0x64, 0xff, 0x9b}, 96},                    // NAT64
    Block6{{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48},        // NAT64, of the own network
    Block6{{0x20, 0x01, 0x00, 0x00}, 32},                    // Teredo
    Block6{{0x20, 0x02}, 16},                                // 6to4
    Block6{{0xfc}, 7},                                       // unique local
    Block6{{0xfe, 0x80}, 10},                                // link-local
    Block6{{0xfe, 0xc0}, 10},                                // site-local
    Block6{{0xff}, 8},                                       // multicast
};

bool has_prefix(std::span<const std::uint8_t> bytes, std::span<const std::uint8_t> prefix,
                int bits) {
  for (std::size_t i = 0; bits > 0; ++i, bits -= 8) {
    const unsigned mask = bits >= 8 ? 0xffU : (0xff00U >> bits) & 0xffU;
    if (((bytes[i] ^ prefix[i]) & mask) != 0) return false;
  }
  return true;
}

template <class Blocks>
bool in_any(std::span<const std::uint8_t> bytes, const Blocks& blocks) {
  for (const auto& block : blocks) {
    if (has_prefix(bytes, block.prefix, block.bits)) return true;
  }
  return false;
}

}  // namespace

bool is_public(const Address& address) {
  if (address.family() == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address.raw, sizeof v4);
    std::array<std::uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), &v4.sin_addr, bytes.size());
    return !in_any(bytes, kClosed4);
  }
  if (address.family() == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address.raw, sizeof v6);
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
    return !in_any(bytes, kClosed6);
  }
  return false;
}

}  // namespace capsem::net
