#include "core/audit/record.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "core/audit/explanation.h"
#include "core/audit/json_line.h"

namespace capsem::audit {
namespace {

// Names, paths and models come from outside: each is cut here, and lists too, so that no request
// can write a record of any size it likes. What was left out is counted.
constexpr std::size_t kTextBytesMax = 1024;
constexpr std::size_t kListMax = 64;

std::string timestamp(std::int64_t wall_ms) {
  using namespace std::chrono;
  const sys_time<milliseconds> instant{milliseconds{wall_ms}};
  const auto day = floor<days>(instant);
  const year_month_day date{day};
  const hh_mm_ss time{instant - day};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     time.hours().count(), time.minutes().count(), time.seconds().count(),
                     time.subseconds().count());
}

// Gemini clients may put their key into the query string, which is never recorded (R9).
std::string_view without_query(std::string_view path) {
  return path.substr(0, path.find('?'));
}

void write_if_any(JsonLine& line, std::string_view key, std::string_view value) {
  if (!value.empty()) line.text(key, value);
}

void write_request(JsonLine& line, const Record& r) {
  line.text("ts", timestamp(r.started_wall_ms));
  line.text("event", to_string(r.kind));
  line.text("request_id", r.request_id);
  write_if_any(line, "run_id", r.run_id);
  line.text("user_id", r.user_id);
  write_if_any(line, "tenant", r.tenant);
  write_if_any(line, "integration", r.integration);
  write_if_any(line, "key_id", r.key_id);
  write_if_any(line, "agent", r.agent);
  write_if_any(line, "correlation_id", r.correlation_id);
  write_if_any(line, "session_id", r.session_id);
  write_if_any(line, "target_key", r.target_key);
  write_if_any(line, "target_metadata", r.target_metadata);
  line.text("method", r.method);
  line.text("path", without_query(r.path));
  line.text("provider", r.provider);
  line.text("dialect", r.dialect);
  line.text("model", r.model);
  line.boolean("stream", r.stream);
}

void write_decision(JsonLine& line, const policy::Decision& d) {
  line.open_object();
  line.text("id", d.id);
  line.text("policy", d.policy);
  line.text("rule", d.rule);
  line.text("callback", d.callback);
  line.text("verdict", to_string(d.verdict));
  line.text("reason", to_string(d.reason));
  line.text("point", to_string(d.point));
  line.text("phase", d.phase == event::Phase::Request ? "request" : "response");
  write_if_any(line, "tool_name", d.tool_name);
  write_if_any(line, "code", d.code);
  write_if_any(line, "reason_code", d.reason_code);
  write_if_any(line, "severity", d.severity);
  write_if_any(line, "at", d.at);
  write_if_any(line, "why", d.why);
  if (d.shadow) line.boolean("shadow", true);
  if (!d.enforced) line.boolean("enforced", false);
  if (d.granted) line.boolean("granted", true);
  line.text("details", d.details);
  line.close_object();
}

void write_verdict(JsonLine& line, const Record& r) {
  line.number("status", std::int64_t{r.status});
  line.number("upstream_status", std::int64_t{r.upstream_status});
  line.text("outcome", r.outcome);
  line.text("verdict", to_string(r.verdict));
  line.text("decided_by", r.decided_by);
  if (const policy::Decision* decided = deciding(r.decisions, r.verdict); decided != nullptr) {
    write_if_any(line, "decided_at", decided->at);
    write_if_any(line, "why", decided->why);
  }
  line.text("revision", r.revision);
  write_if_any(line, "error_code", r.error_code);
  write_if_any(line, "review_id", r.review_id);
  if (r.replaced) line.boolean("replaced", true);
  line.open_array("decisions");
  const std::size_t shown = std::min(r.decisions.size(), kListMax);
  for (std::size_t i = 0; i < shown; ++i) write_decision(line, r.decisions[i]);
  line.close_array();
  if (shown < r.decisions.size()) {
    line.number("decisions_left_out", std::uint64_t{r.decisions.size() - shown});
  }
}

void write_trace(JsonLine& line, const policy::Trace& trace) {
  if (trace.considered.empty()) return;
  line.open_array("considered");
  for (const policy::Considered& c : trace.considered) {
    line.open_object();
    line.text("rule", c.rule);
    line.text("at", c.at);
    line.boolean("matched", c.matched);
    line.text("because", c.because);
    line.close_object();
  }
  line.close_array();
  if (trace.left_out != 0) line.number("considered_left_out", std::uint64_t{trace.left_out});
}

void write_inspection(JsonLine& line, const Record& r) {
  line.boolean("request_inspected", r.request_inspected);
  line.boolean("answer_inspected", r.answer_inspected);
  line.open_object("inspected");
  for (std::size_t i = 0; i < r.inspected.size(); ++i) {
    const PointCount& count = r.inspected[i];
    if (count.texts == 0 && count.bytes == 0) continue;
    line.open_object(to_string(static_cast<event::Point>(i)));
    line.number("texts", count.texts);
    line.number("bytes", count.bytes);
    line.close_object();
  }
  line.close_object();
  line.open_array("not_checked");
  const std::size_t shown = std::min(r.not_checked.size(), kListMax);
  for (std::size_t i = 0; i < shown; ++i) {
    line.open_object();
    line.text("surface", r.not_checked[i].surface);
    line.text("reason", r.not_checked[i].reason);
    line.close_object();
  }
  line.close_array();
  if (shown < r.not_checked.size()) {
    line.number("not_checked_left_out", std::uint64_t{r.not_checked.size() - shown});
  }
}

void write_amounts(JsonLine& line, const Record& r) {
  if (r.usage.known) {
    line.open_object("usage");
    line.number("input_tokens", r.usage.input_tokens);
    line.number("output_tokens", r.usage.output_tokens);
    line.number("total_tokens", r.usage.total_tokens);
    line.close_object();
  }
  if (r.cost_nano) line.number("cost_nano", *r.cost_nano);
  if (r.evaluated) line.boolean("evaluated", true);
  if (!r.finish_reason.empty()) line.text("finish_reason", r.finish_reason);
  line.number("request_bytes", r.request_bytes);
  line.number("response_bytes", r.response_bytes);
  line.open_object("us");
  line.number("duration", r.duration_us);
  line.number("upstream", r.upstream_us);
  line.number("inspection", r.inspection_us);
  line.number("first_byte", r.first_byte_us);
  line.close_object();
}

}  // namespace

std::string_view to_string(RecordKind kind) {
  switch (kind) {
    case RecordKind::Exchange:
      return "exchange";
    case RecordKind::Opening:
      return "opening";
    case RecordKind::Admin:
      return "admin";
  }
  return "";
}

std::string to_json_line(const Record& record) {
  JsonLine line(kTextBytesMax);
  line.open_object();
  write_request(line, record);
  write_verdict(line, record);
  write_trace(line, record.trace);
  write_inspection(line, record);
  write_amounts(line, record);
  line.close_object();
  return line.take();
}

}  // namespace capsem::audit
