// From policy files to policies that can judge: for serve, for its reload and for `capsem policy
// check`.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/policy/loader.h"
#include "core/policy/snapshot.h"
#include "server/store/directory_reader.h"

namespace capsem::app {

struct PolicySet {
  std::shared_ptr<const policy::Snapshot> snapshot;
  std::vector<std::string> enabled, warnings;
  std::string inputs{};  // digest of what the database added; empty: nothing
};

// `files` of the configuration directory, and what the database adds to them: may be nullptr.
Result<PolicySet> compile_policies(std::span<const policy::SourceFile> files,
                                   const store::PolicyInputs* inputs = nullptr);

}  // namespace capsem::app
