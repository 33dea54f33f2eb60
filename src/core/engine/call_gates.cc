#include "core/engine/call_gates.h"

#include <utility>

namespace capsem::engine {

Result<std::uint32_t> CallGates::feed(const event::Text& text, std::uint32_t unit) {
  if (text.point != event::Point::ToolCall || !hearing_.judges_calls()) return kNone;
  const auto [index, fresh] =
      index_.find_or_insert(std::uint64_t{unit} + 1, static_cast<std::uint32_t>(gates_.size()));
  if (fresh) {
    if (gates_.size() >= kCallsMax) {
      return upstream_error("inspection_failed",
                            "the stream has more tool calls than can be judged");
    }
    gates_.push_back({.unit = unit, .scope = text.scope});
  }
  Gate& gate = gates_[index];
  if (gate.state == State::Naming && text.part == event::Part::Arguments && !text.text.empty()) {
    gate.state = State::Named;
    due_.push_back(index);
  }
  if (units_.unclear(unit)) {
    return upstream_error("inspection_failed",
                          "a tool call is too long, or contradicts itself, and cannot be judged");
  }
  const std::size_t name_bytes = units_.unit(unit).tool_name.size();
  if (gate.state > State::Named && name_bytes != gate.judged_name_bytes) {
    return upstream_error("inspection_failed", "a tool's name goes on behind its arguments");
  }
  // Said again behind the arguments: another reading, which nobody has judged yet.
  if (gate.state > State::Named && units_.doubled_name_bytes(unit) != gate.judged_doubled_bytes) {
    gate.state = State::Named;
    due_.push_back(index);
  }
  return index;
}

void CallGates::complete(Gate& gate) {
  if (gate.complete) return;
  gate.complete = true;
  units_.complete(gate.unit);
  due_.push_back(static_cast<std::uint32_t>(&gate - gates_.data()));
}

void CallGates::end_scope(std::uint64_t scope) {
  for (Gate& gate : gates_) {
    if (gate.scope == scope) complete(gate);
  }
}

void CallGates::end_all() {
  for (Gate& gate : gates_) complete(gate);
}

bool CallGates::refused(const Gate& gate, bool complete) const {
  std::vector<policy::Decision> decisions;
  units_.judge_call(gate.unit, complete, hearing_, decisions);
  return settling(decisions, confirm_allows_) != nullptr;
}

bool CallGates::settle() {
  bool any = false;
  for (const std::uint32_t index : std::exchange(due_, {})) {
    Gate& gate = gates_[index];
    if (gate.state == State::Open || gate.state == State::Refused) continue;
    const policy::Unit& unit = units_.unit(gate.unit);
    if (!units_.told(gate.unit)) {  // an id and no more: nothing to judge
      gate.state = State::Open;
      continue;
    }
    gate.judged_name_bytes = unit.tool_name.size();
    gate.judged_doubled_bytes = units_.doubled_name_bytes(gate.unit);
    const bool wants_all = !gate.complete && hearing_.call_needs_arguments(unit.tool_name);
    if (refused(gate, gate.complete)) {
      gate.state = State::Refused;
      any = true;
    } else {
      gate.state = wants_all ? State::Waiting : State::Open;
    }
  }
  return any;
}

}  // namespace capsem::engine
