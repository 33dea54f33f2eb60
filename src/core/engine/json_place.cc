#include "core/engine/json_place.h"

namespace capsem::engine {

JsonPlace::Kind JsonPlace::take(char c) {
  if (form_ == Form::Unknown) {
    const bool blank = c == ' ' || c == '\n' || c == '\t' || c == '\r';
    if (!blank) form_ = c == '{' || c == '[' || c == '"' ? Form::Json : Form::Plain;
  }
  if (form_ == Form::Plain) return Kind::Inside;
  if (!in_string_) return take_outside(c);
  if (escaped_) {
    escaped_ = false;
  } else if (c == '\\') {
    escaped_ = true;
  } else if (c == '"') {
    in_string_ = false;
    return Kind::Structure;
  }
  return Kind::Inside;
}

JsonPlace::Kind JsonPlace::take_outside(char c) {
  switch (c) {
    case '"':
      in_string_ = true;
      in_name_ = name_next_;
      name_next_ = false;
      return Kind::Structure;
    case '{':
    case '[':
      open(c == '{');
      return Kind::Structure;
    case '}':
    case ']':
      close();
      return Kind::Structure;
    case ',':
      name_next_ = depth_ > 0 && depth_ <= kLevels && (objects_ >> (depth_ - 1) & 1) != 0;
      return Kind::Structure;
    case ':':
    case ' ':
    case '\n':
    case '\t':
    case '\r':
      return Kind::Structure;
    default:
      return Kind::Token;
  }
}

void JsonPlace::open(bool object) {
  if (depth_ < kLevels) {
    const std::uint64_t bit = std::uint64_t{1} << depth_;
    objects_ = object ? objects_ | bit : objects_ & ~bit;
  }
  ++depth_;
  name_next_ = object && depth_ <= kLevels;
}

void JsonPlace::close() {
  if (depth_ > 0) --depth_;
  name_next_ = false;
}

}  // namespace capsem::engine
