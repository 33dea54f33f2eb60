// What policies are told of a request before its body is read: who asks, what for, and where it
// would go.
#pragma once

#include <string_view>

#include "core/policy/subject.h"
#include "server/proxy/caller.h"
#include "server/proxy/routes.h"
#include "server/proxy/settings.h"

namespace capsem::proxy {

// All views: of `route`, `path` (decoded, without an integration's prefix), `caller` and `base`,
// which outlive the subject. The model is known only where the path names it; elsewhere the body
// does, and the engine reads it. connect_to changes the way to the provider, not who the provider
// is: `base` says that.
policy::Subject subject_of(const Route& route, std::string_view path, const Caller& caller,
                           const BaseUrl& base);

}  // namespace capsem::proxy
