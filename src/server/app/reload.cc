#include "server/app/reload.h"

#include <fmt/format.h>

#include <utility>

namespace capsem::app {
namespace {

using admin::ReloadReport;

ReloadReport refused(std::string_view messages) {
  ReloadReport report{.outcome = ReloadReport::Outcome::Refused};
  while (!messages.empty()) {
    const auto end = messages.find('\n');
    if (const auto line = messages.substr(0, end); !line.empty()) report.errors.emplace_back(line);
    messages = end == std::string_view::npos ? std::string_view() : messages.substr(end + 1);
  }
  return report;
}

}  // namespace

ReloadReport reload_once(const ReloadSteps& steps, const ReloadLimits& limits, const Clock& clock) {
  const std::int64_t began_ns = clock.monotonic_ns();
  const auto late = [&] { return clock.monotonic_ns() - began_ns > limits.ms_max * 1'000'000; };
  const auto too_late = [&](std::string_view step) {
    return refused(
        fmt::format("{} took more than policies.reload_ms_max = {}", step, limits.ms_max));
  };

  auto set = steps.load();
  if (!set) return refused(set.error().detail);
  if (late()) return too_late("loading the policies");
  if (set->snapshot->revision() == limits.revision && set->inputs == limits.inputs) {
    return {.outcome = ReloadReport::Outcome::Unchanged};
  }
  if (steps.self_test) {
    if (const Status passed = steps.self_test(*set); !passed) {
      return refused(passed.error().detail);
    }
    if (late()) return too_late("testing the policies");
  }
  if (steps.loosening) {
    if (const Status kept = steps.loosening(*set); !kept) {
      ReloadReport report = refused(kept.error().detail);
      report.loosens = true;
      return report;
    }
    if (late()) return too_late("comparing the policies");
  }
  steps.put_in_force(std::move(*set));
  return {.outcome = ReloadReport::Outcome::Done};
}

}  // namespace capsem::app
