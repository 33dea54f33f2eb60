#include "core/policy/hearing.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace capsem::policy {
namespace {

using event::Point;

constexpr std::uint32_t bit_of(Point point) {
  return std::uint32_t{1} << static_cast<unsigned>(point);
}
constexpr Point kAnswerPoints[] = {Point::ModelOutput, Point::Thought, Point::ToolCall,
                                   Point::ToolResult};

bool looks_at(const Head& head, Point point) {
  using event::Part;
  return (head.on & (surface_of(point, Part::Text) | surface_of(point, Part::ToolName))) != 0;
}

// Some rule of a content policy has something to say of a tool call.
bool judges_calls_of(const ContentRules& rules, const Head& head) {
  if ((head.on & kToolArgs) == 0) return false;
  return rules.needs_tool() || rules.needs_content() || (head.on & kPrompt) == 0;
}

// Some verdict of a detecting policy can come to Redact.
bool may_redact(const Policy& policy) {
  const Head& head = head_of(policy);
  if (head.enforcement && *head.enforcement == Verdict::Redact) return true;
  if (head.enforcement && strictness(*head.enforcement) < strictness(Verdict::Redact)) return false;
  const auto is_redact = [](const auto& named) { return named.verdict == Verdict::Redact; };
  return std::visit(
      [&](const auto& p) {
        if constexpr (requires { p.keywords; }) {
          return p.action == Verdict::Redact;
        } else if constexpr (requires { p.score_threshold; }) {
          return std::ranges::any_of(p.entities, is_redact);
        } else if constexpr (requires { p.otherwise; }) {
          return p.otherwise == Verdict::Redact || std::ranges::any_of(p.named, is_redact);
        }
        return false;
      },
      policy);
}

// The spellings of an action on a tool: our own, and the one that names the tool's method, as
// rules about wrapped tools are written (`delete_*`, `files:read`).
struct ToolActions {
  ToolActions(std::string_view own, std::string_view tool) : by_name(tool) {
    if (const auto separator = by_name.find_first_of(":."); separator != std::string::npos) {
      by_name[separator] = '.';
    } else {
      by_name += ".call";
    }
    spellings = {own, by_name};
    resource = "tool/";
    resource += tool;
  }
  std::string by_name, resource;
  std::array<std::string_view, 2> spellings;
};

}  // namespace

bool can_forbid(const Head& head) {
  return head.mode == Mode::Enforce && head.output == Output::Block &&
         (!head.enforcement || strictness(*head.enforcement) >= strictness(Verdict::Redact));
}

Hearing::Hearing(std::shared_ptr<const Snapshot> snapshot, IdSource& ids, PinStore* pins)
    : snapshot_(std::move(snapshot)), ids_(ids), pins_(pins) {}

void Hearing::open(const Subject& subject, Trace* trace) {
  subject_ = &subject;
  action_ = canonical_action(subject.action);
  resource_ = subject.resource;
  if (resource_.empty()) resource_.append("model/").append(subject.model);
  trace_ = trace;
  snapshot_->each_in_force(subject, [&](const Compiled& policy) { take_force(policy); });
  const detect::DetectorMask further = snapshot_->further_detectors();
  for (auto& mask : masks_) mask |= further;
  if (further != 0) holds_ = ~std::uint32_t{0};
  for (const Point point : kAnswerPoints) judges_answers_ |= detectors_at(point) != 0;
}

