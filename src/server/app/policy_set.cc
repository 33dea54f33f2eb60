#include "server/app/policy_set.h"

#include <utility>

namespace capsem::app {

Result<PolicySet> compile_policies(std::span<const policy::SourceFile> files) {
  auto loaded = policy::load_directory(files);
  if (!loaded) return std::unexpected(loaded.error());
  auto snapshot =
      policy::Snapshot::freeze(std::move(loaded->policies), std::move(loaded->revision));
  if (!snapshot) return std::unexpected(snapshot.error());
  return PolicySet{.snapshot = std::move(*snapshot),
                   .enabled = std::move(loaded->enabled),
                   .warnings = std::move(loaded->warnings)};
}

}  // namespace capsem::app
