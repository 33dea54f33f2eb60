#include "server/app/policy_set.h"

#include <utility>

#include "core/base/sha256.h"

namespace capsem::app {
namespace {

// R32: a directory without policies has Debug, whatever was uploaded.
void debug_at_least(std::vector<policy::Document>& documents,
                    const policy::Assignments& assignments) {
  for (const policy::Document& document : documents) {
    for (const policy::Policy& one : document.policies) {
      const policy::Head& head = policy::head_of(one);
      if (head.state == policy::Lifecycle::Active &&
          !assignments.uploaded.contains(head.origin.file)) {
        return;
      }
    }
  }
  policy::Document document;
  document.name = "debug";
  document.source = "original";
  document.policies.emplace_back(std::in_place_type<policy::KeywordPolicy>);
  documents.push_back(std::move(document));
}

}  // namespace

Result<PolicySet> compile_policies(std::span<const policy::SourceFile> files,
                                   const store::PolicyInputs* inputs) {
  std::vector<policy::SourceFile> all(files.begin(), files.end());
  if (inputs != nullptr) all.insert(all.end(), inputs->files.begin(), inputs->files.end());
  auto loaded = policy::load_directory(all);
  if (!loaded) return std::unexpected(loaded.error());
  static const policy::Assignments kNone;
  const policy::Assignments& assignments = inputs != nullptr ? inputs->assignments : kNone;
  debug_at_least(loaded->documents, assignments);
  std::string revision = std::move(loaded->revision);
  if (!assignments.bound.empty()) {
    revision = "sha256:" + sha256_hex(revision + " " + assignments.bound);
  }
  auto snapshot =
      policy::Snapshot::freeze(std::move(loaded->documents), std::move(revision), assignments);
  if (!snapshot) return std::unexpected(snapshot.error());
  std::vector<std::string> enabled, warnings;
  for (const policy::Compiled& policy : (*snapshot)->policies()) {
    if (!policy.made && policy.bound_somewhere) enabled.push_back(policy.head->name);
  }
  for (const policy::Diagnostic& diagnostic : loaded->diagnostics) {
    warnings.push_back(policy::to_string(diagnostic));
  }
  return PolicySet{.snapshot = std::move(*snapshot),
                   .enabled = std::move(enabled),
                   .warnings = std::move(warnings),
                   .inputs = inputs != nullptr ? inputs->digest : std::string()};
}

}  // namespace capsem::app
