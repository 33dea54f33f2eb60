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
};

// Resolves Auto from the request's x-stainless-lang, user-agent and x-stainless-package-version
// headers (empty when absent). OpenAI's Python client shows the whole body up to 3.37; from 3.38 on
// it shows a `message` alone, so that {"detail": M} by itself would lose the reason.
ErrorBody resolve_error_body(ErrorBody setting, std::string_view stainless_lang,
                             std::string_view user_agent, std::string_view package_version = {});

// The JSON body. `body` must not be Auto. `type` e.g. "policy_violation", `code` e.g.
// "request_blocked".
std::string error_body(ErrorBody body, std::string_view message, std::string_view type,
                       std::string_view code);

// `text` as a JSON string literal, quotes included, appended to `out`. Escapes what RFC 8259
// demands, and the line separators that google-genai's Python client splits lines at.
void append_json_string(std::string& out, std::string_view text);

}  // namespace capsem::codec
