// One exchange before one snapshot: which policies are in force for whom it concerns, and what each
// says of the request's subject, its tools, its texts and its answer.
//
// Order of calls: open(), then anything, as often as there is something to judge. Belongs to one
// exchange; not thread-safe. The subject and everything it views outlive the hearing.
//
// Every policy in force is always asked (X9); decisions are appended in the order of the policies.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/random.h"
#include "core/event/event.h"
#include "core/limit/ledger.h"
#include "core/policy/decision.h"
#include "core/policy/explain.h"
#include "core/policy/pins.h"
#include "core/policy/snapshot.h"
#include "core/policy/subject.h"

namespace capsem::policy {

// A verdict of a policy with this head can keep an answer from leaving.
bool can_forbid(const Head& head);

class JudgeDesk;

// What came of asking judge services about the texts of one phase.
struct JudgeRound {
  bool waiting = false;  // some answer is not known yet: the rest is to be ignored
  std::vector<Decision> decisions;
  std::optional<OnError> failed;  // the strictest wish of those that had no answer
};

class Hearing {
 public:
  // `pins` may be nullptr: pin policies then say nothing.
  Hearing(std::shared_ptr<const Snapshot> snapshot, IdSource& ids, PinStore* pins = nullptr);

  // From here on the policies bound to this subject are in force. With a trace, what access and
  // content rules considered is noted.
  void open(const Subject& subject, Trace* trace = nullptr);
  bool opened() const { return subject_ != nullptr; }
  const Subject& subject() const { return *subject_; }
  const Snapshot& snapshot() const { return *snapshot_; }

  // Some policy of a file is in force: an integration that none is bound to is judged by what is
  // made of its keys and quotas alone.
  bool judged_by_files() const { return judged_by_files_; }

  // ---- What has to be looked at and kept ----

  // The detectors whose findings a policy in force uses at this point.
  detect::DetectorMask detectors_at(event::Point point) const {
    return masks_[static_cast<std::size_t>(point)];
  }
  // Some policy in force looks at answers at all.
  bool judges_answers() const { return judges_answers_; }
  // A finding at this point of an answer can forbid it: what stands there must wait until it is
  // decided. False: it may leave at once, and is judged for the record (X3).
  bool holds_answers_at(event::Point point) const {
    return (holds_ >> static_cast<unsigned>(point) & 1) != 0;
  }
  // Some finding in a request, or in an answer, may have to be redacted.
  bool redacts(event::Phase phase) const {
    return phase == event::Phase::Request ? redacts_requests_ : redacts_answers_;
  }
  // Redacted values have to be told apart: findings need their digests.
  bool names_values() const { return names_values_; }
  // What has to be put in the place of this hit of the unit, by the first policy that says so.
  std::optional<RedactionOrder> redaction_of(const Unit& unit, const Hit& hit) const;
  // Returned tool calls are judged by more than their texts.
  bool judges_calls() const { return judges_calls_; }
  // Some policy needs the arguments of some call as a whole.
  bool wants_arguments() const { return wants_arguments_; }
  bool call_needs_arguments(std::string_view tool) const;
  // Texts are kept whole for content policies.
  bool judges_content() const { return judges_content_; }
  bool wants_prompt_text() const { return wants_prompt_text_; }
  bool wants_turn_text() const { return wants_turn_text_; }  // Unit::turn_text
  bool wants_answer_text() const { return wants_answer_text_; }
  bool wants_result_text() const { return wants_result_text_; }
  // A policy that may forbid an answer needs all of it: the answer is kept back until its end.
  bool needs_whole_answer() const { return needs_whole_answer_; }
  bool pins_tools() const { return pins_tools_; }
  bool follows_values() const { return follows_values_; }
  // R84: a refused returned call is replaced by a text.
  bool replaces_calls() const { return replaces_calls_; }

  // The limits that apply, in their order; and those that would, were they enforced.
  std::span<const limit::LimitRule* const> limits() const { return limits_; }
  std::span<const limit::LimitRule* const> shadow_limits() const { return shadow_limits_; }
  // The decision that a limit refuses the request, or (`phase` Response) its answer.
  Decision limit_decision(const limit::Refusal& refusal, event::Phase phase) const;

  // ---- Judging ----

  // Model, action and the provider's host; before any text is read.
  void judge_subject(std::vector<Decision>& decisions);
  // One tool that the request defines: its name, its definition's digest.
  void judge_definition(const Unit& unit, std::vector<Decision>& decisions);
  // One call that the answer makes. `complete`: the unit's arguments are whole; without it only
  // what the name decides is judged.
  void judge_call(const Unit& unit, bool complete, std::vector<Decision>& decisions);
  // The findings of detectors in one unit.
  void judge_findings(const Unit& unit, std::vector<Decision>& decisions);
  // Content policies: the whole prompt (once per request), other texts, and the answer (`usage`
  // may be nullptr).
  void judge_content(const Unit& unit, const event::Usage* usage, std::vector<Decision>& decisions);

  // Values of the request's tool results that must not leave: learned once, before calls.
  void learn_values(std::vector<Tainted::Sighting> sightings) {
    tainted_.learn(std::move(sightings));
  }
  // Flow policies about a call, of the history or of the answer.
  void judge_flow(const Unit& unit, bool complete, std::vector<Decision>& decisions);

  // The judge services in force; what one says of a unit goes into `round`. Without a desk none
  // answers. Views of the unit are read during the call.
  std::span<const JudgePolicy* const> judges() const { return judges_; }
  void ask_judge(const JudgePolicy& policy, const Unit& unit, std::uint64_t question,
                 JudgeDesk* desk, JudgeRound& round) const;

  // What the policies that use these detectors want done when one of them fails.
  OnError on_error(detect::DetectorMask failed) const;

 private:
  void judge_access(const Compiled& policy, std::span<const std::string_view> actions,
                    const Facts& facts, const Unit& unit, std::vector<Decision>& decisions);
  // The state of a definition's pin, and what the pin policies in force say of it.
  void judge_pin(const Unit& unit, std::vector<Decision>& decisions);
  void refuse(const Compiled& policy, const ListRefusal& refusal, const Unit& unit,
              std::vector<Decision>& decisions);
  void take_force(const Compiled& policy);
  void force_redaction(const Compiled& policy);
  void force_content(const ContentRules& rules, const Head& head);
  void force_judge(const JudgePolicy& policy);
  template <class Rules>
  static const Rules* rules_of(const Compiled& policy) {
    return std::get_if<Rules>(&policy.rules);
  }

  const std::shared_ptr<const Snapshot> snapshot_;
  IdSource& ids_;
  PinStore* const pins_;
  const Subject* subject_ = nullptr;
  std::string action_, resource_;  // of the subject, canonical and never empty
  Trace* trace_ = nullptr;

  std::vector<const Compiled*> in_force_;
  std::vector<const limit::LimitRule*> limits_, shadow_limits_;
  std::vector<const JudgePolicy*> judges_;
  std::array<detect::DetectorMask, event::kPointCount> masks_{};
  std::uint32_t holds_ = 0;
  bool judged_by_files_ = false, judges_content_ = false, judges_answers_ = false,
       judges_calls_ = false, wants_arguments_ = false, wants_prompt_text_ = false,
       wants_turn_text_ = false, wants_answer_text_ = false, wants_result_text_ = false,
       needs_whole_answer_ = false, pins_tools_ = false, follows_values_ = false,
       replaces_calls_ = false, redacts_requests_ = false, redacts_answers_ = false,
       names_values_ = false;
  Tainted tainted_;
};

}  // namespace capsem::policy
