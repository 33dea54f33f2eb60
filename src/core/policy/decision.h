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
enum class Verdict : std::uint8_t { Allow, Log, Clarify, Replan, Confirm, Block };
std::string_view to_string(Verdict verdict);                 // "ALLOW", ...
std::optional<Verdict> verdict_from(std::string_view name);  // letter case ignored

// Allow 0 < Log, Clarify, Replan 2 < Confirm 4 < Block 5 (policy-format section 2's ranks).
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
};

// Texts that are judged and reported together (event::Text::unit).
struct Unit {
  event::Point point = event::Point::Prompt;
  event::Phase phase = event::Phase::Request;
  // Empty initialisers: so that designated ones may leave members out.
  std::string tool_name{};           // as the unit itself says it; empty: "unknown" in texts (R23)
  std::string tool_name_resolved{};  // through the call id in the same history (R23); for records
  std::vector<Hit> hits{};           // in the order found
};

// A value: owns what it holds, points into no request. Never holds matched text.
struct Decision {
  std::string id{};        // 12 hexadecimal digits (R31)
  std::string policy{};    // "Debug", "PIIDetection"
  std::string rule{};      // what within the policy decided: "capsem_block", "EMAIL_ADDRESS"
  std::string callback{};  // the original's hook: "on_model_call", "on_tool_call", ...
  Verdict verdict = Verdict::Allow;
  Reason reason = Reason::Safe;
  std::string details{};    // the text callers see after the prefix
  std::string tool_name{};  // of the tool concerned, resolved (R23); empty when there is none
  event::Point point = event::Point::Prompt;
  event::Phase phase = event::Phase::Request;
};

}  // namespace capsem::policy
