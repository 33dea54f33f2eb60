// One policy's opinion of one unit: pure functions of the hits, with the original's texts.
#pragma once

#include <optional>

#include "core/base/random.h"
#include "core/policy/decision.h"
#include "core/policy/snapshot.h"

namespace capsem::policy {

// Empty: nothing to say (a plain Allow). `policy` must have the rule ids that freeze() filled in.
std::optional<Decision> judge_keyword(const KeywordPolicy& policy, const Unit& unit, IdSource& ids);

// Counts hits per entity type. A type's hits in repeating texts (Hit::repeat) count only if it has
// no other hit; then the repeating field with the most hits is taken, since each field that
// repeats an answer is one copy of it.
std::optional<Decision> judge_pii(const PiiPolicy& policy, const Unit& unit, IdSource& ids);

// Whether the policy looks at this point at all.
bool looks_at(const PiiPolicy& policy, event::Point point);

}  // namespace capsem::policy
