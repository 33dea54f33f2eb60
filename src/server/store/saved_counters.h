// Counters of windows of an hour and more in the database, so that a restart gives nobody a new
// daily budget or monthly quota (R48). A gateway has counters of its own; gateways that share the
// work count in Redis.
//
// What a crash forgets: what was counted since the last save (10 s), and what running calls had
// reserved.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "core/base/clock.h"
#include "core/limit/memory_store.h"
#include "server/sql/database.h"
#include "server/store/counter_state.h"

namespace capsem::store {

class SavedCounters {
 public:
  // `counters` and `clock` outlive this. `gateway`: this gateway's own name, the same after a
  // restart.
  SavedCounters(limit::MemoryStore& counters, const Clock& clock, std::string gateway);

  struct Loaded {
    std::size_t restored = 0, over = 0, unreadable = 0;
  };
  // Before the gateway counts anything.
  Result<Loaded> load(sql::Connection& connection);
  // What changed since the last save that succeeded. One thread at a time.
  Status save(sql::Connection& connection);

 private:
  Moment now() const;
  Status write(sql::Connection& connection, std::int64_t wall_ms);

  limit::MemoryStore& counters_;
  const Clock& clock_;
  const std::string gateway_, boot_;

  struct Pending {
    std::string state;
    std::int64_t until_ms;
  };
  std::map<std::string, Pending> pending_;  // by key: taken from the counters and not yet written
  std::int64_t swept_ms_ = 0;               // when rows that are over were last removed
};

// The kernel's name for this boot of the machine; empty when it does not tell.
std::string boot_id();

}  // namespace capsem::store
