// Encodings that text hides in, recognised from the bytes alone: percent, HTML entities, backslash
// escapes, base64 of either alphabet, hexadecimal.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace capsem::detect {

inline constexpr std::size_t kBase64Min = 24;   // shorter runs are left alone: 18 bytes of text
inline constexpr std::size_t kHexMin = 32;      // ... 16 bytes of text
inline constexpr std::size_t kEncodedMax = 33;  // look-ahead that always suffices to decide

// Whether decoded bytes are text: ASCII that can be printed, and well-formed UTF-8. A wrong byte is
// borne once in 20, after as many right ones.
class TextCheck {
 public:
  static constexpr int kRightBytes = 20;
  // Strict: false at the first wrong byte.
  bool right(char byte);
  // False when there are too many wrong ones; `wrong` says whether this is one.
  bool accept(char byte, bool& wrong);

 private:
  std::uint8_t expected_ = 0;  // continuation bytes
  std::uint8_t credit_ = 0;
};

// The value of a base64 digit of either alphabet, or -1.
int base64_value(char c);
inline bool is_base64(char c) {
  return base64_value(c) >= 0;
}
int hex_value(char c);

enum class Encoded : std::uint8_t {
  No,      // the first byte stands for itself
  Open,    // more bytes are needed to tell
  Unit,    // the first `span` bytes stand for `text`
  Base64,  // base64 of a text begins here
  Hex,
};

struct Reading {
  Encoded is = Encoded::No;
  std::uint8_t span = 0;
  std::uint8_t size = 0;
  std::array<char, 4> text{};
  std::string_view view() const { return {text.data(), size}; }
};

// What begins at s[0]. `before`: the byte before it ('\0': none), for a run of digits is read from
// its beginning only. `last`: nothing follows s. The answer is never Open when s has kEncodedMax
// bytes, and once it is not Open no further bytes change it.
Reading read_encoded(std::string_view s, char before, bool last);

// Whether read_encoded() can say anything but No at this byte, runs of digits aside.
constexpr bool opens_unit(char c) {
  return c == '%' || c == '&' || c == '\\';
}

}  // namespace capsem::detect