void Hearing::take_force(const Compiled& policy) {
  const Head& head = *policy.head;
  in_force_.push_back(&policy);
  judged_by_files_ |= !policy.made;
  for (std::size_t i = 0; policy.detectors != 0 && i < event::kPointCount; ++i) {
    const auto point = static_cast<Point>(i);
    if (rules_of<FlowRules>(policy) != nullptr
            ? (snapshot_->detectors_at(point) & policy.detectors) == 0
            : !looks_at(head, point)) {
      continue;
    }
    masks_[i] |= policy.detectors;
    if (can_forbid(head)) holds_ |= bit_of(point);
  }
  if (policy.detectors != 0) force_redaction(policy);
  if (const auto* limit = rules_of<limit::LimitRule>(policy)) {
    const bool mild =
        head.enforcement && strictness(*head.enforcement) < strictness(Verdict::Redact);
    (head.mode == Mode::Shadow || mild ? shadow_limits_ : limits_).push_back(limit);
  }
  if (const auto* access = rules_of<AccessRules>(policy)) {
    judges_calls_ |= access->speaks_of_tools();
    wants_arguments_ |= access->speaks_of_tools();
  }
  if (const auto* lists = rules_of<ListRules>(policy)) {
    judges_calls_ |= lists->has_tools() || lists->has_network();
    wants_arguments_ |= lists->has_network();
    replaces_calls_ |= std::get<ListsPolicy>(*policy.source).on_tool_block == OnToolBlock::Replace;
  }
  if (const auto* content = rules_of<ContentRules>(policy)) force_content(*content, head);
  if (const auto* judge = std::get_if<JudgePolicy>(policy.source)) force_judge(*judge);
  if (rules_of<const PinPolicy*>(policy) != nullptr) pins_tools_ = pins_ != nullptr;
  if (rules_of<FlowRules>(policy) != nullptr) {
    follows_values_ = judges_calls_ = wants_arguments_ = true;
  }
  judges_answers_ |= judges_calls_;
}

void Hearing::force_redaction(const Compiled& policy) {
  const Head& head = *policy.head;
  if (head.mode != Mode::Enforce || !may_redact(*policy.source)) return;
  redacts_requests_ |= (head.on & ~kResponse) != 0;
  redacts_answers_ |= head.output == Output::Block;
  names_values_ |= head.redaction.style != RedactionStyle::Mask;
}

std::optional<RedactionOrder> Hearing::redaction_of(const Unit& unit, const Hit& hit) const {
  for (const Compiled* policy : in_force_) {
    if (policy->detectors == 0) continue;
    if (auto order = policy::redaction_of(*policy, unit, hit, ids_)) return order;
  }
  return std::nullopt;
}

void Hearing::force_content(const ContentRules& rules, const Head& head) {
  judges_content_ = true;
  if ((head.on & kPrompt) != 0 && rules.needs_content()) {
    wants_prompt_text_ = true;
    wants_turn_text_ |= head.scope == TurnScope::LatestTurn;
  }
  if ((head.on & kToolResult) != 0) wants_result_text_ = true;
  if (judges_calls_of(rules, head)) judges_calls_ = wants_arguments_ = true;
  if ((head.on & kResponse) == 0 || !rules.judges_answers()) return;
  judges_answers_ = true;
  wants_answer_text_ |= rules.needs_content();
  needs_whole_answer_ |= can_forbid(head);
}

// ---- Subject -----------------------------------------------------------------------------------

void Hearing::judge_subject(std::vector<Decision>& decisions) {
  const Subject& subject = *subject_;
  const Unit unit{.point = Point::Prompt, .phase = event::Phase::Request};
  const bool of_model = subject.resource.empty();
  const std::array<std::string_view, 1> actions = {action_};
  const Facts facts{.subject = subject, .action = action_, .resource = resource_};
  for (const Compiled* policy : in_force_) {
    if (rules_of<AccessRules>(*policy) != nullptr) {
      judge_access(*policy, actions, facts, unit, decisions);
    } else if (const auto* lists = rules_of<ListRules>(*policy)) {
      if (of_model) {
        if (const auto refusal = lists->judge_model(subject.model)) {
          refuse(*policy, *refusal, unit, decisions);
        }
      } else if (resource_.starts_with("tool/")) {
        if (const auto refusal = lists->judge_tool(std::string_view(resource_).substr(5))) {
          refuse(*policy, *refusal, unit, decisions);
        }
      }
      if (subject.upstream_host.empty()) continue;
      if (const auto refusal = lists->judge_host(subject.upstream_host, subject.upstream_tls)) {
        refuse(*policy, *refusal, unit, decisions);
      }
    }
  }
}

