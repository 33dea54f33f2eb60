// The process's environment, as settings read it.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace capsem::app {

std::vector<std::pair<std::string, std::string>> environment();  // name, value

// The variables that may hold a password; what serve forgets once it has read them (T42).
std::vector<std::string> secret_variables();

}  // namespace capsem::app
