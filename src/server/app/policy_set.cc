#include "server/app/policy_set.h"

#include <utility>

namespace capsem::app {

Result<PolicySet> compile_policies(std::span<const policy::SourceFile> files,
                                   const store::PolicyInputs* inputs) {
  std::vector<policy::SourceFile> all(files.begin(), files.end());
  if (inputs != nullptr) all.insert(all.end(), inputs->files.begin(), inputs->files.end());
  auto loaded = policy::load_directory(all);
  if (!loaded) return std::unexpected(loaded.error());
  auto snapshot =
      policy::Snapshot::freeze(std::move(loaded->documents), std::move(loaded->revision));
  if (!snapshot) return std::unexpected(snapshot.error());
  std::vector<std::string> warnings;
  for (const policy::Diagnostic& diagnostic : loaded->diagnostics) {
    warnings.push_back(policy::to_string(diagnostic));
  }
  return PolicySet{.snapshot = std::move(*snapshot),
                   .enabled = std::move(loaded->enabled),
                   .warnings = std::move(warnings),
                   .inputs = inputs != nullptr ? inputs->digest : std::string()};
}

}  // namespace capsem::app
