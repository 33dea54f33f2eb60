#include "core/policy/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "core/policy/tally.h"

namespace capsem::policy {
namespace {

using detect::EntityType;
using event::Part;
using event::Point;

// The original's names for the moments at which it asks its policies.
std::string_view callback_at(Point point) {
  switch (point) {
    case Point::Prompt:
      return "on_model_call";
    case Point::ToolDefinition:
    case Point::ToolCall:
      return "on_tool_call";
    case Point::ToolResult:
      return "on_tool_response";
    case Point::ModelOutput:
    case Point::Thought:
      break;
  }
  return "on_model_response";
}

std::string_view keyword_place(Point point, Part part) {
  switch (point) {
    case Point::Prompt:
      return "prompt";
    case Point::ToolDefinition:
      if (part == Part::ToolName) return "tool name";
      return part == Part::Description ? "tool description" : "tool definition";
    case Point::ToolCall:
      return part == Part::ToolName ? "tool name" : "tool arguments";
    case Point::ToolResult:
      return "tool response";
    case Point::ModelOutput:
    case Point::Thought:
      break;
  }
  return "model response";
}

std::string pii_place(const Unit& unit) {
  switch (unit.point) {
    case Point::Prompt:
    case Point::ToolDefinition:
      return "prompt";
    case Point::ToolCall:
      return fmt::format("tool '{}' arguments", shown_name(unit.tool_name));
    case Point::ToolResult:
      return fmt::format("tool '{}' response", shown_name(unit.tool_name));
    case Point::ModelOutput:
    case Point::Thought:
      break;
  }
  return "model response";
}

// R31: what goes to a model or a tool is sensitive; what comes back leaks.
Reason pii_reason(Point point) {
  switch (point) {
    case Point::Prompt:
    case Point::ToolDefinition:
    case Point::ToolCall:
      return Reason::SensitiveData;
    case Point::ToolResult:
    case Point::ModelOutput:
    case Point::Thought:
      break;
  }
  return Reason::Leakage;
}

// The types that the policy decides on.
std::vector<Sought> types_sought(const PiiPolicy& policy, const PiiRules& rules) {
  std::vector<Sought> sought;
  for (std::size_t i = 0; i < detect::kEntityTypeCount; ++i) {
    const auto& entity = policy.entities[i];
    if (!entity.configured) continue;
    sought.push_back({.rule = rules.types[i],
                      .name = detect::to_string(static_cast<detect::EntityType>(i)),
                      .verdict = entity.verdict});
  }
  for (std::size_t i = 0; i < policy.own.size(); ++i) {
    sought.push_back(
        {.rule = rules.own[i], .name = policy.own[i].name, .verdict = policy.own[i].action});
  }
  return sought;
}

// What its check digits prove.
bool is_proven(EntityType type) {
  return type == EntityType::CreditCard || type == EntityType::IbanCode ||
         type == EntityType::Crypto;
}

// Numbers that many others look like.
bool is_number(EntityType type) {
  switch (type) {
    case EntityType::PhoneNumber:
    case EntityType::UsSsn:
    case EntityType::UsBankNumber:
    case EntityType::UsDriverLicense:
    case EntityType::UsPassport:
      return true;
    default:
      return type >= EntityType::MedicalLicense;
  }
}

// The hits of a unit that are proven, by place.
class Proofs {
 public:
  Proofs(const PiiPolicy& policy, const PiiRules& rules, const Unit& unit)
      : policy_(policy), rules_(rules) {
    for (const Hit& hit : unit.hits) {
      const auto type = type_of(hit);
      if (type && is_proven(*type) && hit.score >= 1 && counts(policy.head, unit, hit)) {
        hits_.push_back(&hit);
      }
    }
    std::ranges::sort(hits_, {}, place);
  }
  bool empty() const { return hits_.empty(); }

  // Whether the hit is a part of a proven one under a weaker name, and no verdict is lost with it.
  bool explain(const Hit& hit) const {
    const auto type = type_of(hit);
    if (!type || !is_number(*type) || hit.score >= 1) return false;
    auto after = std::ranges::upper_bound(hits_, std::pair(hit.order, hit.begin), {}, place);
    if (after == hits_.begin()) return false;
    const Hit& proof = **--after;
    return proof.order == hit.order && proof.end >= hit.end &&
           strictness(verdict_on(*type_of(proof))) >= strictness(verdict_on(*type));
  }

 private:
  static std::pair<std::uint32_t, std::uint64_t> place(const Hit* hit) {
    return {hit->order, hit->begin};
  }
  // Of the types that the policy decides on.
  std::optional<EntityType> type_of(const Hit& hit) const {
    for (std::size_t i = 0; i < detect::kEntityTypeCount; ++i) {
      if (policy_.entities[i].configured && rules_.types[i] == hit.rule) {
        return static_cast<EntityType>(i);
      }
    }
    return std::nullopt;
  }
  Verdict verdict_on(EntityType type) const {
    return policy_.entities[detect::index_of(type)].verdict;
  }

