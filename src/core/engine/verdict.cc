#include "core/engine/verdict.h"

namespace capsem::engine {

Denial denial_of(const policy::Decision& decision, std::string_view tool_prefix) {
  Denial denial{.status = decision.status,
                .message = decision.details,
                .type = decision.status == 429 ? "rate_limit_error" : "policy_violation",
                .code = decision.code.empty() ? "request_blocked" : decision.code,
                .reason_code = decision.reason_code};
  const bool held = decision.verdict == policy::Verdict::Confirm;
  const bool definition =
      decision.point == event::Point::ToolDefinition && decision.phase == event::Phase::Request;
  const std::string_view prefix = held         ? std::string_view("Request held for review: ")
                                  : definition ? tool_prefix
                                               : kBlockedPrefix;
  if (decision.code.empty()) {
    // The original's texts are one and the same in every shape.
    denial.message = std::string(prefix) + decision.details;
  } else {
    // R56: a rule's own code and text.
    denial.detail = std::string(prefix) + "[" +
                    (denial.reason_code.empty() ? decision.code : denial.reason_code) + "] " +
                    decision.details;
  }
  if (held) denial.code = "approval_required";
  return denial;
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
