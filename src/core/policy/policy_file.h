// The original's one-policy files, debug.toml and pii.toml (R29-R32), read strictly: every key is
// known and of its type, or the file is refused with the place of the mistake.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/policy/ir.h"
#include "core/policy/toml_source.h"

namespace capsem::policy {

// Both: empty when the file says enabled = false; warnings are complete messages with their place.
Result<std::optional<Policy>> read_debug_file(const TomlSource& file,
                                              std::vector<std::string>& warnings);
Result<std::optional<Policy>> read_pii_file(const TomlSource& file,
                                            std::vector<std::string>& warnings);

}  // namespace capsem::policy
