// What a policy said of one unit, and what it looked at to say so.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/detect/detector.h"
#include "core/event/event.h"

namespace capsem::policy {

// R31. The order of strictness is strictness(), not the order here.
enum class Verdict : std::uint8_t { Allow, Monitor, Log, Clarify, Replan, Redact, Confirm, Block };
inline constexpr std::size_t kVerdictCount = 8;
std::string_view to_string(Verdict verdict);                 // "ALLOW", ...
std::optional<Verdict> verdict_from(std::string_view name);  // letter case ignored

// Allow 0 < Monitor 1 < Log, Clarify, Replan 2 < Redact 3 < Confirm 4 < Block 5.
int strictness(Verdict verdict);

enum class Reason : std::uint8_t {
  Safe,
  PolicyViolation,
  SensitiveData,
  HighRiskAction,
  UnknownTool,
  ExcessiveUsage,
  PromptInjection,
  Leakage,
  MaliciousBehavior,
  UnsafeContent,
};
std::string_view to_string(Reason reason);  // "safe", "policy_violation", ...

// One detector's finding in one text of a unit. Carries no matched text.
struct Hit {
  detect::RuleId rule = 0;
  float score = 0;
  std::uint32_t order = 0;           // texts of a unit are numbered as they come
  std::uint64_t begin = 0, end = 0;  // in that text's lane
  event::Part part = event::Part::Text;
  std::uint16_t field = 0;  // index into the codec's fields
  bool repeat = false;      // in a text that repeats another of the same unit
  bool fixed = false;       // nothing can be put in its place: a name, what was decoded
  // The element of the conversation it stands in; event::kNoMessage: outside of it.
  std::uint32_t message = ~std::uint32_t{0};
  std::uint32_t place = 0;  // texts of a phase are numbered as they come
  // A digest of the matched value, spelling aside, under a key of this process; 0: not wanted.
  std::uint64_t value = 0;
};

// Texts that are judged and reported together (event::Text::unit).
struct Unit {
  event::Point point = event::Point::Prompt;
  event::Phase phase = event::Phase::Request;
  // Empty initialisers: so that designated ones may leave members out.
  std::string tool_name{};           // as the unit itself says it; empty: "unknown" in texts (R23)
  std::string tool_name_resolved{};  // through the call id in the same history (R23); for records
  std::vector<Hit> hits{};           // in the order found
  // Messages from here on are the latest turn: what came in since the model last spoke.
  std::uint32_t turn_begin = 0;
  // Kept only where some policy wants them: the arguments' JSON text of a call, the text of a
  // prompt or an answer, the digest of a definition.
  std::string arguments{}, text{}, digest{};
  std::string turn_text{};  // what of a prompt's `text` is of the latest turn
};

// A value: owns what it holds, points into no request. Never holds matched text.
struct Decision {
  std::string id{};        // 12 hexadecimal digits (R31)
  std::string policy{};    // "Debug", "PIIDetection"
  std::string rule{};      // what within the policy decided: "capsem_block", "EMAIL_ADDRESS"
  std::string callback{};  // the original's hook: "on_model_call", "on_tool_call", ...
  Verdict verdict = Verdict::Allow;
  Reason reason = Reason::Safe;
  std::string details{};  // the text callers see after the prefix
  std::string code{};     // for machines: "model_blocked", "tool.blocked"; empty: request_blocked
  std::string reason_code{};  // of access rules: RULE_MATCH, NO_RULE_MATCH (R73)
  int status = 403;           // of the refusal: 429 for limits (X8)
  std::string at{};           // where the rule stands: "policy.toml:43:3"; empty: nowhere
  std::string why{};  // "first match; action llm.generate ~ *; resource model/gpt-4 ~ model/*"
  // False: recorded and never enforced, because the policy is in shadow mode (`shadow`), or because
  // it judges answers for the record alone (output = "log", X3).
  bool enforced = true;
  bool shadow = false;
  bool granted = false;    // a Confirm that a person has released: recorded, and no longer enforced
  bool violation = false;  // of a content rule: counted in what callers are told (R42)
  std::string severity{};  // "HIGH"; of content rules
  std::string tool_name{};  // of the tool concerned, resolved (R23); empty when there is none
  event::Point point = event::Point::Prompt;
  event::Phase phase = event::Phase::Request;
};

}  // namespace capsem::policy
