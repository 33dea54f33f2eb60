// A counter's window as bytes, and when its amounts were taken as seen from another process.
//
// Amounts carry ages. How long ago the state was written is told by the monotonic clock when the
// machine has not been started again since (the boot's id is in the state), otherwise by the wall
// clock; one that was set back counts as no time at all, so that nothing leaves early (T41).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/limit/memory_store.h"

namespace capsem::store {

// A moment as both clocks of this process see it.
struct Moment {
  std::int64_t monotonic_ns = 0;
  std::int64_t wall_ms = 0;
  std::string boot;  // of the machine, as the kernel names it; empty: unknown
};

std::string pack_window(const limit::MemoryStore::LongWindow& window, const Moment& now);
// Without the key. Nothing: bytes that pack_window() did not write.
std::optional<limit::MemoryStore::LongWindow> unpack_window(std::string_view bytes,
                                                            const Moment& now);

}  // namespace capsem::store
