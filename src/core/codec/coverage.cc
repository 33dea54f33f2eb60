#include "core/codec/coverage.h"

#include <functional>

#include "core/codec/codec.h"
#include "core/codec/denial.h"

namespace capsem::codec {
namespace {

std::string_view name_of(event::Part part) {
  switch (part) {
    case event::Part::Text:
      return "text";
    case event::Part::ToolName:
      return "tool_name";
    case event::Part::Arguments:
      return "arguments";
    case event::Part::Description:
      return "description";
    case event::Part::Schema:
      return "schema";
  }
  return "";
}

void for_each_field(const std::function<void(Dialect, const Field&)>& f) {
  for (std::size_t i = 0; i < kDialectCount; ++i) {
    const auto dialect = static_cast<Dialect>(i);
    for (const Field& field : codec_for(dialect).fields()) f(dialect, field);
  }
}

void append_column(std::string& out, std::string_view text, std::size_t width) {
  out += text;
  out.append(width > text.size() ? width - text.size() : 1, ' ');
}

}  // namespace

std::string coverage_json() {
  std::string out = "[\n";
  const auto member = [&out](std::string_view name, std::string_view value) {
    append_json_string(out, name);
    out += ':';
    append_json_string(out, value);
    out += ',';
  };
  for_each_field([&](Dialect dialect, const Field& field) {
    if (out.size() > 2) out += ",\n";
    out += '{';
    member("dialect", to_string(dialect));
    member("where", to_string(field.where));
    member("path", field.path);
    member("point", event::to_string(field.point));
    member("part", name_of(field.part));
    member("treatment", to_string(field.treat));
    out += field.repeat ? "\"repeat\":true}" : "\"repeat\":false}";
  });
  return out += "\n]\n";
}

std::string coverage_text() {
  std::string out = "DIALECT             WHERE     POINT  PART         TREATMENT  PATH\n";
  for_each_field([&](Dialect dialect, const Field& field) {
    append_column(out, to_string(dialect), 20);
    append_column(out, to_string(field.where), 10);
    append_column(out, event::short_code(field.point), 7);
    append_column(out, name_of(field.part), 13);
    append_column(out, to_string(field.treat), 11);
    out += field.path;
    if (field.repeat) out += "  (repeat)";
    out += '\n';
  });
  return out;
}

}  // namespace capsem::codec
