#include "server/http/head.h"

#include "core/base/ascii.h"

namespace capsem::http {

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return same_ascii_letters(a, b);
}

bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) {
  return same_ascii_letters(text.substr(0, prefix.size()), prefix);
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool list_has(std::string_view list, std::string_view token) {
  while (!list.empty()) {
    const auto comma = list.find(',');
    if (equals_ignoring_case(trim(list.substr(0, comma)), token)) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
  return false;
}

std::string_view Head::get(FieldId id) const {
  for (const Field& field : fields) {
    if (field.id == id) return field.value;
  }
  return {};
}

std::string_view Head::get(std::string_view name) const {
  for (const Field& field : fields) {
    if (equals_ignoring_case(field.name, name)) return field.value;
  }
  return {};
}

bool Head::has(FieldId id) const {
  for (const Field& field : fields) {
    if (field.id == id) return true;
  }
  return false;
}

}  // namespace capsem::http
