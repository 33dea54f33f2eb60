#include "core/engine/verdict.h"

namespace capsem::engine {

Denial denial_of(const policy::Decision& decision, std::string_view tool_prefix) {
  if (decision.verdict == policy::Verdict::Confirm) {
    return {403, "Request held for review: " + decision.details, "policy_violation",
            "approval_required"};
  }
  const bool definition =
      decision.point == event::Point::ToolDefinition && decision.phase == event::Phase::Request;
  return {403, std::string(definition ? tool_prefix : kBlockedPrefix) + decision.details,
          "policy_violation", "request_blocked"};
}

Denial denial_of(const Error& error, event::Phase phase) {
  if (error.code == "invalid_json" && phase == event::Phase::Request) {
    return {400, "Invalid JSON in request body: " + error.detail, "invalid_request_error",
            error.code};
  }
  if (error.code == "body_too_large") {
    return {413, "Request body too large: " + error.detail, "invalid_request_error", error.code};
  }
  switch (error.fault) {
    case Fault::Client:
      return {400, "Invalid request: " + error.detail, "invalid_request_error", error.code};
    case Fault::Upstream:
      return {502, "Invalid response from provider", "server_error", error.code};
    case Fault::Gateway:
      break;
  }
  return {403, std::string(kBlockedPrefix) + "inspection failed", "policy_violation",
          "inspection_failed"};
}

}  // namespace capsem::engine
