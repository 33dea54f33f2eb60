#include "server/admin/api.h"

#include <algorithm>

#include "core/audit/json_line.h"
#include "server/admin/api_impl.h"
#include "server/admin/openapi.h"
#include "server/admin/routes.h"
#include "server/http/head.h"
#include "server/store/meta.h"
#include "server/tenant/directory.h"
#include "server/tenant/token.h"

namespace capsem::admin {
namespace {

constexpr std::size_t kPeerBytesMax = 128;

AdminReply unauthorized(std::string_view code, std::string_view message) {
  AdminReply reply = error_reply(401, code, message);
  reply.fields = "www-authenticate: Bearer\r\n";
  return reply;
}

AdminReply busy(int status, std::string_view code, std::string_view message, std::int64_t seconds) {
  AdminReply reply = error_reply(status, code, message);
  reply.fields = "retry-after: " + std::to_string(seconds) + "\r\n";
  return reply;
}

bool says_json(std::string_view content_type) {
  return http::equals_ignoring_case(http::trim(content_type.substr(0, content_type.find(';'))),
                                    "application/json");
}

bool is_own_origin(std::string_view origin, std::string_view host) {
  constexpr std::string_view kScheme = "http://";
  return !host.empty() && http::starts_with_ignoring_case(origin, kScheme) &&
         http::equals_ignoring_case(origin.substr(kScheme.size()), host);
}

// The account that a token claims to be of: what may be shown of it.
std::string account_of(const Secret& token) {
  return tenant::shown_prefix(token);
}

}  // namespace

AdminReply with_safety_fields(AdminReply reply) {
  reply.fields += "cache-control: no-store\r\nx-content-type-options: nosniff\r\n";
  return reply;
}

Api::Impl::Impl(Options options_in, Hooks hooks_in, sql::Executor* executor_in,
                audit::Sink& audit_in, const Clock& clock_in)
    : options(std::move(options_in)),
      hooks(std::move(hooks_in)),
      audit(audit_in),
      clock(clock_in),
      in_flight(std::make_shared<std::atomic<std::size_t>>(0)),
      has_database(executor_in != nullptr),
      executor(executor_in),
      failed_logins(options.logins) {}

Api::Api(Options options, Hooks hooks, sql::Executor* executor, audit::Sink& audit,
         const Clock& clock)
    : impl_(std::make_shared<Impl>(std::move(options), std::move(hooks), executor, audit, clock)) {
  add_own_routes(impl_->router, impl_->options, impl_->hooks, impl_->background);
}

Api::~Api() {
  {
    const std::scoped_lock lock(impl_->executor_lock);
    impl_->executor = nullptr;
  }
  impl_->background.stop();
  const std::scoped_lock lock(impl_->step_lock);
  impl_->closed = true;
}

Router& Api::router() {
  return impl_->router;
}

void Api::handle(const AdminRequest& request, Respond respond) {
  Respond safe = [respond = std::move(respond)](AdminReply reply) {
    respond(with_safety_fields(std::move(reply)));
  };
  impl_->handle(request, std::move(safe));
}

// --- On the loop --------------------------------------------------------------------------------

void Api::Impl::handle(const AdminRequest& request, Respond respond) {
  const bool open =
      request.path == "/health" || request.path == "/ready" || request.path == "/metrics";
  if (auto reply = openapi_reply(request)) return respond(std::move(*reply));
  if (!has_database || open) return handle_without_database(request, std::move(respond));

  Router::Match match = router.find(request.method, request.path);
  if (match.allowed.empty()) return respond(error_reply(404, "not_found", "There is no such path"));
  if (match.route == nullptr) {
    AdminReply reply = error_reply(405, "method_not_allowed", "This path knows " + match.allowed);
    reply.fields = "allow: " + match.allowed + "\r\n";
    return respond(std::move(reply));
  }
  if (auto refusal = refusal_of(request, *match.route)) return respond(std::move(*refusal));
  Secret token = bearer_token(request.authorization);
  if (auto refusal = login_refusal(request, token)) return respond(std::move(*refusal));
  if (in_flight->load() >= kInFlightMax) {
    return respond(busy(503, "busy", "Too many admin requests at a time", 1));
  }
  const auto pending = std::make_shared<Pending>(request, std::move(respond), in_flight);
  pending->token = std::move(token);
  pending->route = match.route;
  pending->ids = std::move(match.ids);
  pending->request_id = store::new_id();
  pending->began_ms = clock.wall_ms();
  next(pending, &Impl::log_in);
}

void Api::Impl::handle_without_database(const AdminRequest& request, Respond respond) {
  auto reply = admin_reply(request, {.ready = hooks.ready && hooks.ready(),
                                     .metrics = hooks.metrics,
                                     .policies = hooks.policies});
  if (reply) return respond(std::move(*reply));
  hooks.reload([respond, policies = hooks.policies](const ReloadReport& report) {
    respond(reload_reply(report, policies()));
  });
}

// T32: what a page of another origin can make its reader's browser send.
std::optional<AdminReply> Api::Impl::refusal_of(const AdminRequest& request, const Route& route) {
  if (!request.origin.empty() && !is_own_origin(request.origin, request.host) &&
      std::ranges::find(options.allowed_origins, request.origin) == options.allowed_origins.end()) {
    return error_reply(403, "origin_not_allowed", "Requests of other web pages are refused here");
  }
  const bool has_body = route.method == "POST" || route.method == "PUT" ||
                        route.method == "PATCH" || !request.body.empty();
  if (has_body && !says_json(request.content_type)) {
    return error_reply(415, "unsupported_media_type", "Send content-type: application/json");
  }
  return std::nullopt;
}

std::optional<AdminReply> Api::Impl::login_refusal(const AdminRequest& request,
                                                   const Secret& token) {
  std::int64_t wait_ms = 0;
  {
    const std::int64_t now_ms = clock.monotonic_ns() / 1'000'000;
    const std::scoped_lock lock(logins_lock);
    wait_ms = failed_logins.wait_ms(request.peer, now_ms);
    if (!token.empty()) {
      wait_ms = std::max(wait_ms, failed_logins.wait_ms(account_of(token), now_ms));
    }
  }
  if (wait_ms > 0) {
    return busy(429, "too_many_failed_logins", "Too many failed logins: wait",
                (wait_ms + 999) / 1'000);
  }
  if (request.authorization.empty()) {
    return unauthorized("no_token", "Send authorization: Bearer and an admin token");
  }
  return std::nullopt;
}

void Api::Impl::next(const Request& request, Step step) {
  bool taken = false;
  {
    const std::scoped_lock lock(executor_lock);
    taken = executor != nullptr && executor->submit([self = shared_from_this(), request,
                                                     step](Result<sql::Connection*> connection) {
      const std::scoped_lock open(self->step_lock);
      if (self->closed) return request->respond(busy(503, "busy", "Stopping", 1));
      (self.get()->*step)(request, std::move(connection));
    });
  }
  if (!taken) request->respond(busy(503, "busy", "The database is too busy", 1));
}

// --- On the executor's thread -------------------------------------------------------------------

void Api::Impl::log_in(const Request& request, Result<sql::Connection*> connection) {
  const std::int64_t now_ms = clock.wall_ms();
  if (request->token.empty()) return refuse_login(request, "unknown_token");
  if (connection) {
    auto login = book.look_up(**connection, request->token, now_ms);
    if (!login) {
      connection = std::unexpected(login.error());
    } else if (!login->who) {
      return refuse_login(request, login->refusal);
    } else {
      request->who = std::move(*login->who);
    }
  }
  if (!connection) {
    auto known = request->route->without_database ? book.recall(request->token, now_ms)
                                                  : std::optional<Principal>();
    if (!known) return request->respond(error_reply(connection.error()));
    request->who = std::move(*known);
  }
  if (!may(request->who.role, request->route->right) ||
      (request->route->all_tenants && !request->who.all_tenants())) {
    return refuse(request, "forbidden",
                  error_reply(403, "forbidden", "This token may not do that"));
  }
  auto parameters = read_parameters(request->query, *request->route);
  if (!parameters) return request->respond(error_reply(parameters.error()));
  request->parameters = std::move(*parameters);
  if (auto body = request->read_body(); !body) return request->respond(error_reply(body.error()));
  if (!request->is_change()) return run(request, std::move(connection));

  if (!audit.available()) {
    return request->respond(
        error_reply(503, "audit_unavailable", "The audit cannot be written: nothing was changed"));
  }
  audit.write(record_of(*request, "begun"), [self = shared_from_this(), request](bool kept) {
    if (kept) return self->next(request, &Impl::run);
    request->respond(
        error_reply(503, "audit_unavailable", "The audit cannot be written: nothing was changed"));
  });
}

void Api::Impl::run(const Request& request, Result<sql::Connection*> connection) {
  if (!connection && !request->route->without_database) {
    return finish(request, error_reply(connection.error()));
  }
  Call call;
  call.who = request->who;
  call.method = request->method;
  call.path = request->path;
  call.peer = request->peer;
  call.ids = request->ids;
  call.now_ms = clock.wall_ms();
  call.body = request->body();
  call.connection = connection ? *connection : nullptr;
  call.query_ = request->parameters;
  AdminReply reply = call_handler(call, request);
  request->object = std::move(call.object_);
  request->object_tenant = std::move(call.object_tenant_);
  request->changed = call.changed_;
  request->foreign = call.foreign_;
  if (!call.start_later_) return finish(request, std::move(reply));
  call.start_later_([self = shared_from_this(), request](AdminReply later) {
    self->finish(request, std::move(later));
  });
}

AdminReply Api::Impl::call_handler(Call& call, const Request& request) {
  try {
    return request->route->handler(call);
  } catch (const std::exception&) {
    if (call.connection != nullptr && call.connection->usable()) call.connection->rollback();
    call.start_later_ = {};
    return error_reply(500, "internal", "The request could not be worked on");
  }
}

// --- On any thread ------------------------------------------------------------------------------

void Api::Impl::refuse_login(const Request& request, std::string_view why) {
  {
    const std::int64_t now_ms = clock.monotonic_ns() / 1'000'000;
    const std::scoped_lock lock(logins_lock);
    failed_logins.failed(request->peer, now_ms);
    if (!request->token.empty()) failed_logins.failed(account_of(request->token), now_ms);
  }
  audit::Record record = record_of(*request, "login_refused");
  record.error_code = why;
  record.status = 401;
  // One text for all three: whoever holds an old token learns nothing about it.
  audit.write(record, [request](bool) {
    request->respond(unauthorized("invalid_token", "The admin token is not valid"));
  });
}

void Api::Impl::refuse(const Request& request, std::string_view outcome, AdminReply reply) {
  audit::Record record = record_of(*request, outcome);
  record.status = reply.status;
  audit.write(record, [request, reply = std::move(reply)](bool) { request->respond(reply); });
}

void Api::Impl::finish(const Request& request, AdminReply reply) {
  if (request->foreign) return refuse(request, "other_tenant", std::move(reply));
  if (!request->is_change()) return request->respond(std::move(reply));
  if (reply.status >= 400 || request->changed == Changed::Nothing || !hooks.publish) {
    return record_outcome(request, std::move(reply));
  }
  hooks.publish(request->changed, [self = shared_from_this(), request,
                                   reply = std::move(reply)](bool in_force) mutable {
    self->record_outcome(
        request, in_force ? std::move(reply)
                          : error_reply(503, "not_in_force",
                                        "The change is kept in the database, but this gateway does "
                                        "not act by it yet"));
  });
}

void Api::Impl::record_outcome(const Request& request, AdminReply reply) {
  audit::Record record = record_of(*request, reply.status < 400 ? "done" : "failed");
  record.status = reply.status;
  audit.write(record, [request, reply = std::move(reply)](bool kept) {
    if (kept || reply.status >= 400) return request->respond(reply);
    request->respond(error_reply(503, "audit_unavailable",
                                 "The change was made, but how it ended could not be recorded"));
  });
}

audit::Record Api::Impl::record_of(const Pending& request, std::string_view outcome) const {
  audit::Record record;
  record.kind = audit::RecordKind::Admin;
  record.request_id = request.request_id;
  record.run_id = request.request_id;
  record.user_id = request.who.token_id;
  record.agent = request.who.name;
  record.method = request.method;
  record.path = request.path;
  record.target_key = request.object;
  record.tenant = !request.object_tenant.empty() ? request.object_tenant : request.who.tenant;
  if (record.tenant.empty()) record.tenant = tenant::kDefaultTenant;
  record.outcome = outcome;
  record.started_wall_ms = request.began_ms;
  audit::JsonLine from(kPeerBytesMax, true);
  from.open_object();
  from.text("peer", request.peer);
  if (!request.token.empty()) from.text("token", account_of(request.token));
  from.close_object();
  record.target_metadata = from.take();
  return record;
}

}  // namespace capsem::admin
