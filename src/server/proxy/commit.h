// The audit's commit points: what may not go on before its record is kept (promise 3), and waiting
// for that. The sink answers from any thread; the wait has a clock.
//
// Thread: its loop's.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "core/audit/record.h"
#include "core/policy/decision.h"
#include "server/proxy/awaited.h"
#include "server/proxy/settings.h"

namespace capsem::proxy {

// Is something among these decisions that was enforced and is more than a note: a warning, an
// approval, a block?
bool weighty(std::span<const policy::Decision> decisions);

class Commit {
 public:
  using Then = std::function<void(bool kept)>;

  // All outlive it.
  Commit(net::Loop& loop, std::shared_ptr<Mailbox> mailbox, audit::Sink& sink,
         const AuditSettings& settings)
      : sink_(sink), settings_(settings), kept_(loop, std::move(mailbox)) {}

  // Must a decision be kept before it is acted on? An evaluated request before its provider?
  bool decisions_wait() const { return settings_.durability != Durability::Async; }
  bool everything_waits() const { return settings_.durability == Durability::All; }

  // Writes without waiting.
  void write(const audit::Record& record) { sink_.write(record); }
  // Writes, and calls then() once on the loop, perhaps before this returns. Not kept, or not in
  // time: false, unless the operator wants to go on without records.
  void write(const audit::Record& record, Then then);
  bool waiting() const { return kept_.waiting(); }
  // The record is kept or not, nobody waits for it any more.
  void forget() { kept_.forget(); }

 private:
  audit::Sink& sink_;
  const AuditSettings& settings_;
  Awaited<bool> kept_;
};

}  // namespace capsem::proxy
