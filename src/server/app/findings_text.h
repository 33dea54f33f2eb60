// What `capsem scan` prints of the findings in a text.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/detect/report.h"

namespace capsem::app {

// {"findings":[{"type","start","end","byte_start","byte_end","score","rule"}]}, without a line end.
// start and end count code points, as Python's strings do.
std::string findings_json(std::span<const detect::ReportedFinding> findings);

// The text with each finding, tail included, replaced by its type in brackets. Findings that
// overlap are one hole, named after the first of them. REQUIRES: in order of byte_start.
std::string redact(std::string_view text, std::span<const detect::ReportedFinding> findings);

}  // namespace capsem::app
