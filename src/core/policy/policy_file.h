// One-policy files, read strictly: every key is known and of its type, or the file is refused with
// the place of the mistake. debug.toml and pii.toml are the original's (R29-R32); secrets.toml and
// injection.toml are written like them.
#pragma once

#include <optional>

#include "core/policy/ir.h"
#include "core/policy/shape.h"
#include "core/policy/source_tree.h"

namespace capsem::policy {

// All: empty when the file says enabled = false, or when so much is wrong that nothing is left.
std::optional<Policy> read_debug_file(Reporter& report, const SourceNode& root);
std::optional<Policy> read_pii_file(Reporter& report, const SourceNode& root);
std::optional<Policy> read_secrets_file(Reporter& report, const SourceNode& root);
std::optional<Policy> read_injection_file(Reporter& report, const SourceNode& root);

}  // namespace capsem::policy
