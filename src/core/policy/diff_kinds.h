// How two revisions differ in what they say of kinds of secrets and of prompt injection: by their
// verdicts, since there is no sample text of every kind. Internal to policy/.
#pragma once

#include <vector>

#include "core/policy/diff.h"

namespace capsem::policy {

// Policies are compared by id; those that enforce nothing count as absent. Whom they are bound to
// is not compared.
std::vector<Difference> kind_differences(const Snapshot& before, const Snapshot& after);

}  // namespace capsem::policy
