// Reads a configuration directory into documents, whatever dialect each file is written in. Pure:
// it is given the files' names and texts; the server reads the disk.
//
// What a file is, in this order: `capsem.toml` is the server's settings, skipped here; a `*.toml`
// with `schema = 1` is the native format; `debug.toml` and `pii.toml` are the original's one-policy
// files, `secrets.toml` and `injection.toml` such files of our own; `sekuire.yml` or `.yaml` is
// Sekuire's; a `*.json`, `*.yml` or `*.yaml` whose top level has `rules`, `allow` or `deny` is a
// Control Zero document; another `*.toml` is R32's unknown file (a warning); anything else is no
// policy.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/policy/ir.h"

namespace capsem::policy {

struct SourceFile {
  std::string name;  // "config/pii.toml"
  std::string text;
};

// One thing to say about a file. An error forbids that any of the files acts.
struct Diagnostic {
  std::string code;  // "E02", "W01"; the table is in docs/policies.md
  Origin origin;
  std::string message;
  bool error = true;
};
std::string to_string(const Diagnostic& diagnostic);  // "file:line:col: message"

struct Loaded {
  std::vector<Document> documents;      // by priority, then file name; only policies that may act
  std::vector<std::string> enabled;     // names of the policies in force, in order: "Debug", ...
  std::vector<Diagnostic> diagnostics;  // by file and place
  std::string revision;                 // "sha256:" + digest over names and texts

  bool ok() const;  // no diagnostic is an error
};

// Reads all files and says everything there is to say; documents with errors are incomplete.
Loaded load_files(std::span<const SourceFile> files);

// The same with the policies that do not act (drafts, deprecated ones), which `enabled` leaves out:
// for tools that show or rewrite files.
Loaded read_files(std::span<const SourceFile> files);

// The same, for who wants to run it: an error's detail is every error message, one a line (R32);
// nothing is loaded then. No policy at all: Debug alone (R32).
Result<Loaded> load_directory(std::span<const SourceFile> files);

}  // namespace capsem::policy
