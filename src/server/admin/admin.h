// What the admin listener answers. Pure: a request in, a reply out; the plumbing is http's, the
// numbers and the reload are the caller's.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/admin/reply.h"

namespace capsem::admin {

struct AdminRequest {
  std::string_view method;
  std::string_view path;     // decoded
  std::string_view query{};  // as it came, without the question mark
  std::string_view content_type{};
  std::string_view authorization{};
  std::string_view host{};    // allowed by the listener's list already (T33)
  std::string_view origin{};  // empty: no web page sent it
  std::string_view peer{};    // the client's address
  std::string_view body{};
};

// One policy in force.
struct ListedPolicy {
  std::string id, type;
  std::string source;  // "config/pii.toml:1:1"
  std::string mode;    // "enforce", "shadow"
};

// How one reload went.
struct ReloadReport {
  enum class Outcome : std::uint8_t {
    Done,       // the new policies are in force on all loops
    Unchanged,  // the files say what is in force already
    Refused,    // errors; the last good policies stay
  } outcome = Outcome::Done;
  std::string cause{};                // "SIGHUP", "admin API", "file change"
  std::string at{};                   // "2026-11-21T03:04:05Z"; empty: none yet
  std::vector<std::string> errors{};  // "config/pii.toml:3:1: ...", all of them
  bool loosens = false;  // Refused: sound, but it would allow what the policies in force do not
};
std::string_view to_string(ReloadReport::Outcome outcome);  // "reloaded", "unchanged", "refused"

struct PolicyView {
  std::string revision;
  std::vector<ListedPolicy> policies;
  std::vector<std::string> warnings;
  ReloadReport last_reload;
};

// JSON objects: what is in force and how the last reload went; how this one went.
std::string policies_json(const PolicyView& view);
std::string reload_json(const ReloadReport& report, const PolicyView& view);

struct AdminView {
  bool ready = false;  // listeners open, not draining
  // Called only when asked for.
  std::function<std::string()> metrics{};  // Prometheus text
  std::function<PolicyView()> policies{};
};

// GET and HEAD of /health (alive), /ready (503 while not ready), /metrics and /v1/policies; POST of
// /v1/policies/reload; other methods get 405, other paths 404. Neither health nor readiness tells
// versions or names.
//
// Empty: a reload that may be asked for; reload_reply() is then its reply. A POST must say
// content-type application/json and come from no web page, since a page of any origin may make its
// reader's browser send a form to a loopback address.
std::optional<AdminReply> admin_reply(const AdminRequest& request, const AdminView& view);

// 200 with what is in force; 422 with every error and what stays in force, 409 when the policies
// are refused for what they would allow.
AdminReply reload_reply(const ReloadReport& report, const PolicyView& view);

}  // namespace capsem::admin
