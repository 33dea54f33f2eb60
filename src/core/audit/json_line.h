// Writes one JSON object on one line, strictly escaped: nothing that came from outside can end the
// line, forge a second record or steer a terminal (T36).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace capsem::audit {

// `text` as a JSON string literal, appended. Escaped: quote, backslash, C0 and C1 controls, DEL,
// U+2028, U+2029 and the bidirectional controls. Bytes that are not UTF-8 become U+FFFD. A text
// longer than bytes_max is cut at a character and ends in "...". With `ascii` everything beyond
// ASCII is escaped, too: such a line may stand in a header field.
void append_escaped(std::string& out, std::string_view text, std::size_t bytes_max,
                    bool ascii = false);

// Calls must nest properly; keys are literals of the program and are not escaped.
class JsonLine {
 public:
  explicit JsonLine(std::size_t text_bytes_max, bool ascii = false)
      : text_bytes_max_(text_bytes_max), ascii_(ascii) {
    out_.reserve(kUsualBytes);
  }

  void open_object(std::string_view key = {}) { open(key, '{'); }
  void open_array(std::string_view key = {}) { open(key, '['); }
  void close_object() { close('}'); }
  void close_array() { close(']'); }
  void text(std::string_view key, std::string_view value);
  void number(std::string_view key, std::int64_t value);
  void number(std::string_view key, std::uint64_t value);
  void boolean(std::string_view key, bool value);
  void raw(std::string_view key, std::string_view json);  // a JSON text of the program's own making

  std::string take() { return std::move(out_); }

 private:
  static constexpr std::size_t kUsualBytes = 1024;

  void open(std::string_view key, char bracket);
  void close(char bracket);
  void begin(std::string_view key);

  std::string out_;
  std::size_t text_bytes_max_;
  bool ascii_;
  bool first_ = true;  // nothing yet in the container that is open
};

}  // namespace capsem::audit
