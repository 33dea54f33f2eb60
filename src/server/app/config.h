// The program's settings from their three sources: flags over environment over capsem.toml. Pure:
// it is given the sources' contents; serve reads the disk and the environment.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "server/app/settings_table.h"
#include "server/proxy/settings.h"

namespace capsem::app {

struct FlagValue {
  const Setting* setting;  // never null
  std::string flag;        // as the user would write it: "--port"
  std::string value;
};

struct ConfigFile {
  std::string name;  // "config/capsem.toml"
  std::string text;
};

struct ConfigSources {
  std::vector<FlagValue> flags;
  std::vector<std::pair<std::string, std::string>> environment;  // name, value
  std::optional<ConfigFile> file;
};

struct Configuration {
  proxy::Settings settings;
  std::vector<std::string> origins;  // of settings_table()[i]: "default", "env PROXY_PORT", ...
  std::vector<std::string> warnings;
};

// An error (code "invalid_config") says where the value came from and what it must be: for files
// "file:line:col: message". Of two spellings in one source the longer, canonical one wins.
Result<Configuration> configure(const ConfigSources& sources);

// One line per setting: `server.port = 8000  # env PROXY_PORT`. Readable as TOML.
std::string print_effective(const Configuration& configuration);

}  // namespace capsem::app
