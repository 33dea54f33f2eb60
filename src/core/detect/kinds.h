// Detectors that report one of many named kinds: secret families, kinds of prompt injection. A
// policy speaks of a kind by its name or by its group.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/detect/catalog.h"

namespace capsem::detect {

struct Kind {
  std::string_view name;   // "aws-access-key-id"; unique within its list; lower case, dashes
  std::string_view group;  // "provider-key"; a policy may name all kinds of a group at once
  float score = 0;         // the highest score it can have
};

// Which kinds are looked for, and under which rule ids they are reported.
struct KindOptions {
  static constexpr RuleId kUnwanted = 0xffff;
  std::vector<RuleId> rules;  // of kinds()[i]; kUnwanted: not looked for
  float score_min = 0;        // findings below are not reported
};

// Every kind, under a rule of its own that `catalog` is given.
KindOptions every_kind(std::span<const Kind> kinds, Catalog& catalog, float score_min = 0);

}  // namespace capsem::detect
