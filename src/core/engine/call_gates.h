// Returned tool calls of a stream: nothing of a call leaves before its name has been judged, and,
// where a policy asks for its arguments, before those have been (R61). Names that come in pieces
// are joined first: a name is whole when the call's arguments begin or the call ends.
//
// One gate per call; belongs to one stream.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/error.h"
#include "core/base/index_map.h"
#include "core/engine/units.h"
#include "core/event/event.h"
#include "core/policy/hearing.h"

namespace capsem::engine {

class CallGates {
 public:
  static constexpr std::size_t kCallsMax = 4'096;  // per stream; more: inspection_failed

  CallGates(policy::Hearing& hearing, UnitBook& units, bool confirm_allows)
      : hearing_(hearing), units_(units), confirm_allows_(confirm_allows) {}

  // A text of a tool call; others pass. Returns its gate: the event has to wait until it is open.
  // An error: a name that went on after its call had been let through, too many calls.
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  Result<std::uint32_t> feed(const event::Text& text, std::uint32_t unit);

  // The calls of this scope, or all, are complete.
  void end_scope(std::uint64_t scope);
  void end_all();

  // Judges what can be judged now. True: a policy refuses a call; its gate stays shut.
  bool settle();

  bool open(std::uint32_t gate) const { return gates_[gate].state == State::Open; }

 private:
  enum class State : std::uint8_t { Naming, Named, Waiting, Open, Refused };
  struct Gate {
    std::uint32_t unit = 0;
    std::uint64_t scope = 0;
    std::size_t judged_name_bytes = 0, judged_doubled_bytes = 0;
    State state = State::Naming;
    bool complete = false;
  };

  bool refused(const Gate& gate, bool complete) const;
  void complete(Gate& gate);

  policy::Hearing& hearing_;
  UnitBook& units_;
  const bool confirm_allows_;
  std::vector<Gate> gates_;
  IndexMap index_;                  // unit -> gate
  std::vector<std::uint32_t> due_;  // gates with something to judge
};

}  // namespace capsem::engine
