// The clocks and sizes of provider calls (reliability.md section 4). Milliseconds, bytes.
#pragma once

#include <cstdint>
#include <string>

#include "server/http/limits.h"

namespace capsem::upstream {

struct Limits {
  std::uint32_t connect_ms = 5'000;
  std::uint32_t first_byte_ms = 600'000, first_byte_stream_ms = 120'000;
  std::uint32_t gap_ms = 120'000;
  std::uint32_t total_ms = 600'000, total_stream_ms = 1'800'000;
  std::uint32_t pool_max = 256, pool_idle_ms = 60'000;
  std::uint32_t retries_max = 2;
  std::uint64_t inflate_bytes_max = 64u << 20;
  std::uint32_t inflate_ratio_max = 100;
  // Answer heads: larger than what clients may send, for providers set many headers.
  http::ReaderLimits head{16u << 10, 16u << 10, 64u << 10, 200, 256, 8u << 10, 20};
};

// Where a provider is reached.
struct Target {
  std::string host;
  std::uint16_t port = 443;
  bool tls = true;
  // Where TCP connects to instead; empty: to host and port. TLS still asks for `host`.
  std::string connect_host{};
  std::uint16_t connect_port = 0;
  // Connections are made to public addresses alone (T23), whatever the name leads to meanwhile.
  bool public_only = false;

  const std::string& dial_host() const { return connect_host.empty() ? host : connect_host; }
  std::uint16_t dial_port() const { return connect_host.empty() ? port : connect_port; }
};

}  // namespace capsem::upstream
