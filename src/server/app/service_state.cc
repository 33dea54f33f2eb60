// What of the service has to do with what is remembered: changes from the database, the admin API.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <utility>

#include "core/audit/json_line.h"
#include "core/policy/self_test.h"
#include "server/app/service.h"
#include "server/app/version.h"

namespace capsem::app {
namespace {

using admin::ReloadReport;

// Loops answer within a request's time, or have ended and need nothing.
constexpr std::chrono::seconds kLoopsWait{2};
// A reload: policies.reload_ms_max, and what was asked for before.
constexpr std::chrono::seconds kReloadWait{30};

proxy::AdminReply to_proxy(admin::AdminReply reply) {
  return {.status = reply.status,
          .content_type = std::move(reply.content_type),
          .body = std::move(reply.body),
          .fields = std::move(reply.fields)};
}

}  // namespace

void Service::start_state() {
  state_->keeper().start(
      {.directory = [this](auto directory) { return take_directory(std::move(directory)); },
       .policies = [this] { return inputs_in_force(); },
       .problem = [this](const store::RowProblem& problem) { record_problem(problem); }});
}

// T39: that a stored row cannot be used is on record, once when it appears.
void Service::record_problem(const store::RowProblem& problem) {
  constexpr std::size_t kDetailBytesMax = 512;
  audit::Record record;
  record.kind = audit::RecordKind::Admin;
  record.tenant = problem.tenant.empty() ? std::string(tenant::kDefaultTenant) : problem.tenant;
  record.outcome = "row_problem";
  record.error_code = problem.code;
  record.started_wall_ms = clock_.wall_ms();
  audit::JsonLine detail(kDetailBytesMax, true);
  detail.open_object();
  detail.text("detail", problem.detail);
  detail.close_object();
  record.target_metadata = detail.take();
  sink_->write(record);
}

// What another gateway has changed is looked for at once, rather than at the next poll.
void Service::start_redis() {
  redis_->start({.directory =
                     [this] {
                       if (state_) state_->keeper().poke();
                     },
                 .reviews =
                     [this] {
                       if (reviewing_) reviewing_->poke();
                     }});
}

bool Service::take_directory(std::shared_ptr<const tenant::Directory> directory) {
  const auto taken = std::make_shared<std::promise<void>>();
  auto all_have_it = taken->get_future();
  gateway_->set_directory(std::move(directory), [taken] { taken->set_value(); });
  return all_have_it.wait_for(kLoopsWait) == std::future_status::ready;
}

bool Service::inputs_in_force() {
  const auto tried = std::make_shared<std::promise<void>>();
  auto done = tried->get_future();
  reloads_->request("database", [tried](const ReloadReport&) { tried->set_value(); });
  // Not the report: files of the directory may be in disorder while what the database says is in
  // force (take_inputs).
  if (done.wait_for(kReloadWait) != std::future_status::ready) return false;
  const std::string wanted = state_->keeper().policies()->digest;
  const std::scoped_lock lock(view_lock_);
  return inputs_in_force_ == wanted;
}

// A file that cannot be loaded must not keep a key from being restricted: then the files stay that
// are in force, and what the database says acts with them.
void Service::take_inputs() {
  if (!state_) return;
  const auto inputs = state_->keeper().policies();
  std::shared_ptr<const std::vector<policy::SourceFile>> files;
  {
    const std::scoped_lock lock(view_lock_);
    if (inputs_in_force_ == inputs->digest) return;
    files = files_in_force_;
  }
  auto set = compile_policies(*files, inputs.get());
  Status fine = set ? policy::self_test(set->snapshot) : std::unexpected(set.error());
  if (!fine) {
    spdlog::error("what the database says of policies cannot act: {}", fine.error().detail);
    return;
  }
  put_in_force(std::move(*set));
  spdlog::warn("bindings, keys and uploaded policies act with the configuration's last good files");
}

void Service::publish(admin::Changed what, std::function<void(bool)> done) {
  if (what == admin::Changed::Nothing) return done(true);
  if (redis_) redis_->directory_changed();
  state_->keeper().poke(std::move(done));
}

namespace {

// What an uploaded file may hold. Prices, keys and engine defaults act on everybody, bound or not;
// Control Zero's files become one document together.
Status check_contents(const policy::SourceFile& file) {
  const policy::Loaded alone = policy::load_files({&file, 1});
  for (const policy::Document& document : alone.documents) {
    const policy::EngineDefaults& engine = document.engine;
    if (!document.prices.empty() || !document.keys.empty() || engine.on_error ||
        engine.deadline_ms || engine.approval_ttl_s || engine.error_format) {
      return client_error("invalid_policy",
                          file.name +
                              ": [[price]], [[key]] and [engine] stand in files of the "
                              "configuration directory; an uploaded one holds policies "
                              "and their tests");
    }
    if (document.source == "controlzero") {
      return client_error("invalid_policy",
                          file.name +
                              ": Control Zero documents are read from the configuration "
                              "directory; `capsem policy convert` makes a file of one");
    }
  }
  if (alone.ok() && alone.documents.empty()) {
    return client_error("invalid_policy", file.name + ": holds no policies");
  }
  return {};
}

}  // namespace

// Everything as it would be with the candidate in its place.
Result<std::vector<std::string>> Service::check_policy(sql::Connection& connection,
                                                       const admin::PolicyFile& file) {
  auto reading =
      store::read_directory(connection, {.vault = state_->vault(), .wall_ms = clock_.wall_ms()});
  if (!reading) return std::unexpected(reading.error());
  store::PolicyInputs inputs = *reading->policies;
  const std::string name = store::uploaded_name(file.tenant, file.file);
  std::erase_if(inputs.files, [&](const policy::SourceFile& one) { return one.name == name; });
  inputs.assignments.uploaded.erase(name);
  if (!file.source.empty()) {
    inputs.files.push_back({name, std::string(file.source)});
    if (Status sound = check_contents(inputs.files.back()); !sound) {
      return std::unexpected(sound.error());
    }
    inputs.assignments.uploaded.emplace(name, file.tenant);
  }
  std::shared_ptr<const std::vector<policy::SourceFile>> files;
  {
    const std::scoped_lock lock(view_lock_);
    files = files_in_force_;
  }
  auto set = compile_policies(*files, &inputs);
  if (!set) return client_error("invalid_policy", set.error().detail);
  if (Status kept = policy::self_test(set->snapshot); !kept) {
    return client_error("invalid_policy", kept.error().detail);
  }
  if (settings_.forbid_loosening) {
    if (Status kept = compare(*set); !kept)
      return client_error("policies_loosened", kept.error().detail);
  }
  std::vector<std::string> warnings;
  for (const std::string& warning : set->warnings) {
    if (warning.starts_with(name)) warnings.push_back(warning);
  }
  return warnings;
}

// Sample requests do not know which integrations there are, so bindings are compared themselves.
Status Service::check_bindings(sql::Connection& connection) {
  if (!settings_.forbid_loosening) return {};
  const auto reading =
      store::read_directory(connection, {.vault = state_->vault(), .wall_ms = clock_.wall_ms()});
  if (!reading) return std::unexpected(reading.error());
  const auto& next = reading->policies->assignments.bindings;
  const auto covered = [&next](const policy::BoundPolicy& old) {
    return std::ranges::any_of(next, [&old](const policy::BoundPolicy& row) {
      const bool there = row.target == old.target || row.target == policy::kEveryTarget;
      return row.policy == old.policy && row.tenant == old.tenant && there;
    });
  };
  for (const policy::BoundPolicy& old : state_->keeper().policies()->assignments.bindings) {
    if (covered(old)) continue;
    return client_error("policies_loosened",
                        fmt::format("policies.forbid_loosening: '{}' would act no longer on '{}'",
                                    old.policy, old.target));
  }
  return {};
}

admin::Facts Service::facts() {
  const admin::PolicyView view = policy_view();
  admin::Facts facts;
  facts.version = program_version();
  facts.policy_revision = view.revision;
  facts.policies = view.policies.size();
  facts.audit_available = sink_->available();
  if (redis_) facts.redis = redis_->up() ? "up" : "down";
  if (!state_) return facts;
  facts.database = sql::describe(state_->target());
  facts.database_healthy = state_->keeper().healthy();
  facts.sealed = state_->sealed();
  facts.has_master_key = state_->vault()->has_key();
  facts.directory_age_ms = state_->keeper().age_ms();
  const auto directory = state_->keeper().directory();
  facts.integrations = directory->integrations();
  facts.keys = directory->keys();
  return facts;
}

admin::Options Service::admin_options() const {
  const bool v6 = settings_.host.find(':') != std::string::npos;
  const bool any = settings_.host.empty() || settings_.host == "0.0.0.0" || settings_.host == "::";
  const std::string host = any ? "127.0.0.1" : v6 ? "[" + settings_.host + "]" : settings_.host;
  return {.allowed_origins = settings_.admin.allowed_origins,
          .logins = {.failed_max = settings_.admin.failed_logins_max,
                     .window_ms = settings_.admin.failed_logins_ms},
          .base_url = fmt::format("{}://{}:{}", settings_.tls_cert.empty() ? "http" : "https", host,
                                  gateway_->port())};
}

admin::Hooks Service::admin_hooks() {
  admin::Hooks hooks;
  hooks.ready = [this] { return ready(); };
  hooks.metrics = [this] { return metrics(); };
  hooks.policies = [this] { return policy_view(); };
  hooks.reload = [this](auto answer) { reloads_->request("admin API", std::move(answer)); };
  hooks.facts = [this] { return facts(); };
  if (!state_) return hooks;
  hooks.publish = [this](admin::Changed what, auto done) { publish(what, std::move(done)); };
  hooks.vault = [this] { return state_->vault(); };
  hooks.check_policy = [this](sql::Connection& connection, const admin::PolicyFile& file) {
    return check_policy(connection, file);
  };
  hooks.check_bindings = [this](sql::Connection& connection) { return check_bindings(connection); };
  hooks.rewrap = [this](sql::Connection& connection) { return state_->rewrap(connection); };
  hooks.seal = [this]() -> Status {
    state_->seal();
    return {};
  };
  hooks.unseal = [this] { return state_->unseal(); };
  hooks.connect = [this] { return sql::open(state_->target()); };
  return hooks;
}

// Neither while keys are locked away nor while nothing can be recorded (reliability section 4).
bool Service::ready() const {
  return gateway_->ready() && sink_->available() && (!state_ || !state_->sealed());
}

void Service::answer_admin(const proxy::AdminRequest& request, proxy::AdminRespond respond) {
  admin::Api* api = api_ready_.load();
  if (api == nullptr) return respond({.status = 503, .body = "{}"});
  api->handle({.method = request.method,
               .path = request.path,
               .query = request.query,
               .content_type = request.content_type,
               .authorization = request.authorization,
               .host = request.host,
               .origin = request.origin,
               .peer = request.peer,
               .body = request.body},
              [respond = std::move(respond)](admin::AdminReply reply) {
                respond(to_proxy(std::move(reply)));
              });
}

}  // namespace capsem::app
