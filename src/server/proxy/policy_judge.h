// The check API's judge: the question is played through the policies as a request would be, with
// the loop's own detectors' scratch. No limit is charged, no provider contacted.
#pragma once

#include "core/base/clock.h"
#include "server/proxy/policy_api.h"

namespace capsem::proxy {

// `clock` outlives the judge. The judge may be called on all loops at once, each with its own
// workspace.
PolicyJudge rehearsing_judge(const Clock& clock);

}  // namespace capsem::proxy
