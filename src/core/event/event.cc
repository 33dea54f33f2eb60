#include "core/event/event.h"

#include <array>

namespace capsem::event {
namespace {
struct PointName {
  std::string_view name, code;
};
constexpr std::array<PointName, kPointCount> kPoints = {{
    {"prompt", "P"},
    {"tool_definition", "TD"},
    {"tool_call", "TC"},
    {"tool_result", "TR"},
    {"model_output", "MO"},
    {"thought", "TH"},
}};
}  // namespace

std::string_view to_string(Point point) {
  return kPoints[static_cast<std::size_t>(point)].name;
}
std::string_view short_code(Point point) {
  return kPoints[static_cast<std::size_t>(point)].code;
}

}  // namespace capsem::event