void Hearing::judge_access(const Compiled& policy, std::span<const std::string_view> actions,
                           const Facts& facts, const Unit& unit, std::vector<Decision>& decisions) {
  const auto& source = std::get<AccessPolicy>(*policy.source);
  AccessOutcome outcome{.effect = source.default_effect};
  // R79: without a model there is nothing a rule could mean.
  const bool nameless = facts.resource == "model/";
  if (!nameless) outcome = std::get<AccessRules>(policy.rules).judge(actions, facts, trace_);
  if (outcome.effect == Verdict::Allow) return;

  Decision decision = decision_on(unit, *policy.head, ids_);
  decision.rule = outcome.rule != nullptr ? outcome.rule->id : "default";
  decision.verdict = outcome.effect;
  decision.reason = unit.point == Point::Prompt ? Reason::PolicyViolation : Reason::UnknownTool;
  decision.code = "policy_denied";
  decision.reason_code = outcome.rule != nullptr ? "RULE_MATCH" : "NO_RULE_MATCH";
  const bool denied = outcome.effect == Verdict::Block;
  const std::string_view what = denied                               ? "denied"
                                : outcome.effect == Verdict::Confirm ? "held"
                                                                     : "noted";
  decision.details =
      fmt::format("Action {} on {} {} by ", actions.front(), shown_name(facts.resource), what);
  if (outcome.rule != nullptr) {
    decision.details += fmt::format("rule '{}/{}'", policy.head->name, outcome.rule->id);
    if (!outcome.rule->reason.empty()) decision.details += ": " + outcome.rule->reason;
    decision.at = to_string(outcome.rule->origin);
    decision.why =
        outcome.undecidable
            ? "its conditions cannot be evaluated, and a rule that forbids then forbids"
            : fmt::format("{}; action {} ~ {}; resource {} ~ {}",
                          source.match == Match::First ? "first match" : "strictest match",
                          actions.front(), fmt::join(outcome.rule->actions, ", "),
                          shown_name(facts.resource), fmt::join(outcome.rule->resources, ", "));
  } else {
    decision.details += fmt::format("default{} of '{}'", denied ? " deny" : "", policy.head->name);
    decision.why = nameless ? "the request names no model" : "no rule matches";
  }
  apply_head(*policy.head, decision);
  decisions.push_back(std::move(decision));
}

void Hearing::refuse(const Compiled& policy, const ListRefusal& refusal, const Unit& unit,
                     std::vector<Decision>& decisions) {
  Decision decision = decision_on(unit, *policy.head, ids_);
  decision.rule = refusal.code;
  decision.code = refusal.code;
  decision.verdict = Verdict::Block;
  decision.reason =
      refusal.code.starts_with("tool") ? Reason::UnknownTool : Reason::PolicyViolation;
  decision.details = refusal.text;
  decision.at = refusal.at;
  decision.why = refusal.why;
  apply_head(*policy.head, decision);
  decisions.push_back(std::move(decision));
}

// ---- Tools -------------------------------------------------------------------------------------

void Hearing::judge_definition(const Unit& unit, std::vector<Decision>& decisions) {
  const ToolActions actions("tool.define", unit.tool_name);
  const Facts facts{.subject = *subject_,
                    .action = actions.spellings[0],
                    .resource = actions.resource,
                    .unit = &unit};
  for (const Compiled* policy : in_force_) {
    if (const auto* lists = rules_of<ListRules>(*policy)) {
      if (const auto refusal = lists->judge_tool(unit.tool_name)) {
        refuse(*policy, *refusal, unit, decisions);
      }
    } else if (const auto* access = rules_of<AccessRules>(*policy)) {
      // Rules about arguments speak of calls, not of definitions.
      if (access->speaks_of_tools() &&
          !access->needs_arguments(actions.spellings, actions.resource)) {
        judge_access(*policy, actions.spellings, facts, unit, decisions);
      }
    }
  }
  if (pins_tools_ && !unit.digest.empty()) judge_pin(unit, decisions);
}

