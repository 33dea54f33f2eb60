// The admin API: every request of the admin listener comes here (docs/openapi-admin.yaml).
//
// A request's way: what needs no token answers at once; Origin, content type and failed logins are
// judged on the caller's thread; then, on the executor's, the token is looked up by its digest
// (T26), the role is held against the route, the body is parsed. A request that is a change is
// recorded before it is made, with waiting, and recorded again with its outcome; its answer leaves
// when both records are kept and this gateway's loops have what was changed. Without the first
// record nothing is changed; without the second the answer is 503 audit_unavailable too, and says
// that the change was made.
//
// With no database (no executor) there are no tokens: health, metrics, the policies in force and
// their reload answer as they are, all else 404.
//
// Thread: handle() from one loop; it does not block. Answers come from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/audit/record.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "server/admin/admin.h"
#include "server/admin/logins.h"
#include "server/admin/router.h"
#include "server/sql/executor.h"
#include "server/vault/vault.h"

namespace capsem::admin {

inline constexpr std::size_t kInFlightMax = 64;  // admin requests at a time; more: 503

// A policy file that is to act.
struct PolicyFile {
  std::string_view tenant, file, source;
};

// For GET /v1/status.
struct Facts {
  std::string version, gateway, policy_revision, database;
  std::string redis;  // "up", "down", or empty: there is none
  std::size_t policies = 0;
  bool database_healthy = false, audit_available = false, sealed = false, has_master_key = false;
  std::int64_t directory_age_ms = 0;  // since the database was last known to say what is in force
  std::size_t integrations = 0, keys = 0;
  std::vector<std::pair<std::string, std::int64_t>> queues{};  // {"audit", 12}: what waits where
};

// What the program does for the API. All may be called from the executor's thread; `ready`,
// `metrics`, `policies` and `reload` from the loop as well. An empty one: that route says 501.
struct Hooks {
  std::function<bool()> ready;
  std::function<std::string()> metrics;
  std::function<PolicyView()> policies;
  // Reads the policies of the configuration directory anew; answers later, on any thread.
  std::function<void(std::function<void(const ReloadReport&)>)> reload;
  // Has what the database says put in force in this gateway; true when all loops have it. Answers
  // later, on any thread.
  std::function<void(Changed, std::function<void(bool)>)> publish;
  std::function<std::shared_ptr<const vault::Vault>()> vault;
  // Would this file work beside all others that are active: warnings, or a client error whose
  // detail has one line per mistake. Its policies' ids must not be in use.
  std::function<Result<std::vector<std::string>>(sql::Connection&, const PolicyFile&)> check_policy;
  // May what this connection sees (in a transaction, what is about to be) be put in force? A client
  // error "policies_loosened": policies.forbid_loosening stands against it.
  std::function<Status(sql::Connection&)> check_bindings;
  // Wipes the provider keys in memory; reads the master key anew; seals everything under the first
  // master key again and tells how many blobs changed.
  std::function<Status()> seal, unseal;
  std::function<Result<std::uint64_t>(sql::Connection&)> rewrap;
  std::function<Facts()> facts;
  // A connection of the caller's own, for what takes long: the proof of the audit's chain. Called
  // on a thread of the API.
  std::function<Result<std::unique_ptr<sql::Connection>>()> connect;
};

struct Options {
  std::vector<std::string> allowed_origins{};  // beside the listener's own (T32)
  LoginLimits logins{};
  std::string base_url{};  // of the gateway's own listener, for proxy URLs: "http://127.0.0.1:8000"
};

using Respond = std::function<void(AdminReply)>;

class Api {
 public:
  // All three outlive the API; `executor` may be nullptr. Once the API has ended no hook is called;
  // who answers later (publish, reload) has ended before it.
  Api(Options options, Hooks hooks, sql::Executor* executor, audit::Sink& audit,
      const Clock& clock);
  ~Api();

  // For rows of other parts; before the first request.
  Router& router();
  // `respond` is called once. Views in `request` need not outlive the call.
  void handle(const AdminRequest& request, Respond respond);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace capsem::admin
