// One revision of the policies, compiled and frozen. Shared by all loops; an exchange is judged
// from its first byte to its last by the snapshot it began with.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/detect/catalog.h"
#include "core/detect/entity.h"
#include "core/policy/decision.h"

namespace capsem::policy {

// The original's Debug policy: a keyword anywhere blocks (R19-R21). Looks at all six points.
struct KeywordPolicy {
  std::string name = "Debug";
  std::vector<std::string> keywords = {"capsem_block"};
  // Filled in by freeze(): the rule id of keywords[i].
  std::vector<detect::RuleId> rules;
};

// The original's PII policy (R22-R25, R29).
struct PiiPolicy {
  std::string name = "PIIDetection";
  bool check_prompts = true, check_tool_args = true, check_responses = true,
       check_tool_responses = true;
  float score_threshold = 0.5F;
  struct EntityDecision {
    bool configured = false;  // unlisted types are not checked
    Verdict verdict = Verdict::Allow;
  };
  std::array<EntityDecision, detect::kEntityTypeCount> entities{};
  // Filled in by freeze().
  std::array<detect::RuleId, detect::kEntityTypeCount> rules{};
};

using Policy = std::variant<KeywordPolicy, PiiPolicy>;

class Snapshot {
 public:
  // Compiles policies, which act in the order given. `revision` names the sources ("sha256:...").
  // `further` is one more detector that looks at every point beside those the policies ask for. No
  // policy uses its findings; that it may fail, and with it the inspection, is what tests need.
  static Result<std::shared_ptr<const Snapshot>> freeze(
      std::vector<Policy> policies, std::string revision,
      std::unique_ptr<const detect::Detector> further = nullptr);

  const std::string& revision() const { return revision_; }
  const detect::Catalog& catalog() const { return catalog_; }
  std::span<const Policy> policies() const { return policies_; }

  // The detectors whose findings some policy uses at this point. 0: no policy looks there.
  detect::DetectorMask detectors_at(event::Point point) const {
    return masks_[static_cast<std::size_t>(point)];
  }
  // Some policy looks at answers (ModelOutput, Thought, ToolCall or ToolResult of a response).
  bool inspects_answers() const;

  // Asks every policy about one unit, in policy order; appends the decisions that are not a plain
  // Allow. Pure but for the ids drawn from `ids`. Every policy is always asked (X9).
  void judge(const Unit& unit, IdSource& ids, std::vector<Decision>& decisions) const;

 private:
  Snapshot() = default;

  std::vector<Policy> policies_;
  detect::Catalog catalog_;
  std::array<detect::DetectorMask, event::kPointCount> masks_{};
  std::string revision_;
};

}  // namespace capsem::policy
