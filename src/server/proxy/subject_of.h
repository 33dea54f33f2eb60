// What policies are told of a request before its body is read: who asks, what for, and where it
// would go.
#pragma once

#include <string_view>

#include "core/policy/subject.h"
#include "server/proxy/routes.h"
#include "server/proxy/settings.h"

namespace capsem::proxy {

// Who asks, as identity and agent headers say.
struct Caller {
  std::string_view user_id;  // hashed key (R10)
  std::string_view agent;
  bool agent_bound = false;  // the key's configuration allows the agent (X11)
};

// All views: of `route`, `path` (decoded), `caller` and `settings`, which outlive the subject. The
// model is known only where the path names it; elsewhere the body does, and the engine reads it.
policy::Subject subject_of(const Route& route, std::string_view path, const Caller& caller,
                           const Settings& settings);

}  // namespace capsem::proxy
