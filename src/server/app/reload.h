// One whole reload: read, compile, try, put in force. Each step is given, so that this knows
// neither disk nor gateway; what the last good policies were stays where it is until the last step.
#pragma once

#include <functional>
#include <string>

#include "core/base/clock.h"
#include "server/admin/admin.h"
#include "server/app/policy_set.h"

namespace capsem::app {

struct ReloadSteps {
  std::function<Result<PolicySet>()> load;  // an error's detail: every message, one a line
  // Policies that do not pass what their own files promise of them are not put in force.
  std::function<Status(const PolicySet&)> self_test{};  // empty: none
  // What the new policies would allow that those in force do not, one line each: they are refused.
  std::function<Status(const PolicySet&)> loosening{};  // empty: they may
  // Returns when every loop judges by them.
  std::function<void(PolicySet)> put_in_force;
};

struct ReloadLimits {
  std::string revision;     // what is in force now: the same again changes nothing
  std::string inputs{};     // with the same of the database
  std::int64_t ms_max = 0;  // for all steps before the last, looked at between them
};

// Without cause and time, which its caller knows.
admin::ReloadReport reload_once(const ReloadSteps& steps, const ReloadLimits& limits,
                                const Clock& clock);

}  // namespace capsem::app
