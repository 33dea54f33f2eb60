// sekuire.yml (R55-R69): which models, tools and hosts an agent may use, and how often. Its
// sections stand at the top level, under `agent` or under `agents.<name>`, in today's spelling or
// the older one (R65).
//
// Sections at the top level and under `agent` apply to everybody. Those under `agents.<name>` apply
// to that agent alone, beside the ones at the top level: the strictest counts.
#pragma once

#include "core/policy/ir.h"
#include "core/policy/shape.h"
#include "core/policy/source_tree.h"

namespace capsem::policy {

// Per scope one policy of type lists and one of type limit. A file without any policy section is an
// error (R69).
Document read_sekuire(Reporter& report, const SourceNode& root);

}  // namespace capsem::policy
