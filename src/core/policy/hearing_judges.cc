// What judge services say, as decisions.
#include <fmt/format.h>

#include <algorithm>

#include "core/policy/hearing.h"
#include "core/policy/judge_desk.h"
#include "core/policy/shape.h"

namespace capsem::policy {
namespace {

using event::Point;

// What tools give back inside an answer is not asked about: a stream would have to wait for it.
bool is_asked_about(const Unit& unit) {
  return unit.phase == event::Phase::Request || unit.point != Point::ToolResult;
}

std::string judged_place(const Unit& unit) {
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

// Its text as the policy wants to have it judged.
std::string_view judged_text(const JudgePolicy& policy, const Unit& unit) {
  if (unit.point == Point::ToolCall) return unit.arguments;
  const bool turn = unit.point == Point::Prompt && policy.head.scope == TurnScope::LatestTurn;
  return turn ? unit.turn_text : unit.text;
}

}  // namespace

void Hearing::force_judge(const JudgePolicy& policy) {
  const Head& head = policy.head;
  judges_.push_back(&policy);
  if ((head.on & kPrompt) != 0) {
    wants_prompt_text_ = true;
    wants_turn_text_ |= head.scope == TurnScope::LatestTurn;
  }
  if ((head.on & kToolResult) != 0) wants_result_text_ = true;
  if ((head.on & kToolArgs) != 0) judges_calls_ = wants_arguments_ = judges_answers_ = true;
  if ((head.on & kResponse) != 0) judges_answers_ = wants_answer_text_ = true;
  if ((head.on & (kToolArgs | kResponse)) != 0) needs_whole_answer_ |= can_forbid(head);
}

void Hearing::ask_judge(const JudgePolicy& policy, const Unit& unit, std::uint64_t question,
                        JudgeDesk* desk, JudgeRound& round) const {
  const Head& head = policy.head;
  const std::string_view text = judged_text(policy, unit);
  if (text.empty() || !is_asked_about(unit)) return;
  if ((head.on & surface_of(unit.point, event::Part::Arguments)) == 0) return;
  static const JudgeAnswer kNobody;
  const JudgeAnswer* answer =
      desk == nullptr
          ? &kNobody
          : desk->ask({.id = question, .policy = &policy, .point = unit.point, .text = text});
  if (answer == nullptr) {
    round.waiting = true;
  } else if (!answer->answered) {
    // What is not enforced refuses nothing by its failure either.
    const bool acts = head.mode == Mode::Enforce &&
                      (unit.phase == event::Phase::Request || head.output == Output::Block);
    const OnError wanted = acts ? head.on_error.value_or(snapshot_->on_error()) : OnError::Allow;
    round.failed = std::min(round.failed.value_or(OnError::Allow), wanted);
  } else if (answer->score >= policy.threshold && policy.action != Verdict::Allow) {
    Decision decision = decision_on(unit, head, ids_);
    decision.rule = answer->label.empty() ? "score" : clean_name(shown_name(answer->label));
    decision.verdict = policy.action;
    decision.reason = Reason::PolicyViolation;
    decision.details = fmt::format("Judged in {}: {}(score={:.2f}, action={})", judged_place(unit),
                                   decision.rule, answer->score, to_string(policy.action));
    apply_head(head, decision);
    round.decisions.push_back(std::move(decision));
  }
}

}  // namespace capsem::policy
