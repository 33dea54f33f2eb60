// A policy on kinds (secrets, prompt injection), compiled: which verdict counts for which kind, how
// much its scores weigh at an inspection point, and what the policy says of a unit.
//
// The names are the detectors' own tables; nothing here knows a kind but by its name.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/base/random.h"
#include "core/detect/kinds.h"
#include "core/event/event.h"
#include "core/policy/decision.h"
#include "core/policy/ir.h"
#include "core/policy/tally.h"

namespace capsem::policy {

std::span<const detect::Kind> kinds_of(KindFamily family);
// What a policy may name: kOtherwiseWord, the groups, the kinds; each once.
std::span<const std::string_view> kind_words(KindFamily family);
std::string_view noun_of(KindFamily family);  // "kind of secret"

// Which of the policy's words decides about a kind: its own name, its group's, kOtherwiseWord, or
// empty for none.
std::string_view deciding_word(const KindsPolicy& policy, const detect::Kind& kind);
std::optional<Verdict> verdict_on(const KindsPolicy& policy, const detect::Kind& kind);

// How often a kind's score counts at a point (docs/detection.md): tool results and definitions are
// data, and data has no business giving orders.
float weight_at(KindFamily family, const detect::Kind& kind, event::Point point);

class KindRules {
 public:
  KindRules() = default;
  // The id of kind i is first + i. `policy` outlives the rules.
  KindRules(const KindsPolicy& policy, detect::RuleId first);

  // Empty: nothing to say (a plain Allow).
  std::optional<Decision> judge(const Unit& unit, IdSource& ids) const;

  // The kinds the policy decides on, with their weight at this point.
  std::span<const Sought> sought_at(event::Point point) const {
    return sought_[static_cast<std::size_t>(point)];
  }

 private:
  const KindsPolicy* policy_ = nullptr;
  std::array<std::vector<Sought>, event::kPointCount> sought_;
};

// The lowest score, as the detector gives it, that can reach the policy's threshold anywhere.
float lowest_score(const KindsPolicy& policy);

}  // namespace capsem::policy
