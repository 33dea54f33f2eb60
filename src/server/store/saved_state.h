// What of this gateway's memory outlives it, in one place: tool pins and counters, loaded at the
// start and saved by one thread with one connection.
//
//   auto saved = SavedState::open(target, clock, gateway_name);   pins are loaded
//   Gateway gateway(..., {.pins = &saved->pins()});
//   saved->keep(gateway.counters());                              counters are loaded
//   gateway.start(); ... gateway.wait();
//   saved.reset();                                                everything is saved once more
//
// An object of its owner's thread, but for pins().
#pragma once

#include <memory>
#include <optional>
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
  // `clock` outlives this. `gateway`: this gateway's own name, the same after a restart. REQUIRES:
  // the database is migrated.
  static Result<std::unique_ptr<SavedState>> open(const sql::Target& target, const Clock& clock,
                                                  const std::string& gateway);

  policy::PinStore& pins() { return pins_; }

  // Loads `counters`, which outlive this, and begins to save. Once; before anything is counted.
  Status keep(limit::MemoryStore& counters);

 private:
  SavedState(sql::Target target, const Clock& clock, std::string gateway);

  // Constant after construction.
  const sql::Target target_;
  const Clock& clock_;
  const std::string gateway_;

  SavedPins pins_;
  std::optional<SavedCounters> counters_;
  std::optional<Saver> saver_;  // last: its thread uses what is above
};

}  // namespace capsem::store
