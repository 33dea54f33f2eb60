// Message heads as parsed: views into the text of the head, which its owner keeps.
#pragma once

#include <boost/beast/http/field.hpp>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace capsem::http {

using FieldId = boost::beast::http::field;  // known names; FieldId::unknown for all others

struct Field {
  FieldId id = FieldId::unknown;
  std::string_view name;   // as sent
  std::string_view value;  // without surrounding blanks
};

struct Head {
  std::vector<Field> fields;
  int minor_version = 1;  // HTTP/1.0 or HTTP/1.1
  std::optional<std::uint64_t> content_length;
  bool chunked = false;
  bool keep_alive = true;

  // The first field of this name; an absent field is empty.
  std::string_view get(FieldId id) const;
  std::string_view get(std::string_view name) const;  // `name` in lower case
  bool has(FieldId id) const;
};

struct RequestHead : Head {
  std::string_view method;
  std::string_view target;
  bool expects_continue = false;
  bool wants_upgrade = false;
  bool has_body() const { return chunked || content_length.value_or(0) > 0; }
};

struct ResponseHead : Head {
  int status = 0;
};

// ASCII, without locale.
bool equals_ignoring_case(std::string_view a, std::string_view b);
bool starts_with_ignoring_case(std::string_view text, std::string_view prefix);
std::string_view trim(std::string_view text);
// Does a comma-separated list hold `token`?
bool list_has(std::string_view list, std::string_view token);

}  // namespace capsem::http
