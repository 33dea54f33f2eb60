// One detecting policy's opinion of one unit: pure functions of the hits, with the original's
// texts.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "core/base/random.h"
#include "core/detect/detector.h"
#include "core/policy/decision.h"
#include "core/policy/ir.h"

namespace capsem::policy {

// The rule ids of a policy's words and types in the snapshot's catalog.
using KeywordRules = std::vector<detect::RuleId>;  // of keywords[i]
using EntityRules = std::array<detect::RuleId, detect::kEntityTypeCount>;
struct PiiRules {
  EntityRules types{};
  std::vector<detect::RuleId> own{};  // of PiiPolicy::own[i]
};

// Empty: nothing to say (a plain Allow).
std::optional<Decision> judge_keyword(const KeywordPolicy& policy, const KeywordRules& rules,
                                      const Unit& unit, IdSource& ids);

// rules[i] is that of names[i].
std::optional<Decision> judge_own_keys(const OwnKeysPolicy& policy, const KeywordRules& rules,
                                       const Unit& unit, IdSource& ids);

// Counts hits per entity type (tally.h).
std::optional<Decision> judge_pii(const PiiPolicy& policy, const PiiRules& rules, const Unit& unit,
                                  IdSource& ids);

// Whether a policy with this head counts this hit: its surface, and the turn it stands in.
bool counts(const Head& head, const Unit& unit, const Hit& hit);

// What every decision on a unit begins with: id, policy, place, tool.
Decision decision_on(const Unit& unit, const Head& head, IdSource& ids);

// A name as texts and records show it: "unknown" for none, cut at a character when long.
std::string_view shown_name(std::string_view name);

}  // namespace capsem::policy