  const PiiPolicy& policy_;
  const PiiRules& rules_;
  std::vector<const Hit*> hits_;
};

}  // namespace

// A name comes from the client or the model: a long one must not make a long refusal.
std::string_view shown_name(std::string_view name) {
  constexpr std::size_t kNameBytesMax = 128;
  if (name.empty()) return "unknown";
  if (name.size() <= kNameBytesMax) return name;
  std::size_t end = kNameBytesMax;
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0) == 0x80) --end;
  return name.substr(0, end);
}

Decision decision_on(const Unit& unit, const Head& head, IdSource& ids) {
  Decision decision;
  decision.id = ids.hex(12);
  decision.policy = head.name;
  decision.callback = callback_at(unit.point);
  decision.point = unit.point;
  decision.phase = unit.phase;
  if (!head.origin.file.empty()) decision.at = to_string(head.origin);
  const std::string& name =
      unit.tool_name_resolved.empty() ? unit.tool_name : unit.tool_name_resolved;
  if (!name.empty()) decision.tool_name = shown_name(name);
  return decision;
}

bool counts(const Head& head, const Unit& unit, const Hit& hit) {
  if ((head.on & surface_of(unit.point, hit.part)) == 0) return false;
  return head.scope == TurnScope::All || hit.message >= unit.turn_begin;
}

namespace {

struct FirstHit {
  const Hit* hit = nullptr;  // null: none
  std::size_t rule = 0;      // its index in the rules
};

FirstHit first_hit(const Head& head, const KeywordRules& rules, const Unit& unit) {
  FirstHit first;
  for (const Hit& hit : unit.hits) {
    const auto rule = std::ranges::find(rules, hit.rule);
    if (rule == rules.end() || !counts(head, unit, hit)) continue;
    if (first.hit != nullptr &&
        std::tie(first.hit->order, first.hit->begin) <= std::tie(hit.order, hit.begin)) {
      continue;
    }
    first = {&hit, static_cast<std::size_t>(rule - rules.begin())};
  }
  return first;
}

}  // namespace

std::optional<Decision> judge_own_keys(const OwnKeysPolicy& policy, const KeywordRules& rules,
                                       const Unit& unit, IdSource& ids) {
  const auto [first, key] = first_hit(policy.head, rules, unit);
  if (first == nullptr) return std::nullopt;
  Decision decision = decision_on(unit, policy.head, ids);
  decision.rule = policy.names[key];
  decision.code = "stored_key";
  decision.verdict = Verdict::Block;
  decision.reason = Reason::Leakage;
  decision.details = fmt::format("Stored key '{}' detected in {}", policy.names[key],
                                 keyword_place(unit.point, first->part));
  return decision;
}

std::optional<Decision> judge_keyword(const KeywordPolicy& policy, const KeywordRules& rules,
                                      const Unit& unit, IdSource& ids) {
  const auto [first, keyword] = first_hit(policy.head, rules, unit);
  if (first == nullptr) return std::nullopt;

  Decision decision = decision_on(unit, policy.head, ids);
  decision.rule = policy.keywords[keyword];
  decision.verdict = policy.action;
  decision.reason = Reason::PolicyViolation;
  decision.details = fmt::format("Detected '{}' in {}", policy.keywords[keyword],
                                 keyword_place(unit.point, first->part));
  return decision;
}

namespace {

std::optional<Decision> decide_pii(const PiiPolicy& policy, std::span<const Sought> sought,
                                   const Unit& unit, IdSource& ids) {
  const auto tallies = tally(policy.head, unit, sought, policy.score_threshold);
  if (tallies.empty()) return std::nullopt;
  return decide(unit, policy.head, tallies,
                {.what = "PII", .where = pii_place(unit), .reason = pii_reason(unit.point)}, ids);
}

}  // namespace

std::optional<Decision> judge_pii(const PiiPolicy& policy, const PiiRules& rules, const Unit& unit,
                                  IdSource& ids) {
  if (unit.hits.empty()) return std::nullopt;
  const std::vector<Sought> sought = types_sought(policy, rules);
  // A card's digits are not a bank account's as well.
  if (const Proofs proofs(policy, rules, unit); !proofs.empty()) {
    Unit rest = unit;
    std::erase_if(rest.hits, [&proofs](const Hit& hit) { return proofs.explain(hit); });
    return decide_pii(policy, sought, rest, ids);
  }
  return decide_pii(policy, sought, unit, ids);
}

}  // namespace capsem::policy
