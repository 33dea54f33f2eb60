#include "server/app/policy_list.h"

namespace capsem::app {

std::vector<admin::ListedPolicy> list_policies(const policy::Snapshot& snapshot) {
  std::vector<admin::ListedPolicy> listed;
  for (const policy::Compiled& policy : snapshot.policies()) {
    if (policy.made) continue;  // one for each key and quota; they are shown with these
    const policy::Head& head = *policy.head;
    listed.push_back({.id = head.id,
                      .type = std::string(policy::type_of(*policy.source)),
                      .source = policy::to_string(head.origin),
                      .mode = head.mode == policy::Mode::Shadow ? "shadow" : "enforce"});
  }
  return listed;
}

}  // namespace capsem::app
