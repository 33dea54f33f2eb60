#include "core/codec/denial.h"

#include "core/base/ascii.h"

namespace capsem::codec {
namespace {

constexpr char kHex[] = "0123456789abcdef";

bool contains_ignoring_case(std::string_view text, std::string_view lower_word) {
  for (std::size_t i = 0; i + lower_word.size() <= text.size(); ++i) {
    std::size_t k = 0;
    while (k < lower_word.size() && ascii_lower(text[i + k]) == lower_word[k]) ++k;
    if (k == lower_word.size()) return true;
  }
  return false;
}

bool equals_ignoring_case(std::string_view text, std::string_view lower_word) {
  return text.size() == lower_word.size() && contains_ignoring_case(text, lower_word);
}

void append_member(std::string& out, std::string_view name, std::string_view text) {
  out.append(",\"").append(name).append("\":");
  append_json_string(out, text);
}

// What a policy's refusal has besides its message (R42, R43).
void append_run(std::string& out, const Refusal& refusal) {
  if (refusal.run_id.empty()) return;
  append_member(out, "run_id", refusal.run_id);
  if (refusal.review_id.empty()) {
    out += ",\"review_request_id\":null,\"poll_url\":null";
  } else {
    append_member(out, "review_request_id", refusal.review_id);
    append_member(out, "poll_url", "/v1/reviews/" + std::string(refusal.review_id));
  }
}

std::string_view google_status(int status) {
  switch (status) {
    case 400:
    case 413:
    case 415:
      return "INVALID_ARGUMENT";
    case 401:
      return "UNAUTHENTICATED";
    case 403:
      return "PERMISSION_DENIED";
    case 404:
      return "NOT_FOUND";
    case 405:
      return "UNIMPLEMENTED";
    case 429:
      return "RESOURCE_EXHAUSTED";
    case 504:
      return "DEADLINE_EXCEEDED";
    case 502:
    case 503:
      return "UNAVAILABLE";
    default:
      return status < 500 ? "FAILED_PRECONDITION" : "INTERNAL";
  }
}

// The error of an integration route: what comes before and behind it depends on the provider.
void append_integration_error(std::string& out, ErrorBody body, const Refusal& refusal) {
  const bool google = body == ErrorBody::GeminiIntegration;
  const bool anthropic = body == ErrorBody::AnthropicIntegration;
  if (anthropic) out += "\"type\":\"error\",";
  out += "\"error\":{";
  if (google) out.append("\"code\":").append(std::to_string(refusal.status)).append(",");
  out += "\"message\":";
  append_json_string(out, refusal.message);
  if (google) append_member(out, "status", google_status(refusal.status));
  append_member(out, "type", refusal.type);
  append_member(out, google ? "reason" : "code", refusal.code);
  if (!refusal.reason_code.empty()) append_member(out, "reason_code", refusal.reason_code);
  append_run(out, refusal);
  if (refusal.run_id.empty() && !refusal.request_id.empty() && !anthropic) {
    append_member(out, "request_id", refusal.request_id);
  }
  out += '}';
  if (anthropic && !refusal.request_id.empty()) {
    append_member(out, "request_id", refusal.request_id);
  }
}

void append_error_object(std::string& out, const Refusal& refusal) {
  out += "{\"message\":";
  append_json_string(out, refusal.message);
  out += ",\"type\":";
  append_json_string(out, refusal.type);
  out += ",\"param\":null,\"code\":";
  append_json_string(out, refusal.code);
  if (!refusal.reason_code.empty()) append_member(out, "reason_code", refusal.reason_code);
  append_run(out, refusal);
  out += '}';
}

void append_unicode_escape(std::string& out, unsigned code) {
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += kHex[(code >> shift) & 15];
}

// The line separators beyond ASCII: U+0085, U+2028, U+2029. Returns their length, or 0.
std::size_t separator_at(std::string_view text, std::size_t at, unsigned& code) {
  const std::string_view rest = text.substr(at);
  if (rest.starts_with("\xC2\x85")) {
    code = 0x85;
    return 2;
  }
  if (rest.starts_with("\xE2\x80\xA8") || rest.starts_with("\xE2\x80\xA9")) {
    code = rest[2] == '\xA8' ? 0x2028 : 0x2029;
    return 3;
  }
  return 0;
}

// Is this a version of OpenAI's Python client of 3.38 or later? Other texts are not.
bool shows_message_alone(std::string_view version) {
  unsigned parts[2] = {0, 0};
  std::size_t at = 0;
  for (unsigned& part : parts) {
    const std::size_t begin = at;
    for (; at < version.size() && at < begin + 6 && version[at] >= '0' && version[at] <= '9';
         ++at) {
      part = part * 10 + static_cast<unsigned>(version[at] - '0');
    }
    if (at == begin) return false;
    ++at;
  }
  return parts[0] > 3 || (parts[0] == 3 && parts[1] >= 38);
}

}  // namespace

ErrorBody resolve_error_body(ErrorBody setting, std::string_view stainless_lang,
                             std::string_view user_agent, std::string_view package_version) {
  if (setting != ErrorBody::Auto) return setting;
  if (equals_ignoring_case(stainless_lang, "js")) return ErrorBody::Unified;
  for (const std::string_view sdk : {"openai/js", "agents/javascript", "anthropic/js"}) {
    if (contains_ignoring_case(user_agent, sdk)) return ErrorBody::Unified;
  }
  const bool is_openai_python = contains_ignoring_case(user_agent, "openai/python") ||
                                contains_ignoring_case(user_agent, "agents/python");
  return is_openai_python && shows_message_alone(package_version) ? ErrorBody::Unified
                                                                  : ErrorBody::Detail;
}

std::string error_body(ErrorBody body, const Refusal& refusal) {
  std::string out = "{";
  const bool integration = body == ErrorBody::Integration || body == ErrorBody::GeminiIntegration ||
                           body == ErrorBody::AnthropicIntegration;
  if (integration) {
    append_integration_error(out, body, refusal);
    if (!refusal.explain.empty()) out.append(",\"explain\":").append(refusal.explain);
    return out += '}';
  }
  if (body != ErrorBody::OpenAi) {
    out += "\"detail\":";
    append_json_string(out, refusal.detail.empty() ? refusal.message : refusal.detail);
  }
  if (body != ErrorBody::Detail) {
    out += body == ErrorBody::OpenAi ? "\"error\":" : ",\"error\":";
    append_error_object(out, refusal);
  }
  if (!refusal.explain.empty()) out.append(",\"explain\":").append(refusal.explain);
  return out += '}';
}

std::string error_body(ErrorBody body, std::string_view message, std::string_view type,
                       std::string_view code) {
  return error_body(body, Refusal{.message = message, .type = type, .code = code});
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    unsigned code = 0;
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          append_unicode_escape(out, static_cast<unsigned char>(c));
        } else if (const std::size_t size = separator_at(text, i, code); size != 0) {
          append_unicode_escape(out, code);
          i += size - 1;
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

}  // namespace capsem::codec
