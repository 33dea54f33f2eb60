#include "core/policy/kind_rules.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/detect/injection.h"
#include "core/detect/secrets.h"
#include "core/policy/judge.h"

namespace capsem::policy {
namespace {

using event::Point;

// Groups whose scores say how much a text looks like orders to a model. In prompts orders are what
// one expects. Hidden text, forged structure and exfiltration are as bad anywhere.
constexpr std::array<std::string_view, 3> kOrders = {"phrase", "model", "tool-poisoning"};
constexpr float kOrdersInData = 1.5F;

bool is_tool_data(Point point) {
  return point == Point::ToolResult || point == Point::ToolDefinition;
}

std::vector<std::string_view> words_for(std::span<const detect::Kind> kinds) {
  std::vector<std::string_view> words = {kOtherwiseWord};
  const auto add = [&words](std::string_view word) {
    if (std::ranges::find(words, word) == words.end()) words.push_back(word);
  };
  for (const detect::Kind& kind : kinds) add(kind.group);
  for (const detect::Kind& kind : kinds) add(kind.name);
  return words;
}

const KindsPolicy::Named* named_in(const KindsPolicy& policy, std::string_view name) {
  const auto found = std::ranges::find(policy.named, name, &KindsPolicy::Named::name);
  return found == policy.named.end() ? nullptr : &*found;
}

std::string kinds_place(const Unit& unit) {
  const std::string_view tool = shown_name(unit.tool_name);
  switch (unit.point) {
    case Point::Prompt:
      return "prompt";
    case Point::ToolDefinition:
      return fmt::format("tool '{}' definition", tool);
    case Point::ToolCall:
      return fmt::format("tool '{}' arguments", tool);
    case Point::ToolResult:
      return fmt::format("tool '{}' response", tool);
    case Point::ModelOutput:
    case Point::Thought:
      break;
  }
  return "model response";
}

}  // namespace

std::span<const detect::Kind> kinds_of(KindFamily family) {
  return family == KindFamily::Secrets ? detect::secret_kinds() : detect::injection_kinds();
}

std::span<const std::string_view> kind_words(KindFamily family) {
  static const std::array<std::vector<std::string_view>, kKindFamilyCount> kWords = {
      words_for(detect::secret_kinds()), words_for(detect::injection_kinds())};
  return kWords[static_cast<std::size_t>(family)];
}

std::string_view noun_of(KindFamily family) {
  return family == KindFamily::Secrets ? "kind of secret" : "kind of prompt injection";
}

std::string_view deciding_word(const KindsPolicy& policy, const detect::Kind& kind) {
  for (const std::string_view name : {kind.name, kind.group}) {
    if (named_in(policy, name) != nullptr) return name;
  }
  return policy.otherwise ? kOtherwiseWord : std::string_view();
}

std::optional<Verdict> verdict_on(const KindsPolicy& policy, const detect::Kind& kind) {
  const auto* named = named_in(policy, deciding_word(policy, kind));
  return named != nullptr ? named->verdict : policy.otherwise;
}

float weight_at(KindFamily family, const detect::Kind& kind, Point point) {
  if (family == KindFamily::Secrets || !is_tool_data(point)) return 1;
  return std::ranges::find(kOrders, kind.group) == kOrders.end() ? 1 : kOrdersInData;
}

KindRules::KindRules(const KindsPolicy& policy, detect::RuleId first) : policy_(&policy) {
  const auto kinds = kinds_of(policy.family);
  for (std::size_t p = 0; p < event::kPointCount; ++p) {
    for (std::size_t i = 0; i < kinds.size(); ++i) {
      const auto verdict = verdict_on(policy, kinds[i]);
      if (!verdict) continue;
      sought_[p].push_back({.rule = static_cast<detect::RuleId>(first + i),
                            .name = kinds[i].name,
                            .verdict = *verdict,
                            .weight = weight_at(policy.family, kinds[i], static_cast<Point>(p))});
    }
  }
}

std::optional<Decision> KindRules::judge(const Unit& unit, IdSource& ids) const {
  if (unit.hits.empty()) return std::nullopt;
  const auto tallies = tally(policy_->head, unit, sought_at(unit.point), policy_->threshold);
  if (tallies.empty()) return std::nullopt;
  const bool secrets = policy_->family == KindFamily::Secrets;
  return decide(unit, policy_->head, tallies,
                {.what = secrets ? "Secret" : "Prompt injection",
                 .where = kinds_place(unit),
                 .reason = secrets ? Reason::Leakage : Reason::PromptInjection},
                ids);
}

float lowest_score(const KindsPolicy& policy) {
  float weight_max = 1;
  for (const detect::Kind& kind : kinds_of(policy.family)) {
    if (!verdict_on(policy, kind)) continue;
    for (const auto& [point, surface] : {std::pair(Point::ToolResult, kToolResult),
                                         std::pair(Point::ToolDefinition, kToolDefinition)}) {
      if ((policy.head.on & surface) == 0) continue;
      weight_max = std::max(weight_max, weight_at(policy.family, kind, point));
    }
  }
  // A hair less, so that rounding loses no finding that stands on the threshold.
  constexpr float kRounding = 0.9999F;
  return policy.threshold / weight_max * (weight_max > 1 ? kRounding : 1);
}

}  // namespace capsem::policy
