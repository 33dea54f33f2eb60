#include "core/policy/policy_file_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/policy/native_file.h"
#include "core/policy/native_keys.h"
#include "core/policy/toml_source.h"

namespace capsem::policy {
namespace {

constexpr std::array<std::string_view, 7> kVerdictNames = {"ALLOW",  "LOG",     "CLARIFY", "REPLAN",
                                                           "REDACT", "CONFIRM", "BLOCK"};

}  // namespace

std::optional<bool> read_bool(Reporter& report, const SourceMember& member) {
  const auto value = member.value.as_bool();
  if (!value) {
    report.error("E03", member.value.place, fmt::format("'{}' must be true or false", member.key));
  }
  return value;
}

std::optional<float> read_threshold(Reporter& report, const SourceMember& member) {
  const auto number = member.value.as_number();
  if (number && *number >= 0 && *number <= 1) return static_cast<float>(*number);
  report.error("E03", member.value.place,
               fmt::format("'{}' must be a number from 0 to 1", member.key));
  return std::nullopt;
}

std::optional<Verdict> read_file_verdict(Reporter& report, const SourceMember& member) {
  const Place place = member.value.place;
  const auto name = member.value.as_string();
  if (!name) {
    report.error("E03", place, fmt::format("the verdict of {} must be a string", member.key));
    return std::nullopt;
  }
  const auto verdict = verdict_from(*name);
  if (!verdict) {
    report.error("E03", place,
                 fmt::format("Unknown verdict: {}{}", *name, suggestion(*name, kVerdictNames)));
    return std::nullopt;
  }
  if (*verdict == Verdict::Clarify || *verdict == Verdict::Replan) {
    report.warn(
        "W05", place,
        fmt::format("{} is recorded like LOG and has no other effect", to_string(*verdict)));
  }
  return verdict;
}

bool RedactionKeys::read(const SourceMember& member) {
  if (member.key == "restore") {
    restore_place_ = member.value.place;
    redaction_.restore = read_bool(report_, member).value_or(false);
    return true;
  }
  if (member.key != "redaction") return false;
  const auto word = std::ranges::find(kRedactionWords, member.value.as_string().value_or(""));
  if (word == kRedactionWords.end()) {
    report_.error("E03", member.value.place, "'redaction' must be mask, hash or placeholder");
  } else {
    redaction_.style = static_cast<RedactionStyle>(word - kRedactionWords.begin());
  }
  return true;
}

void RedactionKeys::check() const {
  check_redaction(report_, redaction_, restore_place_);
}

Surfaces surface_of_switch(std::string_view key) {
  if (key == "check_prompts") return kPrompt;
  if (key == "check_tool_definitions") return kToolDefinition;
  if (key == "check_tool_args") return kToolArgs;
  if (key == "check_responses") return kResponse;
  if (key == "check_tool_responses") return kToolResult;
  return 0;
}

}  // namespace capsem::policy
