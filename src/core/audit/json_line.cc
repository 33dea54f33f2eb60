#include "core/audit/json_line.h"

#include <fmt/format.h>

#include <iterator>

namespace capsem::audit {
namespace {

constexpr char32_t kBad = 0xFFFD;

struct Decoded {
  char32_t code = kBad;
  std::size_t size = 1;  // bytes taken
};

// One character of UTF-8 (RFC 3629: shortest form, no surrogates, up to U+10FFFF).
Decoded decode(std::string_view text) {
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < size) return {};
  char32_t code = lead & (0x7Fu >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3Fu);
  }
  constexpr char32_t kShortest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < kShortest[size] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return {};
  return {code, size};
}

// Printable ASCII that JSON takes as it is: nearly all of nearly every text.
bool is_plain(char c) {
  return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

bool must_escape(char32_t code) {
  return code < 0x20 || code == '"' || code == '\\' || (code >= 0x7F && code < 0xA0) ||
         code == 0x2028 || code == 0x2029 || code == 0x200E || code == 0x200F || code == 0x061C ||
         (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
}

void append_escape(std::string& out, char32_t code) {
  switch (code) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  if (code > 0xFFFF) {
    append_escape(out, 0xD800 + ((code - 0x10000) >> 10));
    return append_escape(out, 0xDC00 + ((code - 0x10000) & 0x3FF));
  }
  fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(code));
}

}  // namespace

void append_escaped(std::string& out, std::string_view text, std::size_t bytes_max, bool ascii) {
  out += '"';
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t begin = at;
    while (at < text.size() && at < bytes_max && is_plain(text[at])) ++at;
    out += text.substr(begin, at - begin);
    if (at == text.size()) break;
    const Decoded next = decode(text.substr(at));
    if (at + next.size > bytes_max) {
      out += "...";
      break;
    }
    if (must_escape(next.code) || (ascii && next.code >= 0x80) ||
        (next.code == kBad && next.size == 1)) {
      append_escape(out, next.code);
    } else {
      out += text.substr(at, next.size);
    }
    at += next.size;
  }
  out += '"';
}

void JsonLine::begin(std::string_view key) {
  if (!first_) out_ += ',';
  first_ = false;
  if (key.empty()) return;
  out_ += '"';
  out_ += key;
  out_ += "\":";
}

void JsonLine::open(std::string_view key, char bracket) {
  begin(key);
  out_ += bracket;
  first_ = true;
}

void JsonLine::close(char bracket) {
  out_ += bracket;
  first_ = false;
}

void JsonLine::text(std::string_view key, std::string_view value) {
  begin(key);
  append_escaped(out_, value, text_bytes_max_, ascii_);
}

void JsonLine::number(std::string_view key, std::int64_t value) {
  begin(key);
  fmt::format_to(std::back_inserter(out_), "{}", value);
}

void JsonLine::number(std::string_view key, std::uint64_t value) {
  begin(key);
  fmt::format_to(std::back_inserter(out_), "{}", value);
}

void JsonLine::boolean(std::string_view key, bool value) {
  begin(key);
  out_ += value ? "true" : "false";
}

void JsonLine::raw(std::string_view key, std::string_view json) {
  begin(key);
  out_ += json;
}

}  // namespace capsem::audit
