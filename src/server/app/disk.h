// What the program reads from disk before it serves: the configuration directory.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/policy/loader.h"
#include "server/app/config.h"

namespace capsem::app {

// A whole file or, for "-", standard input. An error names the path and the reason.
Result<std::string> read_file(const std::string& path, std::size_t bytes_max);

struct ConfigDirectory {
  bool exists = false;
  std::vector<policy::SourceFile> files;  // names carry the directory: "config/pii.toml"
};

// The regular files of a directory, hidden ones left out (a mounted volume keeps its bookkeeping in
// them). That it does not exist is no error (R32); that it cannot be read is one: policies that
// cannot be seen must not count as absent.
Result<ConfigDirectory> read_config_directory(const std::string& path);

// The capsem.toml among the files of a directory.
std::optional<ConfigFile> config_file_of(const ConfigDirectory& directory);

}  // namespace capsem::app
