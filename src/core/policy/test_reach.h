// Which rules the [[test]] blocks of policy files reach: what no test reaches may do anything
// unnoticed.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/policy/ir.h"
#include "core/policy/snapshot.h"

namespace capsem::policy {

// An access or content rule, one of a lists policy's lists, a keyword or flow policy, one entity
// type of a PII policy that decides something, a limit.
struct ReachedRule {
  std::string kind;  // "access rule", "deny list", "entity", ...
  std::string name;  // "models/rest", "research-assistant/tools.deny"
  Origin origin;
  // A rule is reached when it matches, an allow list when it is asked; a limit, which no single
  // request exceeds, when it applies to one.
  bool reached = false;
};

// Plays every test of the snapshot's documents. In the order of policies. Errors: a detector's.
Result<std::vector<ReachedRule>> rules_reached(const std::shared_ptr<const Snapshot>& snapshot);

}  // namespace capsem::policy
