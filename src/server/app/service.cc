#include "server/app/service.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <future>
#include <utility>

#include "core/policy/diff.h"
#include "core/policy/self_test.h"
#include "server/app/auditing.h"
#include "server/app/disk.h"
#include "server/app/metrics.h"
#include "server/app/policy_list.h"
#include "server/app/reload.h"
#include "server/app/version.h"
#include "server/proxy/policy_judge.h"

namespace capsem::app {
namespace {

using admin::ReloadReport;

std::string timestamp(std::int64_t wall_ms) {
  const std::chrono::sys_seconds second{std::chrono::seconds{wall_ms / 1'000}};
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", second);
}

}  // namespace

Result<std::unique_ptr<Service>> Service::start(const proxy::Settings& settings,
                                                std::vector<policy::SourceFile> files,
                                                PolicySet policies, std::unique_ptr<State> state) {
  std::unique_ptr<Service> service(new Service(settings));
  auto log = LogSink::open({.path = settings.log_file, .every_exchange = settings.access_log},
                           service->clock_);
  if (!log) return std::unexpected(log.error());
  service->log_ = std::move(*log);
  service->state_ = std::move(state);
  auto stores = Stores::start(settings, service->state_.get(), service->clock_);
  if (!stores) return std::unexpected(stores.error());
  service->stores_ = std::move(*stores);
  service->sink_ = std::make_unique<TeeSink>(*service->log_, service->stores_->audit());
  service->show(policies);
  service->in_force_ = policies.snapshot;
  service->inputs_in_force_ = policies.inputs;
  service->files_in_force_ =
      std::make_shared<const std::vector<policy::SourceFile>>(std::move(files));

  Service* self = service.get();
  proxy::Further further{
      .admin =
          [self](const proxy::AdminRequest& request, proxy::AdminRespond respond) {
            self->answer_admin(request, std::move(respond));
          },
      .judge = proxy::rehearsing_judge(service->clock_)};
  if (service->state_) {
    auto reviewing = Reviewing::start(settings, *service->state_, service->clock_);
    if (!reviewing) return std::unexpected(reviewing.error());
    service->reviewing_ = std::move(*reviewing);
    further.approvals = &service->reviewing_->approvals();
    further.directory = service->state_->keeper().directory();
    further.policies_from_database = true;
    further.redaction_secret = service->state_->redaction_secret().clone();
  }
  service->stores_->equip(further);
  auto redis = RedisLink::open(settings, service->clock_);
  if (!redis) return std::unexpected(redis.error());
  service->redis_ = std::move(*redis);
  if (service->redis_) service->redis_->join(further);
  if (service->redis_ && service->reviewing_) {
    service->reviewing_->on_change([self] { self->redis_->reviews_changed(); });
  }
  service->gateway_ = std::make_unique<proxy::Gateway>(
      settings, std::move(policies.snapshot), *service->sink_, service->clock_, std::move(further));
  service->reloads_ = std::make_unique<ReloadThread>(
      [self](const std::string& cause) { return self->reload_now(cause); });
  if (auto started = service->gateway_->start(); !started) {
    return std::unexpected(started.error());
  }
  if (service->state_) service->start_state();
  service->stores_->begin();
  if (service->redis_) service->start_redis();
  service->api_ = std::make_unique<admin::Api>(
      service->admin_options(), service->admin_hooks(),
      service->state_ ? &service->state_->executor() : nullptr, *service->sink_, service->clock_);
  if (service->reviewing_) service->reviewing_->add_routes(service->api_->router());
  service->api_ready_ = service->api_.get();
  if (settings.watch_policies) service->watch();
  return service;
}

// Who asks for reloads ends first, then who does them, then who is given them.
Service::~Service() {
  watcher_.reset();
  if (gateway_) {
    gateway_->stop_now();
    gateway_->wait();
  }
  if (redis_) redis_->stop();
  if (reviewing_) reviewing_->stop();
  if (state_) state_->stop();
  if (stores_) stores_->stop();
  reloads_.reset();
  api_.reset();
}

void Service::show(const PolicySet& policies) {
  const std::scoped_lock lock(view_lock_);
  view_.revision = policies.snapshot->revision();
  view_.policies = list_policies(*policies.snapshot);
  view_.warnings = policies.warnings;
}

// Without it SIGHUP and the admin listener still reload: no reason not to serve.
void Service::watch() {
  ConfigWatcher::Options options{.directory = settings_.config_dir};
  for (const std::string& file : settings_.policy_files) {
    options.files.push_back(policy_file_path(settings_.config_dir, file));
  }
  auto watcher = ConfigWatcher::start(std::move(options), [this] { reload("file change"); });
  if (watcher) {
    watcher_ = std::move(*watcher);
  } else {
    spdlog::warn("changed policy files will not be noticed: {}", watcher.error().detail);
  }
}

Result<PolicySet> Service::load_policies() {
  auto directory = read_policy_files(settings_.config_dir, settings_.policy_files);
  if (!directory) return std::unexpected(directory.error());
  // Gone since the start: a mistake of a deployment, not a wish for fewer policies.
  if (!directory->exists) {
    return gateway_error("unreadable_file", settings_.config_dir + ": does not exist");
  }
  files_read_ = std::move(directory->files);
  const auto inputs = state_ ? state_->keeper().policies() : nullptr;
  return compile_policies(files_read_, inputs.get());
}

ReloadReport Service::reload_now(const std::string& cause) {
  files_read_.clear();
  ReloadSteps steps{
      .load = [this] { return load_policies(); },
      .self_test = [](const PolicySet& set) { return policy::self_test(set.snapshot); },
      .put_in_force =
          [this](PolicySet set) {
            put_in_force(std::move(set));
            const std::scoped_lock lock(view_lock_);
            files_in_force_ =
                std::make_shared<const std::vector<policy::SourceFile>>(std::move(files_read_));
          }};
  if (settings_.forbid_loosening) {
    steps.loosening = [this](const PolicySet& set) { return compare(set); };
  }
  ReloadLimits limits{.revision = policy_view().revision, .ms_max = settings_.policy_reload_ms_max};
  {
    const std::scoped_lock lock(view_lock_);
    limits.inputs = inputs_in_force_;
  }
  ReloadReport report = reload_once(steps, limits, clock_);
  report.cause = cause;
  report.at = timestamp(clock_.wall_ms());
  remember(report);
  if (report.outcome == ReloadReport::Outcome::Refused) take_inputs();
  return report;
}

Status Service::compare(const PolicySet& policies) const {
  const auto diff = policy::diff(in_force_, policies.snapshot);
  if (!diff) return std::unexpected(diff.error());
  if (diff->not_played != 0) {
    spdlog::warn("policies.forbid_loosening: {} of {} sample requests were compared", diff->samples,
                 diff->samples + diff->not_played);
  }
  if (!diff->loosens) return {};
  std::string lines;
  for (const policy::Difference& difference : diff->differences) {
    if (!difference.loosens) continue;
    if (!lines.empty()) lines += '\n';
    lines += "policies.forbid_loosening: " + to_string(difference);
  }
  return client_error("policies_loosened", std::move(lines));
}

void Service::put_in_force(PolicySet policies) {
  show(policies);
  in_force_ = policies.snapshot;
  {
    const std::scoped_lock lock(view_lock_);
    inputs_in_force_ = std::move(policies.inputs);
  }
  const auto taken = std::make_shared<std::promise<void>>();
  auto all_have_it = taken->get_future();
  gateway_->set_snapshot(std::move(policies.snapshot), [taken] { taken->set_value(); });
  // Loops answer within a request's time, or have ended and need no policies.
  all_have_it.wait_for(std::chrono::seconds(2));
}

void Service::remember(const ReloadReport& report) {
  switch (report.outcome) {
    case ReloadReport::Outcome::Done:
      reloads_done_.fetch_add(1);
      break;
    case ReloadReport::Outcome::Unchanged:
      reloads_unchanged_.fetch_add(1);
      break;
    case ReloadReport::Outcome::Refused:
      reloads_failed_.fetch_add(1);
      break;
  }
  std::size_t enabled = 0;
  std::string revision;
  {
    const std::scoped_lock lock(view_lock_);
    view_.last_reload = report;
    enabled = view_.policies.size();
    revision = view_.revision;
  }
  if (report.outcome != ReloadReport::Outcome::Refused) {
    spdlog::info("policies {} ({}): {} enabled, revision {}", to_string(report.outcome),
                 report.cause, enabled, revision);
    return;
  }
  spdlog::error("reload refused ({}), the last good policies stay: revision {}", report.cause,
                revision);
  for (const std::string& error : report.errors) spdlog::error("reload refused: {}", error);
}

admin::PolicyView Service::policy_view() {
  const std::scoped_lock lock(view_lock_);
  return view_;
}

std::string Service::metrics() {
  ProgramStats stats;
  stats.version = program_version();
  {
    const std::scoped_lock lock(view_lock_);
    stats.revision = view_.revision;
    stats.policies_current = view_.last_reload.outcome != ReloadReport::Outcome::Refused;
  }
  stats.records_written = log_->written();
  stats.records_dropped = log_->dropped();
  stats.reloads = reloads_done_.load();
  stats.reloads_unchanged = reloads_unchanged_.load();
  stats.reloads_failed = reloads_failed_.load();
  stats.process = read_process_stats();
  if (state_) {
    stats.has_state = true;
    stats.database_up = state_->keeper().healthy();
    stats.sealed = state_->sealed();
    stats.directory_age_ms = static_cast<std::uint64_t>(state_->keeper().age_ms());
    const auto directory = state_->keeper().directory();
    stats.integrations = directory->integrations();
    stats.keys = directory->keys();
    stats.row_problems = state_->keeper().problems();
    if (reviewing_) stats.reviews_pending = reviewing_->pending();
  }
  if (const store::AuditWriter* audit = stores_->audit()) stats.audit = audit->stats();
  if (redis_) stats.redis = &redis_->stats();
  return render_metrics(gateway_->metrics(), stats);
}

}  // namespace capsem::app
