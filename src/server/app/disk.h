// What the program reads from disk before it serves: the configuration directory.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/policy/loader.h"
#include "server/app/config.h"

namespace capsem::app {

// A whole file or, for "-", standard input. An error names the path and the reason.
Result<std::string> read_file(const std::string& path, std::size_t bytes_max);

// Could a file of this name be a policy or the server's settings?
bool is_config_name(std::string_view name);

struct ConfigDirectory {
  bool exists = false;
  std::vector<policy::SourceFile> files;  // names carry the directory: "config/pii.toml"
};

// The regular files of a directory, hidden ones left out (a mounted volume keeps its bookkeeping in
// them). That it does not exist is no error (R32); that it cannot be read is one: policies that
// cannot be seen must not count as absent.
Result<ConfigDirectory> read_config_directory(const std::string& path);

// The same with the files that [policies] files names, whose paths start from the directory. A file
// that stands in the directory already is not read twice; one that cannot be read is an error.
Result<ConfigDirectory> read_policy_files(const std::string& directory,
                                          const std::vector<std::string>& files);
// The path of a file named in [policies] files.
std::string policy_file_path(const std::string& directory, const std::string& file);

// The capsem.toml among the files of a directory.
std::optional<ConfigFile> config_file_of(const ConfigDirectory& directory);

}  // namespace capsem::app
