// The scenes of the demo, the founding ones first: what is asked, and the lines each prints.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace capsem::mock {

struct Scene {
  std::string_view title;
  std::string_view label;  // what stands before the error: "CAPSEM BLOCKED"
  std::string_view user;   // the user's message
  std::string_view tools;  // JSON array; empty: none
  // The tool's result as JSON: the scene then has a second turn. Empty: one turn.
  std::string_view tool_result;
  std::string_view expected;  // all lines, as printed
};

std::span<const Scene> demo_scenes();

}  // namespace capsem::mock
