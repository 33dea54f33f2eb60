#include "server/app/environment.h"

#include <unistd.h>

#include <string_view>

#include "server/app/settings_table.h"

namespace capsem::app {

std::vector<std::pair<std::string, std::string>> environment() {
  std::vector<std::pair<std::string, std::string>> variables;
  for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const auto equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    variables.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

std::vector<std::string> secret_variables() {
  std::vector<std::string> names;
  for (const Setting& setting : settings_table()) {
    if (!setting.secret) continue;
    names.push_back(env_name(setting));
    if (!setting.env.empty()) names.emplace_back(setting.env);
  }
  return names;
}

}  // namespace capsem::app
