// What a pii policy lets pass of what is found: [[allow]]. Internal to policy/.
#pragma once

#include <memory>
#include <span>

#include "core/base/error.h"
#include "core/detect/detector.h"
#include "core/policy/ir.h"

namespace capsem::policy {

// Of one entity: values, ASCII letter case aside, and patterns that are found anywhere in it.
struct AllowedRule {
  const AllowedValues* source = nullptr;  // every pattern of it compiles
  detect::RuleId rule = 0;
};

// `inner` without the findings whose text, or the view they are found in, is allowed. Copies what
// it needs of `allowed`. Immutable, for all threads, as detectors are.
Result<std::unique_ptr<const detect::Detector>> make_allowing_detector(
    std::unique_ptr<const detect::Detector> inner, std::span<const AllowedRule> allowed);

}  // namespace capsem::policy
