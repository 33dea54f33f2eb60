// What a gateway writes down and shares while it serves: the audit, long counters, tool pins, and
// Redis between gateways. Built from settings over State.
//
// Order: start() before the gateway is made, equip() what the gateway is given, begin() when it
// runs; stop() when its loops have ended, before the gateway's counters go.
//
// Thread-safe, as its parts are.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "server/app/state.h"
#include "server/proxy/gateway.h"
#include "server/proxy/settings.h"
#include "server/redis/redis.h"
#include "server/redis/shared_pins.h"
#include "server/store/audit_writer.h"
#include "server/store/saved_counters.h"
#include "server/store/saved_pins.h"
#include "server/store/saver.h"

namespace capsem::app {

class Stores {
 public:
  // `state` may be null (then Redis alone is there, if at all); both outlive this. Errors: the
  // audit's spool, tool pins that cannot be read, a Redis URL that is none.
  static Result<std::unique_ptr<Stores>> start(const proxy::Settings& settings, State* state,
                                               const Clock& clock);
  ~Stores();

  audit::Sink* audit() { return writer_.get(); }  // null: there is none
  const store::AuditWriter* writer() const { return writer_.get(); }
  const redis::Redis* redis() const { return redis_.get(); }  // null: there is none

  void equip(proxy::Further& further);
  // `poke_directory`, `poke_reviews`: other gateways have changed something.
  void begin(std::function<void()> poke_directory, std::function<void()> poke_reviews);
  // Tells the other gateways; topics "directory", "reviews".
  void tell(const char* topic);
  void stop();

 private:
  Stores(const Clock& clock) : clock_(clock) {}
  Status start_audit(const proxy::Settings& settings, State& state);
  Status load_pins(State& state);
  void take_counters(limit::MemoryStore& counters);

  const Clock& clock_;
  std::string gateway_;
  sql::Target target_;
  bool has_database_ = false;
  std::unique_ptr<store::AuditWriter> writer_;
  std::unique_ptr<store::SavedPins> pins_;
  std::unique_ptr<redis::Redis> redis_;
  std::unique_ptr<redis::SharedPins> shared_pins_;
  std::unique_ptr<store::SavedCounters> counters_;
  std::unique_ptr<store::Saver> saver_;
};

}  // namespace capsem::app
