// Judge services: asked last, of what nothing else refuses.
#include <algorithm>
#include <iterator>

#include "core/engine/exchange_impl.h"

namespace capsem::engine {

using event::Phase;

// Sets judges_wait: some answer is not known yet. Texts that are refused already, secrets among
// them, are not sent to anybody.
Status Exchange::Impl::hear_judges(Phase phase) {
  judges_wait = false;
  if (hearing.judges().empty()) return {};
  const bool of_request = phase == Phase::Request;
  const policy::Decision* settled_by = settling(decisions, settings.confirm_allows);
  if (settled_by != nullptr && settled_by->verdict == policy::Verdict::Block) {
    ledger.unchecked(of_request ? "request" : "answer", "refused before its judge was asked");
    return {};
  }
  auto round = (of_request ? request_units : answer_units).ask_judges(hearing, services.judges);
  judges_wait = round.waiting;
  if (judges_wait) return {};
  std::ranges::move(round.decisions, std::back_inserter(decisions));
  if (!round.failed) return {};
  return forgive(*round.failed, phase, "a judge service failed or passed its deadline");
}

}  // namespace capsem::engine
