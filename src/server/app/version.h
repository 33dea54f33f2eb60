// Which program this is.
#pragma once

#include <string>
#include <string_view>

namespace capsem::app {

std::string_view program_version();   // "0.1.0"
std::string_view program_revision();  // of the source; "unknown" when built outside a repository
std::string version_text();           // what `capsem version` prints

}  // namespace capsem::app
