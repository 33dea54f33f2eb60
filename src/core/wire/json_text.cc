#include "core/wire/json_text.h"

#include <cstring>

namespace capsem::wire {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The character that `\c` stands for, or 0 when JSON knows no such escape.
char simple_escape(char c) {
  switch (c) {
    case '"':
    case '\\':
    case '/':
      return c;
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return 0;
  }
}

}  // namespace

void append_utf8(char32_t c, std::string& out) {
  const auto put = [&out](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | c >> 6);
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | c >> 12);
    put(0x80 | (c >> 6 & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | c >> 18);
    put(0x80 | (c >> 12 & 0x3F));
    put(0x80 | (c >> 6 & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

void JsonTextDecoder::flush_high_surrogate(std::string& out) {
  if (high_surrogate_ == 0) return;
  append_utf8(kReplacement, out);
  high_surrogate_ = 0;
}

void JsonTextDecoder::put_unit(std::uint16_t unit, std::string& out) {
  const bool low = unit >= 0xDC00 && unit <= 0xDFFF;
  if (high_surrogate_ != 0 && low) {
    const char32_t c = 0x10000 + ((char32_t{high_surrogate_} - 0xD800) << 10) + (unit - 0xDC00);
    high_surrogate_ = 0;
    append_utf8(c, out);
    return;
  }
  flush_high_surrogate(out);
  if (unit >= 0xD800 && unit <= 0xDBFF) {
    high_surrogate_ = unit;
  } else {
    append_utf8(low ? kReplacement : unit, out);
  }
}

std::size_t JsonTextDecoder::feed(std::string_view piece, std::string& out) {
  std::size_t broken_at = npos;
  const auto break_at = [&](std::size_t offset) {
    if (!broken_) broken_at = offset;
    broken_ = true;
  };
  std::size_t escape_begin = 0;  // of an escape that began in this piece
  for (std::size_t i = 0; i < piece.size(); ++i) {
    const char c = piece[i];
    switch (state_) {
      case State::Plain:
        if (c == '\\') {
          escape_begin = i;
          state_ = State::Backslash;
          if (!in_string_) break_at(i);
        } else {
          if (c == '"') in_string_ = !in_string_;
          flush_high_surrogate(out);
          out.push_back(c);
        }
        break;
      case State::Backslash:
        if (c == 'u') {
          state_ = State::Hex;
          hex_digits_ = 0;
          unit_ = 0;
          break;
        }
        flush_high_surrogate(out);
        if (const char plain = simple_escape(c); plain != 0) {
          out.push_back(plain);
        } else {
          break_at(escape_begin);
          out.push_back(c);
        }
        state_ = State::Plain;
        break;
      case State::Hex: {
        const int value = hex_value(c);
        if (value < 0) {
          break_at(escape_begin);
          flush_high_surrogate(out);
          out.push_back('u');
          out.append(hex_seen_, hex_digits_);
          state_ = State::Plain;
          --i;  // this byte is ordinary text, and may be the next backslash
          break;
        }
        hex_seen_[hex_digits_] = c;
        unit_ = static_cast<std::uint16_t>(unit_ << 4 | value);
        if (++hex_digits_ == 4) {
          put_unit(unit_, out);
          state_ = State::Plain;
        }
        break;
      }
    }
  }
  return broken_at;
}

void JsonTextDecoder::finish(std::string& out) {
  flush_high_surrogate(out);
  if (state_ == State::Backslash) out.push_back('\\');
  if (state_ == State::Hex) {
    out.push_back('u');
    out.append(hex_seen_, hex_digits_);
  }
  state_ = State::Plain;
}

std::string_view undo_json_escapes(std::string_view text, std::string& buffer) {
  if (text.empty() || std::memchr(text.data(), '\\', text.size()) == nullptr) return text;
  buffer.clear();
  JsonTextDecoder decoder;
  decoder.feed(text, buffer);
  decoder.finish(buffer);
  return buffer;
}

}  // namespace capsem::wire
