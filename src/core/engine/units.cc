#include "core/engine/units.h"

#include <algorithm>

namespace capsem::engine {
namespace {

using event::Phase;
using event::Point;

int check_rank(Phase phase, Point point) {
  if (phase == Phase::Request) {
    switch (point) {
      case Point::ToolResult:
        return 0;
      case Point::Prompt:
        return 1;
      case Point::Thought:
        return 2;
      case Point::ToolCall:
        return 3;
      case Point::ToolDefinition:
        return 4;
      case Point::ModelOutput:
        return 5;
    }
  }
  switch (point) {
    case Point::ToolCall:
      return 0;
    case Point::ToolResult:
      return 1;
    case Point::ToolDefinition:
      return 2;
    case Point::ModelOutput:
      return 3;
    case Point::Thought:
      return 4;
    case Point::Prompt:
      return 5;
  }
  return 6;
}

}  // namespace

std::uint32_t UnitBook::unit_of(const event::Text& text) {
  // Points are part of the identity: a detector's plan and a policy's answer depend on them.
  const std::uint64_t key = hash_combine(text.unit, static_cast<std::uint64_t>(text.point));
  std::uint32_t i = last_;
  if (entries_.empty() || key != last_key_) {
    bool fresh;
    std::tie(i, fresh) = index_.find_or_insert(key, static_cast<std::uint32_t>(entries_.size()));
    if (fresh) {
      entries_.emplace_back();
      entries_.back().unit.point = text.point;
      entries_.back().unit.phase = phase_;
    }
    last_key_ = key;
    last_ = i;
  }
  Entry& entry = entries_[i];
  // A name in pieces (stream deltas) is joined; a repeat, marked or plain, is not a second piece.
  if (text.part == event::Part::ToolName && !text.repeat && entry.unit.tool_name != text.text) {
    entry.unit.tool_name += text.text;
  }
  if (!text.tool_ref.empty()) entry.tool_ref = text.tool_ref;
  return i;
}

void UnitBook::add_hit(std::uint32_t unit, const policy::Hit& hit) {
  Entry& entry = entries_[unit];
  const std::uint32_t kind = std::uint32_t{hit.rule} << 8 |
                             static_cast<std::uint32_t>(hit.part) << 1 | (hit.repeat ? 1 : 0);
  const bool known = std::ranges::find(entry.kinds, kind) != entry.kinds.end();
  if (known && hits_ >= kHitsMax) return;
  if (!known) entry.kinds.push_back(kind);
  if (entry.unit.hits.empty()) hit_units_.push_back(unit);
  entry.unit.hits.push_back(hit);
  ++hits_;
}

void UnitBook::resolve_tools(std::span<const std::pair<std::string, std::string>> names) {
  for (const std::uint32_t i : hit_units_) {
    Entry& entry = entries_[i];
    if (entry.tool_ref.empty()) continue;
    for (const auto& [id, name] : names) {
      if (id == entry.tool_ref) entry.unit.tool_name_resolved = name;
    }
  }
}

void UnitBook::judge_all(const policy::Snapshot& snapshot, IdSource& ids,
                         std::vector<policy::Decision>& decisions) const {
  std::vector<std::uint32_t> order(hit_units_);
  std::ranges::sort(order, {}, [this](std::uint32_t i) {
    return std::pair(check_rank(phase_, entries_[i].unit.point), i);
  });
  for (const std::uint32_t i : order) judge(i, snapshot, ids, decisions);
}

void UnitBook::judge(std::uint32_t unit, const policy::Snapshot& snapshot, IdSource& ids,
                     std::vector<policy::Decision>& decisions) const {
  snapshot.judge(entries_[unit].unit, ids, decisions);
}

void UnitBook::judge_hit(std::uint32_t unit, const policy::Hit& hit,
                         const policy::Snapshot& snapshot, IdSource& ids,
                         std::vector<policy::Decision>& decisions) const {
  policy::Unit alone;
  alone.point = entries_[unit].unit.point;
  alone.phase = phase_;
  alone.tool_name = entries_[unit].unit.tool_name;
  alone.hits.push_back(hit);
  snapshot.judge(alone, ids, decisions);
}

const policy::Decision* settling(std::span<const policy::Decision> decisions, bool confirm_allows) {
  const policy::Decision* confirm = nullptr;
  for (const policy::Decision& decision : decisions) {
    if (decision.verdict == policy::Verdict::Block) return &decision;
    if (decision.verdict == policy::Verdict::Confirm && confirm == nullptr && !confirm_allows) {
      confirm = &decision;
    }
  }
  return confirm;
}

}  // namespace capsem::engine
