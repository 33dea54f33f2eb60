// What `capsem scan` prints of the findings in a text.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/detect/entity.h"

namespace capsem::app {

struct TextFinding {
  detect::EntityType type{};
  double score = 0;
  std::size_t byte_begin = 0, byte_end = 0;
};

// {"findings":[{"type","start","end","byte_start","byte_end","score","rule"}]}, without a line end.
// start and end count code points, as Python's strings do. REQUIRES: `text` is UTF-8, `findings` in
// order of byte_begin.
std::string findings_json(std::string_view text, std::span<const TextFinding> findings);

// The text with each finding replaced by its type in angle brackets. Findings that overlap are one
// hole, named after the first of them. REQUIRES: as above.
std::string redact(std::string_view text, std::span<const TextFinding> findings);

}  // namespace capsem::app
