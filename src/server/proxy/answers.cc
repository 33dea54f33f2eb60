#include "server/proxy/answers.h"

#include <algorithm>

#include "server/http/writer.h"

namespace capsem::proxy {

codec::ErrorBody error_body_for(codec::ErrorBody setting, const http::RequestHead& head) {
  const std::string_view wanted = head.get("x-capsem-error-format");
  if (http::equals_ignoring_case(wanted, "capsem")) return codec::ErrorBody::Detail;
  if (http::equals_ignoring_case(wanted, "openai")) return codec::ErrorBody::OpenAi;
  if (http::equals_ignoring_case(wanted, "both")) return codec::ErrorBody::Unified;
  if (setting != codec::ErrorBody::Auto) return setting;
  return codec::resolve_error_body(setting, head.get("x-stainless-lang"),
                                   head.get(http::FieldId::user_agent),
                                   head.get("x-stainless-package-version"));
}

LocalAnswer error_answer(const ErrorStyle& style, int status, std::string_view message,
                         std::string_view type, std::string_view code) {
  LocalAnswer answer;
  answer.status = status;
  answer.body = codec::error_body(style.body, {.message = message,
                                               .type = type,
                                               .code = code,
                                               .status = status,
                                               .request_id = style.request_id});
  answer.code = code;
  return answer;
}

namespace {

bool of_integration(codec::ErrorBody body) {
  return body == codec::ErrorBody::Integration || body == codec::ErrorBody::GeminiIntegration ||
         body == codec::ErrorBody::AnthropicIntegration;
}

LocalAnswer unavailable(const ErrorStyle& style, std::string_view message, std::string_view code) {
  LocalAnswer answer = error_answer(style, 503, message, "server_error", code);
  answer.fields = "retry-after: 1\r\n";
  return answer;
}

// R42 and R43 count; a rule with a code of its own says more than that.
std::string integration_text(const engine::Denial& denial, std::size_t violations) {
  const bool held = denial.code == "approval_required";
  if (denial.status != 403 || (!held && denial.code != "request_blocked")) return denial.message;
  return (held ? "Request held for review. " : "Request blocked by policy. ") +
         std::to_string(violations) + " violation(s) detected.";
}

}  // namespace

std::size_t count_violations(std::span<const policy::Decision> decisions) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    const policy::Decision& decision = decisions[i];
    if (!decision.enforced ||
        policy::strictness(decision.verdict) < policy::strictness(policy::Verdict::Log)) {
      continue;
    }
    const bool again =
        std::ranges::any_of(decisions.first(i), [&decision](const policy::Decision& earlier) {
          return earlier.enforced && earlier.policy == decision.policy &&
                 earlier.rule == decision.rule;
        });
    if (!again) ++count;
  }
  return count;
}

LocalAnswer overloaded_answer(const ErrorStyle& style) {
  return unavailable(style, "Server overloaded, retry later", "overloaded");
}

LocalAnswer audit_answer(const ErrorStyle& style) {
  return unavailable(style, "The audit cannot be written, retry later", "audit_unavailable");
}

LocalAnswer draining_answer(const ErrorStyle& style) {
  LocalAnswer answer = unavailable(style, "The gateway is shutting down", "gateway_draining");
  answer.outcome = "drained";
  return answer;
}

LocalAnswer denial_answer(const ErrorStyle& style, const engine::Denial& denial,
                          const DenialTold& told) {
  LocalAnswer answer;
  answer.status = denial.status;
  const bool by_policy = denial.type == "policy_violation" || denial.status == 429;
  const std::string text =
      of_integration(style.body) ? integration_text(denial, told.violations) : denial.message;
  answer.body =
      codec::error_body(style.body, {.message = text,
                                     .detail = denial.detail,
                                     .type = denial.type,
                                     .code = denial.code,
                                     .run_id = by_policy ? told.run_id : std::string_view(),
                                     .review_id = told.review_id,
                                     .status = denial.status,
                                     .request_id = style.request_id,
                                     .reason_code = denial.reason_code,
                                     .explain = told.explain});
  answer.code = denial.code;
  if (denial.status == 403) answer.outcome = "blocked";
  if (denial.status == 429) answer.outcome = "limited";
  if (denial.status >= 500) {
    answer.outcome = denial.code == "limits_unavailable" ? "limited" : "upstream_error";
  }
  const bool says = denial.fields.find("x-should-retry") != std::string::npos;
  answer.fields = (says ? "" : "x-should-retry: false\r\n") + denial.fields;
  // Root routes have no place for it in their bodies (X7).
  if (!told.review_id.empty() && !of_integration(style.body)) {
    http::append_field(answer.fields, "x-capsem-review", told.review_id);
  }
  return answer;
}

