#include "core/policy/decision.h"

#include <algorithm>
#include <array>

namespace capsem::policy {
namespace {

struct VerdictRow {
  std::string_view name;
  int strictness;
};
constexpr std::array<VerdictRow, kVerdictCount> kVerdicts = {{
    {"ALLOW", 0},
    {"MONITOR", 1},
    {"LOG", 2},
    {"CLARIFY", 2},
    {"REPLAN", 2},
    {"REDACT", 3},
    {"CONFIRM", 4},
    {"BLOCK", 5},
}};

constexpr std::array<std::string_view, 10> kReasons = {
    "safe",
    "policy_violation",
    "sensitive_data",
    "high_risk_action",
    "unknown_tool",
    "excessive_usage",
    "prompt_injection",
    "leakage",
    "malicious_behavior",
    "unsafe_content",
};

constexpr char upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  return kVerdicts[static_cast<std::size_t>(verdict)].name;
}

std::optional<Verdict> verdict_from(std::string_view name) {
  for (std::size_t i = 0; i < kVerdicts.size(); ++i) {
    if (std::ranges::equal(name, kVerdicts[i].name, {}, upper)) return static_cast<Verdict>(i);
  }
  return std::nullopt;
}

int strictness(Verdict verdict) {
  return kVerdicts[static_cast<std::size_t>(verdict)].strictness;
}

std::string_view to_string(Reason reason) {
  return kReasons[static_cast<std::size_t>(reason)];
}

}  // namespace capsem::policy
