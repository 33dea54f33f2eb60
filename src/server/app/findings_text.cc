#include "server/app/findings_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace capsem::app {

using detect::ReportedFinding;

std::string findings_json(std::span<const ReportedFinding> findings) {
  std::string out = R"({"findings":[)";
  std::string_view separator;
  for (const ReportedFinding& f : findings) {
    fmt::format_to(
        std::back_inserter(out),
        R"({}{{"type":"{}","start":{},"end":{},"byte_start":{},"byte_end":{},"score":{:.2f},"rule":"{}"}})",
        separator, f.type, f.start, f.end, f.byte_start, f.byte_end, f.score, f.rule);
    separator = ",";
  }
  return out + "]}";
}

std::string redact(std::string_view text, std::span<const ReportedFinding> findings) {
  std::string out;
  std::size_t done = 0;
  for (std::size_t i = 0; i < findings.size();) {
    const ReportedFinding& first = findings[i];
    std::size_t end = first.tail_end;
    for (++i; i < findings.size() && findings[i].byte_start < end; ++i) {
      end = std::max(end, findings[i].tail_end);
    }
    out += text.substr(done, first.byte_start - done);
    fmt::format_to(std::back_inserter(out), "[{}]", first.type);
    done = end;
  }
  out += text.substr(done);
  return out;
}

}  // namespace capsem::app