LocalAnswer identity_answer(const ErrorStyle& style, const IdentityError& error) {
  const codec::ErrorBody shape = style.body;
  switch (error.kind) {
    case IdentityError::Kind::Malformed:
      return error_answer(style, of_integration(shape) ? 401 : 400,
                          "Invalid Authorization header format. Expected: Bearer <key>",
                          "invalid_request_error", "malformed_credentials");
    case IdentityError::Kind::Conflicting:
      return error_answer(style, 400, "Conflicting credentials in the request",
                          "invalid_request_error", "conflicting_credentials");
    case IdentityError::Kind::Missing:
      break;
  }
  if (of_integration(shape)) {
    return error_answer(style, 401, std::string(error.header) + ": a gateway key is required",
                        "authentication_error", "missing_credentials");
  }
  // R11: the original's validation error, a list where other errors have a text.
  LocalAnswer answer;
  answer.status = 422;
  answer.code = "missing_credentials";
  std::string detail = R"("detail":[{"type":"missing","loc":["header",")";
  detail.append(error.header).append(R"("],"msg":"Field required","input":null}])");
  const std::string object =
      codec::error_body(codec::ErrorBody::OpenAi, std::string(error.header) + ": Field required",
                        "invalid_request_error", answer.code);
  if (shape == codec::ErrorBody::OpenAi) {
    answer.body = object;
  } else if (shape == codec::ErrorBody::Unified) {
    answer.body = "{" + detail + "," + object.substr(1);
  } else {
    answer.body = "{" + detail + "}";
  }
  return answer;
}

LocalAnswer agent_refusal(const ErrorStyle& style, std::string_view agent) {
  std::string message = "Agent '";
  message.append(agent).append("' is not allowed for this key");
  LocalAnswer answer = error_answer(style, 403, message, "policy_violation", "agent_not_allowed");
  answer.fields = "x-should-retry: false\r\n";
  answer.outcome = "blocked";
  return answer;
}

void append_cors_fields(std::string& out, const http::RequestHead& head) {
  const std::string_view origin = head.get(http::FieldId::origin);
  if (origin.empty()) return;
  http::append_field(out, "access-control-allow-origin", origin);
  out.append(
      "access-control-allow-credentials: true\r\n"
      "access-control-expose-headers: x-request-id, x-capsem-explain, x-capsem-review, request-id, "
      "retry-after, "
      "retry-after-ms, "
      "x-should-retry, x-ratelimit-limit-requests, x-ratelimit-limit-tokens, "
      "x-ratelimit-remaining-requests, x-ratelimit-remaining-tokens, x-ratelimit-reset-requests, "
      "x-ratelimit-reset-tokens\r\n"
      "vary: Origin\r\n");
}

LocalAnswer options_answer(const http::RequestHead& head) {
  LocalAnswer answer;
  answer.status = 200;
  answer.outcome = "complete";
  const std::string_view method = head.get(http::FieldId::access_control_request_method);
  if (!head.has(http::FieldId::origin) || method.empty()) {
    answer.body = R"({"status":"ok"})";
    return answer;
  }
  answer.body = "OK";
  answer.type = "text/plain; charset=utf-8";
  answer.fields =
      "access-control-allow-methods: DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT\r\n"
      "access-control-max-age: 600\r\n";
  const std::string_view wanted = head.get(http::FieldId::access_control_request_headers);
  if (!wanted.empty()) http::append_field(answer.fields, "access-control-allow-headers", wanted);
  return answer;
}

bool asks_to_explain(const http::RequestHead& head) {
  return head.get("x-capsem-explain") == "1";
}

std::string make_run_id(IdSource& ids, std::int64_t wall_ms) {
  constexpr std::size_t kTimeDigits = 12;
  constexpr char kHex[] = "0123456789abcdef";
  std::string id = ids.hex(32);
  auto time = static_cast<std::uint64_t>(wall_ms);
  for (std::size_t i = kTimeDigits; i-- > 0; time >>= 4) id[i] = kHex[time & 15];
  id[12] = '7';                                              // version
  id[16] = "89ab"[static_cast<unsigned char>(id[16]) & 3U];  // variant
  for (const std::size_t dash : {20U, 16U, 12U, 8U}) id.insert(dash, 1, '-');
  return id;
}

std::string request_id_for(const http::RequestHead& head, IdSource& ids) {
  const std::string_view sent = head.get("x-request-id");
  return usable_request_id(sent) ? std::string(sent) : "req_" + ids.hex(24);
}

bool usable_request_id(std::string_view id) {
  if (id.empty() || id.size() > 128) return false;
  for (const char c : id) {
    const bool fine = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      c == '-' || c == '_' || c == '.' || c == ':';
    if (!fine) return false;
  }
  return true;
}

}  // namespace capsem::proxy
