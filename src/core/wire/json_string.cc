#include "core/wire/json_string.h"

namespace capsem::wire {
namespace {

// The four hexadecimal digits at p, or -1.
int hex4(const char* p, const char* end) {
  if (end - p < 4) return -1;
  int value = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = p[i];
    int digit = 0;
    if (c >= '0' && c <= '9') {
      digit = c - '0';
    } else if (c >= 'a' && c <= 'f') {
      digit = c - 'a' + 10;
    } else if (c >= 'A' && c <= 'F') {
      digit = c - 'A' + 10;
    } else {
      return -1;
    }
    value = value * 16 + digit;
  }
  return value;
}

std::size_t put_utf8(std::uint32_t code, char* out) {
  const auto byte = [](std::uint32_t bits) { return static_cast<char>(bits); };
  if (code < 0x80) {
    out[0] = byte(code);
    return 1;
  }
  if (code < 0x800) {
    out[0] = byte(0xC0 | (code >> 6));
    out[1] = byte(0x80 | (code & 0x3F));
    return 2;
  }
  if (code < 0x10000) {
    out[0] = byte(0xE0 | (code >> 12));
    out[1] = byte(0x80 | ((code >> 6) & 0x3F));
    out[2] = byte(0x80 | (code & 0x3F));
    return 3;
  }
  out[0] = byte(0xF0 | (code >> 18));
  out[1] = byte(0x80 | ((code >> 12) & 0x3F));
  out[2] = byte(0x80 | ((code >> 6) & 0x3F));
  out[3] = byte(0x80 | (code & 0x3F));
  return 4;
}

// p points behind "\u".
std::size_t decode_unicode(const char*& p, const char* end, char* out) {
  const int first = hex4(p, end);
  if (first < 0) return 0;
  auto code = static_cast<std::uint32_t>(first);
  const char* after = p + 4;
  if (code >= 0xD800 && code <= 0xDFFF) {
    if (code >= 0xDC00 || end - after < 6 || after[0] != '\\' || after[1] != 'u') return 0;
    const int second = hex4(after + 2, end);
    if (second < 0xDC00 || second > 0xDFFF) return 0;
    code = 0x10000 + ((code - 0xD800) << 10) + (static_cast<std::uint32_t>(second) - 0xDC00);
    after += 6;
  }
  p = after;
  return put_utf8(code, out);
}

}  // namespace

std::size_t decode_escape(const char*& p, const char* end, char* out) {
  if (p >= end) return 0;
  char c = 0;
  switch (*p) {
    case '"':
      c = '"';
      break;
    case '\\':
      c = '\\';
      break;
    case '/':
      c = '/';
      break;
    case 'b':
      c = '\b';
      break;
    case 'f':
      c = '\f';
      break;
    case 'n':
      c = '\n';
      break;
    case 'r':
      c = '\r';
      break;
    case 't':
      c = '\t';
      break;
    case 'u': {
      const char* digits = p + 1;
      const std::size_t size = decode_unicode(digits, end, out);
      if (size != 0) p = digits;
      return size;
    }
    default:
      return 0;
  }
  ++p;
  *out = c;
  return 1;
}

std::size_t invalid_utf8_offset(std::string_view text) {
  const auto at = [text](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  std::size_t i = 0;
  while (i < text.size()) {
    const unsigned lead = at(i);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    // The second byte's range depends on the first (Unicode table 3-7); later ones are 80..BF.
    std::size_t size = 0;
    unsigned low = 0x80, high = 0xBF;
    if (lead >= 0xC2 && lead <= 0xDF) {
      size = 2;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
      size = 3;
      if (lead == 0xE0) low = 0xA0;
      if (lead == 0xED) high = 0x9F;
    } else if (lead >= 0xF0 && lead <= 0xF4) {
      size = 4;
      if (lead == 0xF0) low = 0x90;
      if (lead == 0xF4) high = 0x8F;
    }
    if (size == 0 || at(i + 1) < low || at(i + 1) > high) return i;
    for (std::size_t k = 2; k < size; ++k) {
      if (at(i + k) < 0x80 || at(i + k) > 0xBF) return i;
    }
    i += size;
  }
  return text.size();
}

}  // namespace capsem::wire