// The store is asked once, however many policies want to know.
void Hearing::judge_pin(const Unit& unit, std::vector<Decision>& decisions) {
  std::string principal(subject_->key);
  principal.append("\x1f").append(subject_->agent);
  const PinState state = pins_->look(principal, unit.tool_name, unit.digest);
  if (state != PinState::Changed && state != PinState::Full) return;
  const bool changed = state == PinState::Changed;
  bool kept = false;
  for (const Compiled* policy : in_force_) {
    const auto* pin = rules_of<const PinPolicy*>(*policy);
    if (pin == nullptr) continue;
    Decision decision = decision_on(unit, *policy->head, ids_);
    decision.rule = decision.code = changed ? "tool.changed" : "tool.unpinned";
    decision.verdict = changed ? (*pin)->on_change : Verdict::Log;
    decision.reason = Reason::UnknownTool;
    decision.details = fmt::format("Tool {} {}", shown_name(unit.tool_name),
                                   changed ? "is not what it was when this caller first defined it"
                                           : "cannot be pinned: this caller has too many tools");
    apply_head(*policy->head, decision);
    kept = kept || strictness(decision.verdict) >= strictness(Verdict::Confirm);
    decisions.push_back(std::move(decision));
  }
  // What is only noted is noted once; what is held or refused stays so.
  if (changed && !kept) pins_->accept(principal, unit.tool_name, unit.digest);
}

bool Hearing::call_needs_arguments(std::string_view tool) const {
  if (!wants_arguments_) return false;
  const ToolActions actions("tool.call", tool);
  return std::ranges::any_of(in_force_, [&](const Compiled* policy) {
    if (const auto* access = rules_of<AccessRules>(*policy)) {
      return access->speaks_of_tools() &&
             access->needs_arguments(actions.spellings, actions.resource);
    }
    if (const auto* lists = rules_of<ListRules>(*policy)) return lists->has_network();
    // A value may stand anywhere in them, and nothing of a refused call leaves.
    if (rules_of<FlowRules>(*policy) != nullptr) return !tainted_.empty();
    if (const auto* content = rules_of<ContentRules>(*policy)) {
      return judges_calls_of(*content, *policy->head);
    }
    return false;
  });
}

void Hearing::judge_call(const Unit& unit, bool complete, std::vector<Decision>& decisions) {
  const ToolActions actions("tool.call", unit.tool_name);
  Arguments arguments(unit.arguments);
  const Facts facts{.subject = *subject_,
                    .action = actions.spellings[0],
                    .resource = actions.resource,
                    .unit = &unit,
                    .arguments = complete ? &arguments : nullptr};
  for (const Compiled* policy : in_force_) {
    if (const auto* lists = rules_of<ListRules>(*policy)) {
      auto refusal = lists->judge_tool(unit.tool_name);
      if (!refusal && complete) refusal = lists->judge_arguments(arguments);
      if (refusal) refuse(*policy, *refusal, unit, decisions);
    } else if (const auto* access = rules_of<AccessRules>(*policy)) {
      if (!access->speaks_of_tools()) continue;
      if (!complete && access->needs_arguments(actions.spellings, actions.resource)) continue;
      judge_access(*policy, actions.spellings, facts, unit, decisions);
    }
  }
  if (complete) judge_content(unit, nullptr, decisions);
  judge_flow(unit, complete, decisions);
}

void Hearing::judge_flow(const Unit& unit, bool complete, std::vector<Decision>& decisions) {
  if (!follows_values_ || tainted_.empty()) return;
  Arguments arguments(unit.arguments);
  for (const Compiled* policy : in_force_) {
    const auto* flow = rules_of<FlowRules>(*policy);
    if (flow == nullptr) continue;
    const Hit* hit = flow->violated(unit, tainted_, complete ? &arguments : nullptr);
    if (hit == nullptr) continue;
    Decision decision = decision_on(unit, *policy->head, ids_);
    decision.rule = snapshot_->catalog().rule_name(hit->rule);
    decision.code = "data_flow";
    decision.verdict = std::get<FlowPolicy>(*policy->source).action;
    decision.reason = Reason::Leakage;
    decision.details = fmt::format("{} from a tool result may not be passed to tool '{}'",
                                   decision.rule, shown_name(unit.tool_name));
    decision.why = "the value stands first in a tool result of this conversation";
    apply_head(*policy->head, decision);
    decisions.push_back(std::move(decision));
  }
}

// ---- Texts -------------------------------------------------------------------------------------

