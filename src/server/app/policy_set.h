// From the configuration directory's files to policies that can judge: for serve, for its reload
// and for `capsem policy check`.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/policy/loader.h"
#include "core/policy/snapshot.h"

namespace capsem::app {

struct PolicySet {
  std::shared_ptr<const policy::Snapshot> snapshot;
  std::vector<std::string> enabled, warnings;
};

Result<PolicySet> compile_policies(std::span<const policy::SourceFile> files);

}  // namespace capsem::app
