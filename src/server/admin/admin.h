// What the admin listener answers. Pure: path in, reply out; the plumbing is http's, the numbers
// are the caller's.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace capsem::admin {

struct AdminReply {
  int status = 200;
  std::string content_type = "application/json";
  std::string body{};
};

struct AdminView {
  bool ready = false;                    // listeners open, not draining
  std::function<std::string()> metrics;  // Prometheus text; called only when asked for
};

// GET and HEAD of /health (alive), /ready (503 while not ready) and /metrics; other methods get
// 405, other paths 404. Neither health nor readiness tells versions or names. `path` is without
// query.
AdminReply admin_reply(std::string_view method, std::string_view path, const AdminView& view);

}  // namespace capsem::admin
