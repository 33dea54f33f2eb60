// docs/openapi-admin.yaml as a part of the program: /openapi.yaml as it is, /openapi.json the same
// in JSON. Needs no token: it says what the documentation says.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "server/admin/admin.h"

namespace capsem::admin {

// The reply, if that is what the request asks for.
std::optional<AdminReply> openapi_reply(const AdminRequest& request);

std::string_view openapi_yaml();
const std::string& openapi_json();  // converted once

}  // namespace capsem::admin
