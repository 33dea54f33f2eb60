#include "server/admin/admin.h"

namespace capsem::admin {
namespace {

AdminReply ready_reply(bool ready) {
  if (ready) return {.status = 200, .body = R"({"status":"ready"})"};
  return {.status = 503, .body = R"({"status":"not ready"})"};
}

AdminReply metrics_reply(const AdminView& view) {
  return {.status = 200,
          .content_type = "text/plain; version=0.0.4; charset=utf-8",
          .body = view.metrics ? view.metrics() : std::string()};
}

}  // namespace

AdminReply admin_reply(std::string_view method, std::string_view path, const AdminView& view) {
  const bool known = path == "/health" || path == "/ready" || path == "/metrics";
  if (!known) return {.status = 404, .body = R"({"detail":"Not Found"})"};
  if (method != "GET" && method != "HEAD") {
    return {.status = 405, .body = R"({"detail":"Method Not Allowed"})"};
  }
  if (path == "/health") return {.status = 200, .body = R"({"status":"alive"})"};
  return path == "/ready" ? ready_reply(view.ready) : metrics_reply(view);
}

}  // namespace capsem::admin
