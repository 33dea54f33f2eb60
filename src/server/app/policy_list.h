// The policies in force, as the admin listener lists them.
#pragma once

#include <vector>

#include "core/policy/snapshot.h"
#include "server/admin/admin.h"

namespace capsem::app {

// In the order in which they are asked.
std::vector<admin::ListedPolicy> list_policies(const policy::Snapshot& snapshot);

}  // namespace capsem::app
