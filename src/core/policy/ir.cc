#include "core/policy/ir.h"

#include <fmt/format.h>

#include <array>

namespace capsem::policy {

std::string to_string(const Origin& origin) {
  return fmt::format("{}:{}:{}", origin.file, origin.line, origin.column);
}

Surfaces surface_named(std::string_view word) {
  struct Row {
    std::string_view word;
    Surfaces surface;
  };
  constexpr Row kRows[] = {
      {"prompt", kPrompt},      {"tool_name", kToolName},     {"tool_definition", kToolDefinition},
      {"tool_args", kToolArgs}, {"tool_result", kToolResult}, {"response", kResponse},
  };
  for (const Row& row : kRows) {
    if (row.word == word) return row.surface;
  }
  return 0;
}

Surfaces surface_of(event::Point point, event::Part part) {
  const bool name = part == event::Part::ToolName;
  switch (point) {
    case event::Point::Prompt:
      return kPrompt;
    case event::Point::ToolDefinition:
      return name ? kToolName : kToolDefinition;
    case event::Point::ToolCall:
      return name ? kToolName : kToolArgs;
    case event::Point::ToolResult:
      return name ? kToolName : kToolResult;
    case event::Point::ModelOutput:
    case event::Point::Thought:
      break;
  }
  return kResponse;
}

bool PiiPolicy::name(std::string_view word, Verdict verdict) {
  const auto type = detect::entity_type(word);
  const auto types = type ? detect::TypeMask(*type) : detect::entity_group(word);
  if (!types) return false;
  const std::uint8_t closeness = type ? 4 : word == "default" ? 1 : word == "eu" ? 2 : 3;
  for (std::size_t i = 0; i < entities.size(); ++i) {
    if (!types->has(static_cast<detect::EntityType>(i)) || entities[i].closeness > closeness) {
      continue;
    }
    entities[i] = {.configured = true, .verdict = verdict, .closeness = closeness};
  }
  return true;
}

std::span<const std::string_view> entity_words() {
  static const auto kWords = [] {
    std::vector<std::string_view> words(detect::kEntityNames.begin(), detect::kEntityNames.end());
    words.insert(words.end(), detect::kEntityGroupNames.begin(), detect::kEntityGroupNames.end());
    return words;
  }();
  return kWords;
}

void KindsPolicy::name(std::string_view word, Verdict verdict) {
  if (word == kOtherwiseWord) {
    otherwise = verdict;
  } else {
    named.push_back({std::string(word), verdict});
  }
}

KindsPolicy secrets_policy() {
  return {.head = {.id = "secrets", .name = "SecretDetection", .on = kTextSurfaces},
          .family = KindFamily::Secrets,
          .named = {}};
}

KindsPolicy injection_policy() {
  return {.head = {.id = "injection", .name = "PromptInjection", .on = kTextSurfaces},
          .family = KindFamily::Injection,
          .named = {}};
}

std::string_view to_string(Severity severity) {
  constexpr std::array<std::string_view, 4> kNames = {"LOW", "MEDIUM", "HIGH", "CRITICAL"};
  return kNames[static_cast<std::size_t>(severity)];
}

const Head& head_of(const Policy& policy) {
  return std::visit([](const auto& p) -> const Head& { return p.head; }, policy);
}

Head& head_of(Policy& policy) {
  return std::visit([](auto& p) -> Head& { return p.head; }, policy);
}

std::string_view type_of(const Policy& policy) {
  if (const auto* kinds = std::get_if<KindsPolicy>(&policy)) {
    return kinds->family == KindFamily::Secrets ? "secrets" : "injection";
  }
  constexpr std::array<std::string_view, std::variant_size_v<Policy> - 1> kTypes = {
      "keyword", "pii", "access", "lists", "limit", "content", "pins", "flow", "own_keys", "judge"};
  return kTypes[policy.index()];
}

}  // namespace capsem::policy
