#include <fmt/format.h>

#include <algorithm>

#include "core/codec/denial.h"
#include "server/app/doctor.h"

namespace capsem::app {

std::string_view to_string(Grade grade) {
  switch (grade) {
    case Grade::Ok:
      return "ok";
    case Grade::Warn:
      return "warn";
    case Grade::Fail:
      break;
  }
  return "FAIL";
}

std::string doctor_text(const Checks& checks) {
  std::size_t width = 0;
  for (const Check& check : checks) width = std::max(width, check.what.size());
  std::string out;
  for (const Check& check : checks) {
    out += fmt::format("{:<4}  {:<{}}  {}", to_string(check.grade), check.what, width, check.why);
    if (!check.todo.empty()) out += "  -> " + check.todo;
    out += '\n';
  }
  return out;
}

std::string doctor_json(const Checks& checks) {
  std::string out = "{\"checks\":[";
  bool failed = false;
  for (const Check& check : checks) {
    failed = failed || check.grade == Grade::Fail;
    if (out.back() != '[') out += ',';
    out += "{\"grade\":";
    codec::append_json_string(out, check.grade == Grade::Fail ? "fail" : to_string(check.grade));
    for (const auto& [name, text] : {std::pair{"what", &check.what}, std::pair{"why", &check.why},
                                     std::pair{"todo", &check.todo}}) {
      out += fmt::format(",\"{}\":", name);
      codec::append_json_string(out, *text);
    }
    out += '}';
  }
  return out + fmt::format("],\"ok\":{}}}\n", !failed);
}

}  // namespace capsem::app
