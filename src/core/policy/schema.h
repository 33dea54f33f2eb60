// The JSON schema (2020-12) of the native format, for editors: completion and checks while a policy
// is written. Made from the loader's own tables of keys; what `capsem policy schema` prints and
// docs/policy.schema.json holds.
#pragma once

#include <string>

namespace capsem::policy {

// The same text every time, ending in a newline.
std::string json_schema();

}  // namespace capsem::policy
