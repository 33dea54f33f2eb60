// What of this gateway's memory outlives it, in one place: tool pins and counters of limits, loaded
// at the start and saved by one thread with one connection.
//
// Thread-safe: pins() and counters() are called from all loops. Outlives the gateway that uses it;
// when it ends everything is saved once more.
#pragma once

#include <memory>
#include <string>

#include "core/base/clock.h"
#include "core/limit/memory_store.h"
#include "server/sql/database.h"
#include "server/store/saved_counters.h"
#include "server/store/saved_pins.h"
#include "server/store/saver.h"

namespace capsem::store {

class SavedState {
 public:
  struct Options {
    std::string gateway;  // this gateway's own name, the same after a restart
    std::size_t counters_max = 100'000;
  };
  // `clock` outlives this. REQUIRES: the database is migrated.
  static Result<std::unique_ptr<SavedState>> open(const sql::Target& target, const Clock& clock,
                                                  const Options& options);

  policy::PinStore& pins() { return pins_; }
  limit::MemoryStore& counters() { return counters_; }

 private:
  SavedState(const Clock& clock, const Options& options);
  Status load(sql::Connection& connection);
  void start(const sql::Target& target);

  limit::MemoryStore counters_;
  SavedCounters saved_counters_;
  SavedPins pins_;
  std::unique_ptr<Saver> saver_;  // last: its thread uses what is above
};

}  // namespace capsem::store
