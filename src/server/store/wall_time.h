// Wall-clock times as people and other programs read them.
#pragma once

#include <cstdint>
#include <string>

namespace capsem::store {

// "2026-11-21T03:04:05.678Z"
std::string iso_time(std::int64_t wall_ms);

}  // namespace capsem::store
