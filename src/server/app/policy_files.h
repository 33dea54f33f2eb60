// What the commands of `capsem policy` have in common: which files they read, how they print.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/audit/json_line.h"
#include "core/base/error.h"
#include "core/policy/loader.h"
#include "core/policy/snapshot.h"

namespace capsem::app {

inline constexpr std::string_view kPolicyExits =
    "Exit status: 0 fine, allowed; 1 refused, errors, failed tests, loosened; 2 misused.";

struct PolicyOptions {
  std::vector<std::string> files, named;  // positional, --policy
  bool json = false;
  std::string color = "auto";

  // What was given, or else the directory `config`.
  std::vector<std::string> paths() const;
};
// --policy, --json, --color, and FILE... with `positional`.
void add_policy_options(CLI::App& app, PolicyOptions& options, bool positional = true);

// Words in colour where a person looks on: with `auto` on a terminal, unless NO_COLOR is set.
class Paint {
 public:
  Paint(std::string_view when, std::FILE* out);
  std::string good(std::string_view text) const { return paint("32", text); }
  std::string bad(std::string_view text) const { return paint("31", text); }
  std::string odd(std::string_view text) const { return paint("33", text); }
  std::string faint(std::string_view text) const { return paint("2", text); }

 private:
  std::string paint(std::string_view code, std::string_view text) const;
  bool on_ = false;
};

// The files named, and of directories their policy files together with those that a capsem.toml in
// them names. Errors: a path that is not there or cannot be read, a directory without any.
Result<std::vector<policy::SourceFile>> read_policies(std::span<const std::string> paths);

struct ReadPolicies {
  policy::Loaded loaded;
  std::shared_ptr<const policy::Snapshot> snapshot;  // null: `loaded` has errors
};
// Loads as serve would. An error has no place in a file; what has one is among the diagnostics.
Result<ReadPolicies> load_policies(std::span<const policy::SourceFile> files);

// The same for commands that need policies in force: prints every error to standard error and
// returns nothing when there is one.
std::optional<ReadPolicies> policies_or_say(const PolicyOptions& options);

// "config/pii.toml:3:1: E02 unknown key ...".
std::string shown(const policy::Diagnostic& diagnostic);
void print_diagnostic(const Paint& paint, const policy::Diagnostic& diagnostic);

// {"file":...,"line":...,"column":...}, into the object that is open.
void add_origin(audit::JsonLine& line, const policy::Origin& origin);
inline constexpr std::size_t kJsonTextMax = 1u << 20;
void print_line(std::string text);  // to standard output, whatever bytes it holds

// TEXT, @FILE, or - for standard input.
Result<std::string> text_argument(const std::string& argument);

}  // namespace capsem::app
