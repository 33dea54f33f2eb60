// Undoes JSON escapes in text that arrives piece by piece and may not be JSON at all: a tool call's
// arguments, a raw slice of a larger JSON text. Structure (quotes, braces, numbers) is kept as it
// is, so detectors see `{"email":"a@b.c"}` whatever was escaped in it.
//
// Split invariance: however the input is cut, inside an escape or a surrogate pair too, the same
// output comes out (bytes of an escape that is not complete wait for the next piece).
// Lenient where JSON is not: an unknown escape gives its character, a lone surrogate U+FFFD. The
// first place where the text stops being JSON because of a backslash is reported, since a receiver
// that cannot parse the text may read it raw.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace capsem::wire {

class JsonTextDecoder {
 public:
  // Appends the decoded text to `out`. Returns the offset in `piece` of the first backslash that no
  // JSON text could hold there (outside a string, or before an unknown escape), or npos; later
  // pieces report npos again: only the first place counts. When the offending escape began in an
  // earlier piece the offset is 0.
  static constexpr std::size_t npos = std::string_view::npos;
  std::size_t feed(std::string_view piece, std::string& out);

  // An escape is not complete: its character will come with the next piece.
  bool pending() const { return state_ != State::Plain || high_surrogate_ != 0; }

  // The text has ended: an escape that is not complete is given out as it stands.
  void finish(std::string& out);

 private:
  enum class State : std::uint8_t { Plain, Backslash, Hex };

  void put_unit(std::uint16_t unit, std::string& out);
  void flush_high_surrogate(std::string& out);

  State state_ = State::Plain;
  bool in_string_ = false;
  bool broken_ = false;
  std::uint8_t hex_digits_ = 0;
  std::uint16_t unit_ = 0;
  std::uint16_t high_surrogate_ = 0;  // waits for its low half; 0: none
  char hex_seen_[4] = {};
};

// The whole text at once. When there is no backslash the result is `text` itself and `buffer` is
// not touched; else it is a view into `buffer`, which is overwritten.
std::string_view undo_json_escapes(std::string_view text, std::string& buffer);

// Appends the UTF-8 encoding of a code point.
void append_utf8(char32_t code_point, std::string& out);

}  // namespace capsem::wire
