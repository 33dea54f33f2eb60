// Where in a JSON text one stands, character by character: in a string, in a name, between values.
#pragma once

#include <cstdint>

namespace capsem::engine {

class JsonPlace {
 public:
  enum class Kind : std::uint8_t {
    Inside,     // of a string
    Structure,  // quotes, brackets, separators, blanks
    Token,      // of a number or a literal
  };

  // `whole`: it is JSON for sure. What is only sent where JSON is expected counts as plain text,
  // all of it inside, unless it begins like an object, an array or a string.
  explicit JsonPlace(bool whole) : form_(whole ? Form::Json : Form::Unknown) {}

  // Takes the next character and says what it is.
  Kind take(char c);

  bool in_name() const { return in_string_ && in_name_; }
  bool plain() const { return form_ == Form::Plain; }

 private:
  enum class Form : std::uint8_t { Unknown, Json, Plain };

  Kind take_outside(char c);
  void open(bool object);
  void close();

  // Levels beyond these count as arrays, which have no names.
  static constexpr unsigned kLevels = 64;

  Form form_;
  bool in_string_ = false, escaped_ = false, in_name_ = false, name_next_ = false;
  std::uint64_t objects_ = 0;  // a bit per level
  unsigned depth_ = 0;
};

}  // namespace capsem::engine
