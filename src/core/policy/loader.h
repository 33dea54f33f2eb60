// Reads a configuration directory of the original (R29-R32) into policies. Pure: it is given the
// files' names and texts; the server reads the disk.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/policy/snapshot.h"

namespace capsem::policy {

struct SourceFile {
  std::string name;  // "pii.toml"
  std::string text;
};

struct Loaded {
  std::vector<Policy> policies;       // in file-name order; Debug alone when no file gave one
  std::vector<std::string> enabled;   // display names in the same order: "Debug", "PIIDetection"
  std::vector<std::string> warnings;  // "config/x.toml: unknown policy file, skipped"
  std::string revision;               // "sha256:" + digest over names and texts
};

// `capsem.toml` is skipped: it is the server's. A broken file is an error whose detail is
// "file:line:col: message"; nothing is loaded then (R32).
Result<Loaded> load_directory(std::span<const SourceFile> files);

}  // namespace capsem::policy
