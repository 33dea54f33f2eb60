// A refusal before the first answer byte, in the shape its caller can show (X1, wire-formats
// section 8): root routes answer {"detail": M}, JavaScript SDKs, which hide that, get
// {"detail": M, "error": {...}}, integration routes the OpenAI error object alone.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace capsem::codec {

enum class ErrorBody : std::uint8_t {
  Auto,     // by caller: Detail, or Unified for JavaScript SDKs
  Detail,   // {"detail": M}
  Unified,  // {"detail": M, "error": {"message","type","param","code"}}
  OpenAi,   // {"error": {...}} alone
  // Of integration routes, in the words of each provider's own errors: R42's object, and the same
  // said as Google's and as Anthropic's clients read it.
  Integration,
  GeminiIntegration,
  AnthropicIntegration,
};

// Resolves Auto from the request's x-stainless-lang, user-agent and x-stainless-package-version
// headers (empty when absent). OpenAI's Python client shows the whole body up to 3.37; from 3.38 on
// it shows a `message` alone, so that {"detail": M} by itself would lose the reason.
ErrorBody resolve_error_body(ErrorBody setting, std::string_view stainless_lang,
                             std::string_view user_agent, std::string_view package_version = {});

// What a refusal says. Views; an empty one is left out of the body.
struct Refusal {
  std::string_view message{};  // of the error object
  std::string_view detail{};   // of {"detail"}; empty: the message (R56)
  std::string_view type{};     // "policy_violation"
  std::string_view code{};     // "request_blocked"
  // The policies' answer to one request (R42): the error object then has review_request_id and
  // poll_url too, both null. `{"detail"}` alone never has more than its one key for it (R19).
  std::string_view run_id{};
  // The review it waits for (R43): review_request_id and poll_url are not null then.
  std::string_view review_id{};
  // Of integration routes: the status once more where the provider's errors have it, and the
  // request's id in errors that are no policy's.
  int status = 403;
  std::string_view request_id{};
  std::string_view reason_code{};  // "RULE_MATCH", "NO_RULE_MATCH" (R73)
  // A JSON text, not escaped here: the member "explain" beside `detail` and `error`, in every
  // shape, since only a caller who asked for it gets it.
  std::string_view explain{};
};

// The JSON body. `body` must not be Auto.
std::string error_body(ErrorBody body, const Refusal& refusal);
std::string error_body(ErrorBody body, std::string_view message, std::string_view type,
                       std::string_view code);

// `text` as a JSON string literal, quotes included, appended to `out`. Escapes what RFC 8259
// demands, and the line separators that google-genai's Python client splits lines at.
void append_json_string(std::string& out, std::string_view text);

}  // namespace capsem::codec
