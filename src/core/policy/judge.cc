#include "core/policy/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>
#include <vector>

namespace capsem::policy {
namespace {

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

// What was found of one entity type.
struct Tally {
  detect::EntityType type{};
  unsigned count = 0;
  double score_sum = 0;
  const Hit* first = nullptr;  // the first in report order
};

// Report order: the best scored first, then the one that stands first.
bool reported_before(const Hit& a, const Hit& b) {
  if (a.score != b.score) return a.score > b.score;
  return std::tie(a.order, a.begin) < std::tie(b.order, b.begin);
}

void count(Tally& tally, const Hit& hit) {
  ++tally.count;
  tally.score_sum += static_cast<double>(hit.score);
  if (tally.first == nullptr || reported_before(hit, *tally.first)) tally.first = &hit;
}

// The tally of repeating texts alone: the fullest copy, the first of equally full ones.
Tally tally_repeats(detect::EntityType type, const std::vector<const Hit*>& hits) {
  std::vector<std::pair<std::uint16_t, Tally>> copies;
  for (const Hit* hit : hits) {
    auto copy = std::ranges::find(copies, hit->field, [](const auto& c) { return c.first; });
    if (copy == copies.end()) {
      copies.emplace_back(hit->field, Tally{.type = type});
      copy = copies.end() - 1;
    }
    count(copy->second, *hit);
  }
  return std::ranges::max_element(copies, {}, [](const auto& c) { return c.second.count; })->second;
}

std::vector<Tally> tally_types(const PiiPolicy& policy, const EntityRules& rules,
                               const Unit& unit) {
  std::vector<Tally> tallies;
  std::vector<const Hit*> repeats;
  for (std::size_t i = 0; i < detect::kEntityTypeCount; ++i) {
    if (!policy.entities[i].configured) continue;
    Tally tally{.type = static_cast<detect::EntityType>(i)};
    repeats.clear();
    for (const Hit& hit : unit.hits) {
      if (hit.rule != rules[i] || hit.score < policy.score_threshold) continue;
      if (!counts(policy.head, unit, hit)) continue;
      if (hit.repeat) {
        repeats.push_back(&hit);
      } else {
        count(tally, hit);
      }
    }
    if (tally.count == 0 && !repeats.empty()) tally = tally_repeats(tally.type, repeats);
    if (tally.count > 0) tallies.push_back(tally);
  }
  std::ranges::sort(tallies, [](const Tally& a, const Tally& b) {
    if (reported_before(*a.first, *b.first)) return true;
    return !reported_before(*b.first, *a.first) && a.type < b.type;
  });
  return tallies;
}

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

std::optional<Decision> judge_pii(const PiiPolicy& policy, const EntityRules& rules,
                                  const Unit& unit, IdSource& ids) {
  if (unit.hits.empty()) return std::nullopt;
  const std::vector<Tally> tallies = tally_types(policy, rules, unit);

  const auto verdict_of = [&policy](const Tally& tally) {
    return policy.entities[static_cast<std::size_t>(tally.type)].verdict;
  };
  const auto worst = std::ranges::max_element(
      tallies, {}, [&](const Tally& tally) { return strictness(verdict_of(tally)); });
  if (worst == tallies.end() || verdict_of(*worst) == Verdict::Allow) return std::nullopt;

  Decision decision = decision_on(unit, policy.head, ids);
  decision.rule = detect::to_string(worst->type);
  decision.verdict = verdict_of(*worst);
  decision.reason = pii_reason(unit.point);
  decision.details = fmt::format("PII detected in {}: ", pii_place(unit));
  std::string_view separator;
  for (const Tally& tally : tallies) {
    decision.details += fmt::format("{}{}(count={}, score={:.2f}, action={})", separator,
                                    detect::to_string(tally.type), tally.count,
                                    tally.score_sum / tally.count, to_string(verdict_of(tally)));
    separator = ", ";
  }
  return decision;
}

}  // namespace capsem::policy
