// What a peer may send before it is refused (reliability.md section 4). Sizes in bytes.
#pragma once

#include <cstdint>

namespace capsem::http {

struct ReaderLimits {
  std::uint32_t request_line_bytes_max = 8u << 10;
  std::uint32_t field_bytes_max = 16u << 10;
  std::uint32_t head_bytes_max = 32u << 10;
  std::uint32_t fields_max = 100;
  std::uint32_t chunk_line_bytes_max = 256;
  std::uint32_t trailer_bytes_max = 8u << 10;
  std::uint32_t trailers_max = 20;
};

// The clocks of a client's connection, in milliseconds, and what it may be used for.
struct ServerLimits {
  ReaderLimits reader;
  std::uint32_t header_read_ms = 10'000;  // absolute, from the first byte
  std::uint32_t tls_handshake_ms = 10'000;
  std::uint32_t body_gap_ms = 30'000;
  std::uint32_t body_rate_min = 1024;  // bytes per second on average, after body_rate_after_ms
  std::uint32_t body_rate_after_ms = 10'000;
  std::uint32_t idle_ms = 75'000;
  std::uint32_t write_gap_ms = 60'000;
  std::uint32_t linger_ms = 2'000;
  std::uint32_t linger_bytes = 64u << 10;
  std::uint32_t requests_max = 1'000;
  std::uint32_t age_ms = 3'600'000;
};

}  // namespace capsem::http
