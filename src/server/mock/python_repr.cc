#include "server/mock/python_repr.h"

#include <string_view>

namespace capsem::mock {
namespace {

std::string repr_text(std::string_view text) {
  const bool has_single = text.find('\'') != std::string_view::npos;
  const bool has_double = text.find('"') != std::string_view::npos;
  const char quote = has_single && !has_double ? '"' : '\'';
  std::string out(1, quote);
  for (char c : text) {
    if (c == '\\' || c == quote) {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else {
      out += c;
    }
  }
  out += quote;
  return out;
}

}  // namespace

std::string python_repr(simdjson::dom::element value) {
  std::string_view text;
  bool truth = false;
  simdjson::dom::array array;
  simdjson::dom::object object;
  std::string out;
  if (value.is_null()) return "None";
  if (value.get(text) == simdjson::SUCCESS) return repr_text(text);
  if (value.get(truth) == simdjson::SUCCESS) return truth ? "True" : "False";
  if (value.get(array) == simdjson::SUCCESS) {
    for (auto item : array) {
      if (!out.empty()) out += ", ";
      out += python_repr(item);
    }
    return '[' + out + ']';
  }
  if (value.get(object) == simdjson::SUCCESS) {
    for (auto [key, item] : object) {
      if (!out.empty()) out += ", ";
      out += repr_text(key);
      out += ": ";
      out += python_repr(item);
    }
    return '{' + out + '}';
  }
  return simdjson::minify(value);
}

}  // namespace capsem::mock
