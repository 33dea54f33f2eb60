// The table of the admin API: which method and path is answered by whom, and what a caller must be
// allowed to do for it. Other files add their rows with add_..._routes(Router&).
//
// A handler runs on the database's thread (sql::Executor), one at a time; what it throws or leaves
// open in a transaction is rolled back and answered with 500.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/wire/json.h"
#include "server/admin/reply.h"
#include "server/sql/database.h"

namespace capsem::admin {

enum class Role : std::uint8_t { Admin, Reviewer, Auditor, ReadOnly };
std::string_view to_string(Role role);  // "admin", "reviewer", "auditor", "read-only"
std::optional<Role> role_from(std::string_view word);

// What a route demands.
enum class Right : std::uint8_t {
  Read,    // everybody: settings, names, prefixes, figures; no content, no raw records
  Review,  // admin, reviewer: decide reviews, move violations on, see their previews
  Audit,   // admin, auditor: raw records, kept content, the chain's proof
  Manage,  // admin: change anything else
};
bool may(Role role, Right right);

// Who asks: the admin token behind a request.
struct Principal {
  std::string token_id, name;
  Role role = Role::ReadOnly;
  std::string tenant;  // empty: all tenants

  bool all_tenants() const { return tenant.empty(); }
};

// What a change touches outside of the database; its answer waits until this gateway's loops have
// it. A revocation is Directory.
enum class Changed : std::uint8_t { Nothing, Directory, Policies };

// One request, during its handler. Views live as long as the call.
class Call {
 public:
  using Later = std::function<void(AdminReply)>;

  // Constant.
  Principal who;
  std::string_view method, path;
  std::string_view peer;                   // the client's address
  std::vector<std::string> ids;            // what stood at each {...} of the pattern, in order
  std::int64_t now_ms = 0;                 // wall clock
  const wire::JsonReader* body = nullptr;  // nullptr: the request has none
  sql::Connection* connection = nullptr;   // REQUIRES: the route is not `without_database`

  // A parameter of the query string, decoded; nothing when it is absent. Twice the same one, or one
  // that the route does not name, never reaches a handler (400).
  std::optional<std::string_view> query(std::string_view name) const;

  // Is this tenant's object the caller's to see? If not, answer not_found(): what belongs to others
  // does not exist (T21). The attempt is recorded.
  bool sees(std::string_view tenant);
  // For lists: only this tenant's; empty: all tenants, or the one that the parameter `tenant`
  // names.
  std::string tenant_filter();
  // The tenant a new object belongs to: the one named, the caller's own, or "default". An error
  // (not_found) when the caller may not make anything there.
  Result<std::string> tenant_for(std::string_view named);

  // For the audit: the id of what was changed or made. Never a secret.
  void about(std::string object_id, std::string tenant = {});
  void changes(Changed what) {
    if (what > changed_) changed_ = what;
  }

  // For answers that come later: `start` is called once the handler has returned, still on this
  // thread; it may keep the function it is given and call it once, from any thread. Neither this
  // call nor its connection may be used by then. Returned by the handler: its value says nothing.
  AdminReply answer_later(std::function<void(Later)> start);

 private:
  friend class Api;

  std::vector<std::pair<std::string, std::string>> query_;
  std::string object_, object_tenant_;
  Changed changed_ = Changed::Nothing;
  bool foreign_ = false;
  std::function<void(Later)> start_later_;
};

using Handler = std::function<AdminReply(Call&)>;

struct Route {
  std::string_view method;   // "GET", "POST", "PUT", "PATCH", "DELETE"; GET answers HEAD, too
  std::string_view pattern;  // "/v1/keys/{id}/revoke": {..} is one segment, not empty
  Right right = Right::Manage;
  Handler handler{};
  std::vector<std::string_view> parameters{};  // of the query string; all others are refused
  bool all_tenants = false;                    // only for tokens of all tenants: 403 for the others
  bool optional_body = false;     // POST, PUT, PATCH have a JSON object; here it may be missing
  bool without_database = false;  // answers while the database is gone; `connection` is nullptr
};
// Every route that is neither GET nor HEAD is a change: recorded before and after (Api).

class Router {
 public:
  // REQUIRES: no other route has the same method and pattern. A literal segment beats {..}.
  void add(Route route);

  struct Match {
    const Route* route = nullptr;  // nullptr: no such path, or not with this method
    std::vector<std::string> ids;
    std::string allowed;  // methods of this path, "GET, POST"; empty: no such path
  };
  // `path`: decoded.
  Match find(std::string_view method, std::string_view path) const;
  const std::vector<Route>& routes() const { return routes_; }

 private:
  std::vector<Route> routes_;
};

}  // namespace capsem::admin
