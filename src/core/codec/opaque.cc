#include "core/codec/opaque.h"

#include <array>
#include <cstdint>

#include "core/base/ascii.h"

namespace capsem::codec {
namespace {

constexpr std::size_t kNameBytesMax = 128;

enum CharClass : std::uint8_t { kNameChar = 1, kBase64Char = 2 };

constexpr std::array<std::uint8_t, 256> kClasses = [] {
  std::array<std::uint8_t, 256> classes{};
  for (int c = 0; c < 256; ++c) {
    const bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    auto& bits = classes[static_cast<std::size_t>(c)];
    if (alnum || c == '_' || c == '.' || c == ':' || c == '/' || c == '-') bits |= kNameChar;
    if (alnum || c == '+' || c == '/' || c == '-' || c == '_' || c == '=') bits |= kBase64Char;
  }
  return classes;
}();

bool all_in(std::string_view text, CharClass wanted) {
  for (const char c : text) {
    if ((kClasses[static_cast<unsigned char>(c)] & wanted) == 0) return false;
  }
  return true;
}

int sextet(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+' || c == '-') return 62;
  if (c == '/' || c == '_') return 63;
  return -1;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

bool looks_like_name(std::string_view text) {
  return text.size() <= kNameBytesMax && all_in(text, kNameChar);
}

bool looks_like_base64(std::string_view text) {
  return all_in(text, kBase64Char);
}

bool is_text_mime(std::string_view mime) {
  const std::string name = ascii_lower(mime.substr(0, mime.find(';')));
  if (name.starts_with("text/")) return true;
  for (const std::string_view word :
       {"json", "xml", "csv", "yaml", "javascript", "x-sh", "sql", "markdown", "html", "rtf"}) {
    // Office files are zip archives although "openxmlformats" says XML.
    if (name.find(word) != std::string::npos) return !name.starts_with("application/vnd.openxml");
  }
  return false;
}

bool decode_base64(std::string_view text, std::string& out) {
  out.clear();
  while (text.ends_with('=')) text.remove_suffix(1);
  if (text.size() % 4 == 1) return false;
  out.reserve(text.size() / 4 * 3 + 3);
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    const int value = sextet(c);
    if (value < 0) return false;
    bits = (bits << 6) | static_cast<std::uint32_t>(value);
    held += 6;
    if (held >= 8) {
      held -= 8;
      out += static_cast<char>((bits >> held) & 0xFF);
    }
  }
  return true;
}

void decode_percent(std::string_view text, std::string& out) {
  out.clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
        hex_digit(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
}

bool is_readable(std::string_view bytes) {
  std::size_t more = 0;  // continuation bytes that are due
  for (const char ch : bytes) {
    const auto c = static_cast<unsigned char>(ch);
    if (more > 0) {
      if ((c & 0xC0) != 0x80) return false;
      --more;
    } else if (c < 0x20) {
      if (c != '\n' && c != '\r' && c != '\t' && c != '\f') return false;
    } else if (c >= 0x80) {
      if (c >= 0xC2 && c <= 0xDF) {
        more = 1;
      } else if (c >= 0xE0 && c <= 0xEF) {
        more = 2;
      } else if (c >= 0xF0 && c <= 0xF4) {
        more = 3;
      } else {
        return false;
      }
    }
  }
  return more == 0;
}

bool parse_data_url(std::string_view text, DataUrl& out) {
  constexpr std::string_view kScheme = "data:";
  if (text.size() < kScheme.size()) return false;
  for (std::size_t i = 0; i < kScheme.size(); ++i) {
    if (ascii_lower(text[i]) != kScheme[i]) return false;
  }
  text.remove_prefix(kScheme.size());
  const std::size_t comma = text.find(',');
  if (comma == std::string_view::npos) return false;
  const std::string_view head = text.substr(0, comma);
  constexpr std::string_view kBase64 = ";base64";
  out.base64 = head.size() >= kBase64.size();
  for (std::size_t i = 0; out.base64 && i < kBase64.size(); ++i) {
    out.base64 = ascii_lower(head[head.size() - kBase64.size() + i]) == kBase64[i];
  }
  out.mime = head.substr(0, head.find(';'));
  out.data = text.substr(comma + 1);
  return true;
}

}  // namespace capsem::codec
