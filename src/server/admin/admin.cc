#include "server/admin/admin.h"

#include "core/codec/denial.h"
#include "server/http/head.h"

namespace capsem::admin {
namespace {

using codec::append_json_string;

AdminReply plain(int status, std::string body) {
  return {.status = status, .body = std::move(body)};
}

AdminReply detail(int status, std::string_view text) {
  std::string body = "{\"detail\":";
  append_json_string(body, text);
  return plain(status, body + '}');
}

void append_member(std::string& out, std::string_view name, std::string_view value) {
  out.append(out.back() == '{' ? "\"" : ",\"").append(name).append("\":");
  append_json_string(out, value);
}

void append_list(std::string& out, std::string_view name, const std::vector<std::string>& values) {
  out.append(out.back() == '{' ? "\"" : ",\"").append(name).append("\":[");
  for (const std::string& value : values) {
    if (out.back() != '[') out += ',';
    append_json_string(out, value);
  }
  out += ']';
}

// The members that tell what is in force, after others or none.
void append_view(std::string& out, const PolicyView& view) {
  append_member(out, "revision", view.revision);
  out += ",\"policies\":[";
  for (const ListedPolicy& policy : view.policies) {
    if (out.back() != '[') out += ',';
    out += '{';
    append_member(out, "id", policy.id);
    append_member(out, "type", policy.type);
    append_member(out, "source", policy.source);
    append_member(out, "mode", policy.mode);
    out += '}';
  }
  out += ']';
  append_list(out, "warnings", view.warnings);
}

}  // namespace

std::string policies_json(const PolicyView& view) {
  std::string body = "{";
  append_view(body, view);
  body += ",\"last_reload\":";
  if (view.last_reload.at.empty()) {
    body += "null";
  } else {
    body += '{';
    append_member(body, "at", view.last_reload.at);
    append_member(body, "cause", view.last_reload.cause);
    append_member(body, "outcome", to_string(view.last_reload.outcome));
    append_list(body, "errors", view.last_reload.errors);
    body += '}';
  }
  return body + '}';
}

std::string reload_json(const ReloadReport& report, const PolicyView& view) {
  std::string body = "{";
  append_member(body, "status", to_string(report.outcome));
  append_view(body, view);
  return body + '}';
}

namespace {

bool says_json(std::string_view content_type) {
  return http::equals_ignoring_case(http::trim(content_type.substr(0, content_type.find(';'))),
                                    "application/json");
}

// Nothing at all, or an object without members: what a reload could be asked for beyond itself
// must not be read over.
bool asks_for_nothing(std::string_view body) {
  std::string squeezed;
  for (const char c : body) {
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') continue;
    squeezed += c;
    if (squeezed.size() > 2) return false;
  }
  return squeezed.empty() || squeezed == "{}";
}

std::optional<AdminReply> reload_refusal(const AdminRequest& request) {
  if (request.method != "POST") return detail(405, "Method Not Allowed");
  if (!request.origin.empty()) return detail(403, "Requests of web pages are refused here");
  if (!says_json(request.content_type)) {
    return detail(415, "Send content-type: application/json");
  }
  if (!asks_for_nothing(request.body)) {
    return detail(400, "A reload takes no members: send {} or nothing");
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_string(ReloadReport::Outcome outcome) {
  switch (outcome) {
    case ReloadReport::Outcome::Done:
      return "reloaded";
    case ReloadReport::Outcome::Unchanged:
      return "unchanged";
    case ReloadReport::Outcome::Refused:
      break;
  }
  return "refused";
}

std::optional<AdminReply> admin_reply(const AdminRequest& request, const AdminView& view) {
  const std::string_view path = request.path;
  if (path == "/v1/policies/reload") return reload_refusal(request);
  const bool known =
      path == "/health" || path == "/ready" || path == "/metrics" || path == "/v1/policies";
  if (!known) return detail(404, "Not Found");
  if (request.method != "GET" && request.method != "HEAD") return detail(405, "Method Not Allowed");
  if (path == "/health") return plain(200, R"({"status":"alive"})");
  if (path == "/ready") {
    return view.ready ? plain(200, R"({"status":"ready"})")
                      : plain(503, R"({"status":"not ready"})");
  }
  if (path == "/v1/policies") {
    return plain(200, policies_json(view.policies ? view.policies() : PolicyView{}));
  }
  return AdminReply{.content_type = "text/plain; version=0.0.4; charset=utf-8",
                    .body = view.metrics ? view.metrics() : std::string()};
}

AdminReply reload_reply(const ReloadReport& report, const PolicyView& view) {
  const bool refused = report.outcome == ReloadReport::Outcome::Refused;
  std::string body = "{";
  append_member(body, "status", to_string(report.outcome));
  if (refused) {
    append_member(body, "detail",
                  report.loosens ? "The policies would allow more than those in force, which stay"
                                 : "The policies cannot be loaded; the last good ones stay");
    append_list(body, "errors", report.errors);
  }
  append_view(body, view);
  const int status = report.loosens ? 409 : 422;
  return plain(refused ? status : 200, body + '}');
}

}  // namespace capsem::admin
