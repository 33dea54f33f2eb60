// The policies of the native format, one reader per type.
#pragma once

#include <optional>

#include "core/policy/ir.h"
#include "core/policy/shape.h"
#include "core/policy/source_tree.h"

namespace capsem::policy {

// One [[policy]]. Empty: its type is unknown, so that nothing can be read; it has been reported.
std::optional<Policy> read_policy(Reporter& report, const SourceNode& node, int priority);

}  // namespace capsem::policy
