// The units of one phase of one exchange, their hits, and what the policies say of them.
// Belongs to one exchange; not thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/index_map.h"
#include "core/base/random.h"
#include "core/event/event.h"
#include "core/policy/decision.h"
#include "core/policy/snapshot.h"

namespace capsem::engine {

class UnitBook {
 public:
  explicit UnitBook(event::Phase phase) : phase_(phase) {}

  // The unit this text belongs to, made on first sight; learns the tool's name from the text.
  std::uint32_t unit_of(const event::Text& text);

  // Takes the number of the next text of this unit (policy::Hit::order).
  std::uint32_t next_order(std::uint32_t unit) { return entries_[unit].texts++; }

  // Past kHitsMax hits of all units together, a hit is kept only if it is the first of its rule and
  // part in its unit: verdicts stay what they are, counts are then lower bounds.
  static constexpr std::size_t kHitsMax = 100'000;
  void add_hit(std::uint32_t unit, const policy::Hit& hit);

  // Resolves tool references (call ids) to names for the record (R23).
  void resolve_tools(std::span<const std::pair<std::string, std::string>> names);

  // Asks the policies about every unit with hits, in check order (R26): tool results, prompt,
  // thoughts, tool calls, tool definitions of a request; tool calls, tool results, text, thoughts
  // of an answer. Appends the decisions.
  void judge_all(const policy::Snapshot& snapshot, IdSource& ids,
                 std::vector<policy::Decision>& decisions) const;

  // Asks about one hit of a unit, as if it were the unit's only one.
  void judge_hit(std::uint32_t unit, const policy::Hit& hit, const policy::Snapshot& snapshot,
                 IdSource& ids, std::vector<policy::Decision>& decisions) const;

 private:
  void judge(std::uint32_t unit, const policy::Snapshot& snapshot, IdSource& ids,
             std::vector<policy::Decision>& decisions) const;

  struct Entry {
    policy::Unit unit;
    std::string tool_ref;
    std::vector<std::uint32_t> kinds;  // rule, part and repeat of the hits it has
    std::uint32_t texts = 0;
  };

  event::Phase phase_;
  std::vector<Entry> entries_;
  IndexMap index_;
  std::uint64_t last_key_ = 0;
  std::uint32_t last_ = 0;
  std::size_t hits_ = 0;
  std::vector<std::uint32_t> hit_units_;  // units with hits, in the order of their first hit
};

// The decision that settles the exchange: the first Block in order, else the first Confirm, else
// nullptr. `confirm_allows` is X7's option.
const policy::Decision* settling(std::span<const policy::Decision> decisions, bool confirm_allows);

}  // namespace capsem::engine
