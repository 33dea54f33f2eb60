// What detectors found in one unit, counted by type or kind, and the decision that follows: the
// strictest verdict of what was found, with a text that lists all of it. Internal to policy/.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/random.h"
#include "core/policy/decision.h"
#include "core/policy/ir.h"

namespace capsem::policy {

// One type or kind that a policy has something to say of.
struct Sought {
  detect::RuleId rule = 0;
  std::string_view name;  // "EMAIL_ADDRESS", "aws-access-key-id"
  Verdict verdict = Verdict::Allow;
  float weight = 1;  // scores count so many times, up to 1
};

struct Tally {
  const Sought* what = nullptr;
  unsigned count = 0;
  double score_sum = 0;
  // The first in report order: the best scored, then the one that stands first.
  const Hit* first = nullptr;
  float first_score = 0;
};

// Hits in repeating texts (Hit::repeat) count only if there is no other of their kind; then the
// repeating field with the most hits is taken, since each field that repeats an answer is one copy
// of it. In report order; what scores below `threshold`, weight included, is left out.
std::vector<Tally> tally(const Head& head, const Unit& unit, std::span<const Sought> sought,
                         float threshold);

// How a decision is put.
struct Wording {
  std::string_view what;  // "PII"
  std::string where;      // "prompt"
  Reason reason = Reason::Safe;
};

// Empty: nothing found, or nothing but what is allowed. REQUIRES: `tallies` of this unit and head.
std::optional<Decision> decide(const Unit& unit, const Head& head, std::span<const Tally> tallies,
                               const Wording& wording, IdSource& ids);

}  // namespace capsem::policy
