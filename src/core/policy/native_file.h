// The native format, schema = 1 (docs/policies.md).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/policy/ir.h"
#include "core/policy/native_keys.h"
#include "core/policy/shape.h"
#include "core/policy/source_tree.h"

namespace capsem::policy {

// `stem`: the name of a document that gives itself none. What is wrong is reported and left out.
Document read_native(Reporter& report, std::string_view stem, const SourceNode& root);

// ---- Shared with the other dialects ----

// "restore" without placeholders is reported.
void check_redaction(Reporter& report, const Redaction& redaction, Place restore);

// Hosts as network lists name them: "*", "*.example.com", "api.openai.com". Others are reported and
// left out.
std::vector<ListEntry> checked_hosts(Reporter& report, std::vector<ListEntry> entries);

}  // namespace capsem::policy
