// [[recognizer]] and [[allow]] of a pii policy, in its own file and in the native format. Internal
// to policy/.
#pragma once

#include <span>

#include "core/policy/ir.h"
#include "core/policy/shape.h"
#include "core/policy/source_tree.h"

namespace capsem::policy {

inline constexpr std::size_t kRecognizersMax = 64;  // of one policy
inline constexpr std::size_t kPatternsMax = 64;     // of one recognizer, or one list of values

// Every pattern is compiled; what is wrong is reported, with its key, and left out.
void read_recognizers(Reporter& report, std::span<const SourceNode> tables, PiiPolicy& policy);
// REQUIRES: the policy's recognizers have been read.
void read_allowed_values(Reporter& report, std::span<const SourceNode> tables, PiiPolicy& policy);

}  // namespace capsem::policy
