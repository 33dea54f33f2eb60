// Tool pins that survive a restart (T18): answers come from memory, what is new is written behind.
// Loops never wait for the database.
//
// What is not written yet when the process dies is learnt again. Memory and table are bounded: the
// pins that were made longest ago go.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/policy/pins.h"
#include "server/sql/database.h"
#include "server/store/memory_pins.h"

namespace capsem::store {

struct SavedPinsLimits {
  std::size_t rows_max = 100'000;    // in the table; past it the oldest tenth is removed
  std::size_t waiting_max = 16'384;  // not yet written; more: counted in dropped(), known in memory
};

class SavedPins final : public policy::PinStore {
 public:
  using Limits = SavedPinsLimits;

  // `clock` outlives this.
  explicit SavedPins(const Clock& clock, Limits limits = {}) : clock_(clock), limits_(limits) {}

  // Any thread.
  policy::PinState look(std::string_view principal, std::string_view tool,
                        std::string_view digest) override;
  void accept(std::string_view principal, std::string_view tool, std::string_view digest) override;
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

  // Before the gateway serves.
  Status load(sql::Connection& connection);
  // What came since the last save that succeeded. One thread at a time. Of two gateways that see a
  // tool first, the one that saves first is right.
  Status save(sql::Connection& connection);

 private:
  struct Change {
    std::string principal, tool, digest;
    std::int64_t seen_ms;
    bool accepted;  // by a person: overrules what is there
  };

  void remember(std::string_view principal, std::string_view tool, std::string_view digest,
                bool accepted);
  Result<std::uint64_t> write(sql::Connection& connection, const Change& change) const;
  Status keep_bounded(sql::Connection& connection);

  // Constant after construction.
  const Clock& clock_;
  const Limits limits_;

  MemoryPins memory_;
  std::atomic<std::uint64_t> dropped_{0};
  std::uint64_t rows_ = 0;  // of the saving thread: about how many the table has

  std::mutex lock_;
  std::vector<Change> waiting_;  // protected by lock_
};

}  // namespace capsem::store
