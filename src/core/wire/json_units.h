// A JSON string's body character by character, as it is written, and the way back.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace capsem::wire {

// One character: itself, or the escape that stands for it. A surrogate pair is one character.
struct JsonUnit {
  std::size_t raw = 0;  // bytes it takes as written; at least 1
  char bytes[4] = {};   // the UTF-8 it stands for
  std::size_t size = 0;

  std::string_view decoded() const { return {bytes, size}; }
};

// The first character of `rest`, which is what is left of a string's body.
// REQUIRES: `rest` is not empty, and a strict reader has taken the string.
JsonUnit next_json_unit(std::string_view rest);

// The bytes of UTF-8 that the character at the front of `text` takes; 1 for what is no UTF-8.
std::size_t utf8_length(std::string_view text);

// Appends `text` as it is written in a JSON string, without quotes. What some readers of event
// streams take for the end of a line (U+0085, U+2028, U+2029) is escaped, too.
void append_json_escaped(std::string_view text, std::string& out);

}  // namespace capsem::wire
