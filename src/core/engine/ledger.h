// What one exchange inspected and what it could not: the audit's raw numbers.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "core/audit/record.h"
#include "core/event/event.h"

namespace capsem::engine {

struct InspectionLedger {
  // More places than this are summed up in one last entry, so that a record stays small.
  static constexpr std::size_t kNotCheckedMax = 64;

  std::array<audit::PointCount, event::kPointCount> inspected{};
  std::vector<audit::NotChecked> not_checked;

  void count(event::Point point, std::size_t bytes) {
    auto& at = inspected[static_cast<std::size_t>(point)];
    ++at.texts;
    at.bytes += bytes;
  }

  void unchecked(std::string_view surface, std::string_view reason) {
    if (not_checked.size() < kNotCheckedMax) {
      not_checked.push_back({std::string(surface), std::string(reason)});
    } else if (not_checked.size() == kNotCheckedMax) {
      not_checked.push_back({"...", "more places than a record lists"});
    }
  }
};

}  // namespace capsem::engine