void Hearing::judge_findings(const Unit& unit, std::vector<Decision>& decisions) {
  if (unit.hits.empty()) return;
  for (const Compiled* policy : in_force_) {
    if (policy->detectors == 0) continue;
    if (auto decision = detection_of(*policy, unit, ids_)) {
      decisions.push_back(std::move(*decision));
    }
  }
}

void Hearing::judge_content(const Unit& unit, const event::Usage* usage,
                            std::vector<Decision>& decisions) {
  const Surfaces surface = surface_of(unit.point, event::Part::Arguments);
  using Asked = ContentRules::Asked;
  const bool call = unit.point == Point::ToolCall;
  const bool answers = unit.phase == event::Phase::Response && !call;
  Arguments arguments(unit.arguments);
  const std::string_view text = call ? unit.arguments : unit.text;
  const Facts facts{.subject = *subject_,
                    .action = action_,
                    .resource = resource_,
                    .unit = &unit,
                    .arguments = call ? &arguments : nullptr,
                    .content = &text,
                    .usage = usage};
  const std::string_view turn = unit.turn_text;
  Facts facts_of_turn = facts;
  if (unit.point == Point::Prompt) facts_of_turn.content = &turn;
  for (const Compiled* policy : in_force_) {
    const auto* content = rules_of<ContentRules>(*policy);
    if (content == nullptr || (policy->head->on & surface) == 0) continue;
    const auto& source = std::get<ContentPolicy>(*policy->source);
    const bool asked_before = (policy->head->on & kPrompt) != 0;
    const bool result = unit.point == Point::ToolResult;
    const Asked asked = answers || (result && asked_before) ? Asked::OfAnswer
                        : call && asked_before              ? Asked::OfCall
                                                            : Asked::Everything;
    const Facts& seen = policy->head->scope == TurnScope::LatestTurn ? facts_of_turn : facts;
    for (const ContentRule* rule : content->violated(seen, asked, trace_)) {
      Decision decision = decision_on(unit, *policy->head, ids_);
      decision.rule = rule->id;
      decision.verdict = source.action;
      decision.reason = Reason::PolicyViolation;
      decision.violation = true;
      decision.severity = to_string(rule->severity);
      decision.details =
          rule->message.empty()
              ? fmt::format("Rule '{}' of policy '{}' is violated",
                            rule->name.empty() ? rule->id : rule->name, policy->head->name)
              : rule->message;
      decision.at = to_string(rule->origin);
      decision.why = "all conditions hold";
      apply_head(*policy->head, decision);
      decisions.push_back(std::move(decision));
    }
  }
}

// ---- Limits ------------------------------------------------------------------------------------

Decision Hearing::limit_decision(const limit::Refusal& refusal, event::Phase phase) const {
  const auto found = std::ranges::find_if(in_force_, [&](const Compiled* policy) {
    return rules_of<limit::LimitRule>(*policy) != nullptr && policy->head->id == refusal.rule;
  });
  static const Head kNobody;
  const Head& head = found == in_force_.end() ? kNobody : *(*found)->head;
  Decision decision =
      decision_on({.point = phase == event::Phase::Request ? Point::Prompt : Point::ModelOutput,
                   .phase = phase},
                  head, ids_);
  decision.rule = decision.code = refusal.code;
  decision.verdict = Verdict::Block;
  decision.reason = Reason::ExcessiveUsage;
  decision.details = refusal.message;
  decision.status = refusal.unavailable ? 503 : 429;
  apply_head(head, decision);
  return decision;
}

// ---- Failures ----------------------------------------------------------------------------------

OnError Hearing::on_error(detect::DetectorMask failed) const {
  detect::DetectorMask nobodys = failed;
  OnError strictest = OnError::Allow;
  for (const Compiled* policy : in_force_) {
    if ((policy->detectors & failed) == 0) continue;
    nobodys &= ~policy->detectors;
    strictest = std::min(strictest, policy->head->on_error.value_or(snapshot_->on_error()));
  }
  return nobodys == 0 ? strictest : std::min(strictest, snapshot_->on_error());
}

}  // namespace capsem::policy
