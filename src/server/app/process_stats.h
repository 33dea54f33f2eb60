// What the operating system says of this process, for /metrics.
#pragma once

#include <cstdint>

namespace capsem::app {

struct ProcessStats {
  std::uint64_t resident_bytes = 0;
  std::uint64_t open_fds = 0, max_fds = 0;
  double cpu_seconds = 0;
  double start_time_seconds = 0;  // since the Unix epoch
};

// Fields that cannot be read stay 0.
ProcessStats read_process_stats();

}  // namespace capsem::app
