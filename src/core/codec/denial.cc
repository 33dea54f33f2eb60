#include "core/codec/denial.h"

namespace capsem::codec {
namespace {

constexpr char kHex[] = "0123456789abcdef";

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool contains_ignoring_case(std::string_view text, std::string_view lower_word) {
  for (std::size_t i = 0; i + lower_word.size() <= text.size(); ++i) {
    std::size_t k = 0;
    while (k < lower_word.size() && lower(text[i + k]) == lower_word[k]) ++k;
    if (k == lower_word.size()) return true;
  }
  return false;
}

bool equals_ignoring_case(std::string_view text, std::string_view lower_word) {
  return text.size() == lower_word.size() && contains_ignoring_case(text, lower_word);
}

void append_error_object(std::string& out, const Refusal& refusal) {
  out += "{\"message\":";
  append_json_string(out, refusal.message);
  out += ",\"type\":";
  append_json_string(out, refusal.type);
  out += ",\"param\":null,\"code\":";
  append_json_string(out, refusal.code);
  if (!refusal.reason_code.empty()) {
    out += ",\"reason_code\":";
    append_json_string(out, refusal.reason_code);
  }
  if (!refusal.run_id.empty()) {
    out += ",\"run_id\":";
    append_json_string(out, refusal.run_id);
    out += ",\"review_request_id\":null,\"poll_url\":null";
  }
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
