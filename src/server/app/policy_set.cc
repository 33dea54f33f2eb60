#include "server/app/policy_set.h"

#include <utility>

namespace capsem::app {

Result<PolicySet> compile_policies(std::span<const policy::SourceFile> files) {
  auto loaded = policy::load_directory(files);
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
                   .warnings = std::move(warnings)};
}

}  // namespace capsem::app
