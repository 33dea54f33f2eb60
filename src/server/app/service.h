// A running gateway with what belongs to it: policies and their reloads, log, what is remembered,
// admin answers. Built from settings, driven by serve's signals.
//
// Thread-safe: reload() and reopen_log() may be called from any thread; admin requests come from
// the gateway's first loop, reloads run on a thread of their own.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "server/admin/api.h"
#include "server/app/config_watcher.h"
#include "server/app/log_sink.h"
#include "server/app/policy_set.h"
#include "server/app/redis_link.h"
#include "server/app/reload_thread.h"
#include "server/app/reviewing.h"
#include "server/app/state.h"
#include "server/app/stores.h"
#include "server/app/system_clock.h"
#include "server/app/tee_sink.h"
#include "server/proxy/gateway.h"

namespace capsem::app {

class Service {
 public:
  // Opens the log, the listeners, and starts the loops. `files`: what `policies` were compiled of,
  // beside what `state` (may be null) adds. An error leaves nothing running.
  static Result<std::unique_ptr<Service>> start(const proxy::Settings& settings,
                                                std::vector<policy::SourceFile> files,
                                                PolicySet policies, std::unique_ptr<State> state);

  ~Service();  // ends the gateway at once; one that has drained has ended already

  proxy::Gateway& gateway() { return *gateway_; }
  State* state() { return state_.get(); }  // null: there is none

  // Has the policies read anew, soon. What cannot be loaded changes nothing: the last good policies
  // stay, and log, metrics and the admin listener say why.
  void reload(std::string cause) { reloads_->request(std::move(cause)); }
  void reopen_log() { log_->reopen(); }

 private:
  explicit Service(const proxy::Settings& settings) : settings_(settings) {}

  void show(const PolicySet& policies);
  void watch();
  // On the reload thread.
  Result<PolicySet> load_policies();
  admin::ReloadReport reload_now(const std::string& cause);
  void take_inputs();
  Status compare(const PolicySet& policies) const;
  void put_in_force(PolicySet policies);
  void remember(const admin::ReloadReport& report);
  // On the keeper's thread.
  bool take_directory(std::shared_ptr<const tenant::Directory> directory);
  bool inputs_in_force();

  void start_state();
  void start_redis();
  admin::Hooks admin_hooks();
  admin::Options admin_options() const;
  void publish(admin::Changed what, std::function<void(bool)> done);
  void record_problem(const store::RowProblem& problem);
  Status check_bindings(sql::Connection& connection);
  Result<std::vector<std::string>> check_policy(sql::Connection& connection,
                                                const admin::PolicyFile& file);
  admin::Facts facts();
  bool ready() const;
  void answer_admin(const proxy::AdminRequest& request, proxy::AdminRespond respond);
  admin::PolicyView policy_view();
  std::string metrics();

  // Constant after start().
  const proxy::Settings settings_;
  SystemClock clock_;
  std::unique_ptr<LogSink> log_;
  std::unique_ptr<State> state_;
  std::unique_ptr<Reviewing> reviewing_;  // with state_
  std::unique_ptr<Stores> stores_;
  std::unique_ptr<TeeSink> sink_;
  std::unique_ptr<RedisLink> redis_;  // null: there is none

  // Of the reload thread, once start() is done.
  std::shared_ptr<const policy::Snapshot> in_force_;
  std::vector<policy::SourceFile> files_read_;  // by the latest load_policies()

  std::mutex view_lock_;  // guards the three below
  admin::PolicyView view_;
  std::string inputs_in_force_;  // digest of what the database added to them
  std::shared_ptr<const std::vector<policy::SourceFile>> files_in_force_;
  std::atomic<std::uint64_t> reloads_done_{0}, reloads_unchanged_{0}, reloads_failed_{0};

  std::unique_ptr<proxy::Gateway> gateway_;
  std::unique_ptr<ReloadThread> reloads_;
  std::unique_ptr<ConfigWatcher> watcher_;
  std::unique_ptr<admin::Api> api_;
  std::atomic<admin::Api*> api_ready_{nullptr};  // api_, once it is there
};

}  // namespace capsem::app
