#include "core/wire/json_units.h"

#include <algorithm>
#include <cstring>

#include "core/wire/json_string.h"

namespace capsem::wire {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

// What is escaped beyond ASCII, with its escape.
struct LineEnd {
  std::string_view bytes, escape;
};
constexpr LineEnd kLineEnds[] = {
    {"\xC2\x85", "\\u0085"}, {"\xE2\x80\xA8", "\\u2028"}, {"\xE2\x80\xA9", "\\u2029"}};

void append_control(unsigned char c, std::string& out) {
  out += "\\u00";
  out += kHexDigits[c >> 4];
  out += kHexDigits[c & 15];
}

}  // namespace

std::size_t utf8_length(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t size = lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  return std::min(size, text.size());
}

JsonUnit next_json_unit(std::string_view rest) {
  JsonUnit unit;
  if (rest.front() == '\\') {
    const char* p = rest.data() + 1;
    unit.size = decode_escape(p, rest.data() + rest.size(), unit.bytes);
    unit.raw = static_cast<std::size_t>(p - rest.data());
    if (unit.size > 0) return unit;
  }
  unit.size = unit.raw = utf8_length(rest);
  std::memcpy(unit.bytes, rest.data(), unit.size);
  return unit;
}

void append_json_escaped(std::string_view text, std::string& out) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7F) {
      append_control(byte, out);
    } else if (byte < 0x80) {
      out += c;
    } else {
      const std::string_view rest = text.substr(i);
      const auto* end = std::ranges::find_if(
          kLineEnds, [rest](const LineEnd& e) { return rest.starts_with(e.bytes); });
      if (end == std::end(kLineEnds)) {
        out += c;
      } else {
        out += end->escape;
        i += end->bytes.size() - 1;
      }
    }
  }
}

}  // namespace capsem::wire
