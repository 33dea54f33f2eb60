// The policies of the shipped configuration, every entity type on: what detector and engine targets
// judge by.
#pragma once

#include <memory>

#include "core/policy/snapshot.h"
#include "fuzz/support.h"

namespace capsem::fuzz {

inline const std::shared_ptr<const policy::Snapshot>& all_policies() {
  static const auto snapshot = [] {
    policy::PiiPolicy pii;
    for (auto& entity : pii.entities) entity = {true, policy::Verdict::Block};
    auto frozen = policy::Snapshot::freeze({policy::KeywordPolicy{}, pii}, "sha256:fuzz");
    check(frozen.has_value(), "the policies compile");
    return *frozen;
  }();
  return snapshot;
}

}  // namespace capsem::fuzz
