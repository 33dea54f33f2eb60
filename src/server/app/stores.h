// What a gateway writes down while it serves: the audit, long counters, tool pins. Built from
// settings over State.
//
// Order: start() before the gateway is made, equip() what the gateway is given, begin() when it
// runs; stop() when its loops have ended. Outlives the gateway.
//
// Thread-safe, as its parts are.
#pragma once

#include <memory>
#include <string>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/limit/memory_store.h"
#include "server/app/state.h"
#include "server/proxy/gateway.h"
#include "server/proxy/settings.h"
#include "server/store/audit_writer.h"
#include "server/store/saved_counters.h"
#include "server/store/saved_pins.h"
#include "server/store/saver.h"

namespace capsem::app {

class Stores {
 public:
  // `state` may be null: then there is nothing. Both outlive this. Errors: the audit's spool, tool
  // pins that cannot be read.
  static Result<std::unique_ptr<Stores>> start(const proxy::Settings& settings, State* state,
                                               const Clock& clock);
  ~Stores();

  store::AuditWriter* audit() { return writer_.get(); }  // null: there is none
  const store::AuditWriter* audit() const { return writer_.get(); }

  void equip(proxy::Further& further);
  void begin();
  void stop();

 private:
  explicit Stores(const Clock& clock) : clock_(clock) {}
  Status load_pins(State& state);
  void load_counters(std::size_t keys_max);

  const Clock& clock_;
  std::string gateway_;
  sql::Target target_;
  bool has_database_ = false;
  std::unique_ptr<store::AuditWriter> writer_;
  std::unique_ptr<store::SavedPins> pins_;
  std::unique_ptr<limit::MemoryStore> memory_counters_;
  std::unique_ptr<store::SavedCounters> counters_;
  std::unique_ptr<store::Saver> saver_;
};

}  // namespace capsem::app
