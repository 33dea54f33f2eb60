#include "server/app/audit_csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace capsem::app {
namespace {

// Members of a record's line; "usage." stands before those of its usage.
constexpr std::string_view kColumns[] = {"ts",
                                         "event",
                                         "request_id",
                                         "user_id",
                                         "key_id",
                                         "integration",
                                         "agent",
                                         "provider",
                                         "dialect",
                                         "model",
                                         "method",
                                         "path",
                                         "status",
                                         "verdict",
                                         "outcome",
                                         "decided_by",
                                         "error_code",
                                         "review_id",
                                         "usage.input_tokens",
                                         "usage.output_tokens",
                                         "cost_nano",
                                         "revision"};
constexpr std::string_view kUsage = "usage.";

void append_value(std::string& out, std::string_view value) {
  out += '"';
  // Tabs and line ends before a formula are skipped by spreadsheets.
  constexpr std::string_view kFormula = "=+-@\t\r\n";
  if (!value.empty() && kFormula.find(value.front()) != std::string_view::npos) out += '\'';
  for (const char c : value) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

}  // namespace

std::string AuditCsv::head() {
  std::string out = "segment,seq,time_ms,kind,run_id,tenant";
  for (const std::string_view column : kColumns) {
    out += ',';
    out += column;
  }
  return out + "\r\n";
}

std::string AuditCsv::line(const store::AuditRow& row) {
  std::string out;
  append_value(out, row.segment);
  out += fmt::format(",{},{},", row.seq, row.time_ms);
  append_value(out, row.kind);
  out += ',';
  append_value(out, row.run_id);
  out += ',';
  append_value(out, row.tenant);

  padded_.assign(row.line);
  padded_.append(wire::JsonReader::kPadding, '\0');
  const bool read = json_.parse(std::string_view(padded_).substr(0, row.line.size())).has_value();
  const wire::JsonNode* usage = read ? json_.find(0, "usage") : nullptr;
  for (std::string_view column : kColumns) {
    const wire::JsonNode* member = nullptr;
    if (column.starts_with(kUsage)) {
      column.remove_prefix(kUsage.size());
      member = usage == nullptr ? nullptr : json_.find(*usage, column);
    } else if (read) {
      member = json_.find(0, column);
    }
    out += ',';
    append_value(out, member == nullptr ? std::string_view() : member->text);
  }
  return out + "\r\n";
}

}  // namespace capsem::app
