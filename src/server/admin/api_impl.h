// The inside of Api: the steps of a request, each on its thread.
#pragma once

#include <memory>
#include <mutex>

#include "server/admin/api.h"
#include "server/admin/background.h"
#include "server/admin/login.h"
#include "server/admin/pending.h"

namespace capsem::admin {

struct Api::Impl : std::enable_shared_from_this<Api::Impl> {
  using Request = std::shared_ptr<Pending>;
  using Step = void (Impl::*)(const Request&, Result<sql::Connection*>);

  Impl(Options options_in, Hooks hooks_in, sql::Executor* executor_in, audit::Sink& audit_in,
       const Clock& clock_in);

  // On the loop.
  void handle(const AdminRequest& request, Respond respond);
  void handle_without_database(const AdminRequest& request, Respond respond);
  std::optional<AdminReply> refusal_of(const AdminRequest& request, const Route& route);
  std::optional<AdminReply> login_refusal(const AdminRequest& request, const Secret& token);

  // On the executor's thread.
  void log_in(const Request& request, Result<sql::Connection*> connection);
  void run(const Request& request, Result<sql::Connection*> connection);
  AdminReply call_handler(Call& call, const Request& request);

  // On any thread.
  void next(const Request& request, Step step);
  void refuse_login(const Request& request, std::string_view why);
  void refuse(const Request& request, std::string_view outcome, AdminReply reply);
  void finish(const Request& request, AdminReply reply);
  void record_outcome(const Request& request, AdminReply reply);
  audit::Record record_of(const Pending& request, std::string_view outcome) const;

  const Options options;
  const Hooks hooks;
  audit::Sink& audit;
  const Clock& clock;
  Router router;
  const std::shared_ptr<std::atomic<std::size_t>> in_flight;

  const bool has_database;
  std::mutex executor_lock;  // guards executor: the API may end before requests that are on the way
  sql::Executor* executor;

  // Held by the executor's thread during each step; `closed`: the API has ended, so hooks may not
  // be called any more.
  std::mutex step_lock;
  bool closed = false;

  std::mutex logins_lock;  // guards failed_logins
  FailedLogins failed_logins;

  LoginBook book;  // of the executor's thread
  Background background;
};

// What every answer says: not to be kept, not to be guessed at.
AdminReply with_safety_fields(AdminReply reply);

}  // namespace capsem::admin
