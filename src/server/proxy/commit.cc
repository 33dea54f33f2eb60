#include "server/proxy/commit.h"

#include <algorithm>
#include <utility>

namespace capsem::proxy {

bool weighty(std::span<const policy::Decision> decisions) {
  return std::ranges::any_of(decisions, [](const policy::Decision& decision) {
    return decision.enforced &&
           policy::strictness(decision.verdict) >= policy::strictness(policy::Verdict::Log);
  });
}

void Commit::write(const audit::Record& record, Then then) {
  const bool goes_on_without = settings_.on_failure == AuditFailure::Open;
  kept_.ask(
      settings_.write_ms_max,
      [this, &record](Awaited<bool>::Reply reply) { sink_.write(record, std::move(reply)); },
      [then = std::move(then), goes_on_without](std::optional<bool> kept) {
        then(kept.value_or(goes_on_without));
      });
}

}  // namespace capsem::proxy
