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

}  // namespace capsem::http
