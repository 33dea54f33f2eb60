// What the keys of one-policy files may hold; what is wrong is reported. Internal to policy/.
#pragma once

#include <optional>
#include <string_view>

#include "core/policy/ir.h"
#include "core/policy/shape.h"
#include "core/policy/source_tree.h"

namespace capsem::policy {

std::optional<bool> read_bool(Reporter& report, const SourceMember& member);
// 0 to 1.
std::optional<float> read_threshold(Reporter& report, const SourceMember& member);
// The original's names, in any letter case.
std::optional<Verdict> read_file_verdict(Reporter& report, const SourceMember& member);

// What a check_* switch switches; 0: there is no such switch.
Surfaces surface_of_switch(std::string_view key);

}  // namespace capsem::policy
