#include "core/policy/snapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/detect/keyword.h"
#include "core/policy/judge.h"

namespace capsem::policy {
namespace {

using event::Point;
using Masks = std::array<detect::DetectorMask, event::kPointCount>;

// RuleId is 16 bits wide; this leaves room, and more keywords than this are a mistake.
constexpr std::size_t kRulesMax = 60'000;

Status check_keywords(const KeywordPolicy& policy) {
  if (policy.keywords.empty()) {
    return gateway_error("invalid_policy", fmt::format("{}: no keywords", policy.name));
  }
  for (const std::string& keyword : policy.keywords) {
    if (keyword.empty() || keyword.size() >= detect::kLookAhead) {
      return gateway_error("invalid_policy", fmt::format("{}: a keyword must have 1 to {} bytes",
                                                         policy.name, detect::kLookAhead - 1));
    }
  }
  return {};
}

Status add_keywords(KeywordPolicy& policy, detect::Catalog& catalog, Masks& masks) {
  if (auto ok = check_keywords(policy); !ok) return ok;
  if (catalog.rule_count() + policy.keywords.size() > kRulesMax) {
    return gateway_error("invalid_policy", fmt::format("{}: too many keywords", policy.name));
  }
  std::vector<detect::Keyword> keywords;
  policy.rules.clear();
  for (const std::string& keyword : policy.keywords) {
    policy.rules.push_back(catalog.add_rule(keyword));
    keywords.push_back({keyword, policy.rules.back()});
  }
  const detect::DetectorMask bit = catalog.add(detect::make_keyword_detector(keywords));
  for (auto& mask : masks) mask |= bit;
  return {};
}

bool checks_anything(const PiiPolicy& policy) {
  return std::ranges::any_of(policy.entities, &PiiPolicy::EntityDecision::configured);
}

// One detector looks for every type that any policy asks for; each policy picks its own hits.
void add_pii(std::vector<Policy>& policies, detect::Catalog& catalog, Masks& masks) {
  detect::PiiOptions options;
  options.score_min = 1;
  bool wanted = false;
  for (const Policy& policy : policies) {
    const auto* pii = std::get_if<PiiPolicy>(&policy);
    if (pii == nullptr || !checks_anything(*pii)) continue;
    wanted = true;
    options.score_min = std::min(options.score_min, pii->score_threshold);
    for (std::size_t i = 0; i < detect::kEntityTypeCount; ++i) {
      options.enabled[i] = options.enabled[i] || pii->entities[i].configured;
    }
  }
  if (!wanted) return;

  for (std::size_t i = 0; i < detect::kEntityTypeCount; ++i) {
    const auto type = static_cast<detect::EntityType>(i);
    if (options.enabled[i]) options.rules[i] = catalog.add_rule(std::string(to_string(type)));
  }
  const detect::DetectorMask bit = catalog.add(detect::make_pii_detector(options));
  for (Policy& policy : policies) {
    auto* pii = std::get_if<PiiPolicy>(&policy);
    if (pii == nullptr || !checks_anything(*pii)) continue;
    pii->rules = options.rules;
    for (std::size_t i = 0; i < event::kPointCount; ++i) {
      if (looks_at(*pii, static_cast<Point>(i))) masks[i] |= bit;
    }
  }
}

}  // namespace

Result<std::shared_ptr<const Snapshot>> Snapshot::freeze(
    std::vector<Policy> policies, std::string revision,
    std::unique_ptr<const detect::Detector> further) {
  // One detector per policy at most, one for PII, and the further one.
  constexpr std::size_t kPoliciesMax = detect::kDetectorsMax - 2;
  if (policies.size() > kPoliciesMax) {
    return gateway_error("invalid_policy", fmt::format("more than {} policies", kPoliciesMax));
  }
  std::shared_ptr<Snapshot> snapshot(new Snapshot);
  snapshot->policies_ = std::move(policies);
  snapshot->revision_ = std::move(revision);
  for (Policy& policy : snapshot->policies_) {
    if (auto* keyword = std::get_if<KeywordPolicy>(&policy)) {
      if (auto ok = add_keywords(*keyword, snapshot->catalog_, snapshot->masks_); !ok) {
        return std::unexpected(ok.error());
      }
    }
  }
  add_pii(snapshot->policies_, snapshot->catalog_, snapshot->masks_);
  if (further != nullptr) {
    const detect::DetectorMask bit = snapshot->catalog_.add(std::move(further));
    for (auto& mask : snapshot->masks_) mask |= bit;
  }
  return std::shared_ptr<const Snapshot>(std::move(snapshot));
}

bool Snapshot::inspects_answers() const {
  return (detectors_at(Point::ModelOutput) | detectors_at(Point::Thought) |
          detectors_at(Point::ToolCall) | detectors_at(Point::ToolResult)) != 0;
}

void Snapshot::judge(const Unit& unit, IdSource& ids, std::vector<Decision>& decisions) const {
  if (unit.hits.empty()) return;
  for (const Policy& policy : policies_) {
    const auto* keyword = std::get_if<KeywordPolicy>(&policy);
    auto decision = keyword != nullptr ? judge_keyword(*keyword, unit, ids)
                                       : judge_pii(std::get<PiiPolicy>(policy), unit, ids);
    if (decision) decisions.push_back(std::move(*decision));
  }
}

}  // namespace capsem::policy
