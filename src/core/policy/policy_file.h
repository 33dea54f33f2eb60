// The original's one-policy files, debug.toml and pii.toml (R29-R32), read strictly: every key is
// known and of its type, or the file is refused with the place of the mistake.
#pragma once

#include <optional>

#include "core/policy/ir.h"
#include "core/policy/shape.h"
#include "core/policy/source_tree.h"

namespace capsem::policy {

// Both: empty when the file says enabled = false, or when so much is wrong that nothing is left.
std::optional<Policy> read_debug_file(Reporter& report, const SourceNode& root);
std::optional<Policy> read_pii_file(Reporter& report, const SourceNode& root);

}  // namespace capsem::policy
