#include "server/app/service.h"

#include <utility>

#include "server/admin/admin.h"
#include "server/app/disk.h"
#include "server/app/metrics.h"
#include "server/app/version.h"

namespace capsem::app {

Result<std::unique_ptr<Service>> Service::start(const proxy::Settings& settings,
                                                PolicySet policies) {
  std::unique_ptr<Service> service(new Service(settings));
  auto log = LogSink::open({.path = settings.log_file, .every_exchange = settings.access_log},
                           service->clock_);
  if (!log) return std::unexpected(log.error());
  service->log_ = std::move(*log);
  service->enabled_ = std::move(policies.enabled);
  service->revision_ = policies.snapshot->revision();

  Service* self = service.get();
  service->gateway_ = std::make_unique<proxy::Gateway>(
      settings, std::move(policies.snapshot), *service->log_, service->clock_,
      [self](std::string_view method, std::string_view path) {
        return self->admin_answer(method, path);
      });
  if (auto started = service->gateway_->start(); !started) {
    return std::unexpected(started.error());
  }
  return service;
}

Status Service::reload() {
  log_->reopen();
  const auto reloaded = [this]() -> Result<PolicySet> {
    const auto directory = read_config_directory(settings_.config_dir);
    if (!directory) return std::unexpected(directory.error());
    // Gone since the start: a mistake of a deployment, not a wish for fewer policies.
    if (!directory->exists) {
      return gateway_error("unreadable_file", settings_.config_dir + ": does not exist");
    }
    return compile_policies(directory->files);
  }();
  if (!reloaded) {
    reloads_failed_.fetch_add(1);
    return std::unexpected(reloaded.error());
  }
  {
    const std::scoped_lock lock(revision_lock_);
    revision_ = reloaded->snapshot->revision();
  }
  enabled_ = reloaded->enabled;
  gateway_->set_snapshot(reloaded->snapshot);
  reloads_.fetch_add(1);
  return {};
}

proxy::AdminReply Service::admin_answer(std::string_view method, std::string_view path) {
  auto reply = admin::admin_reply(
      method, path, {.ready = gateway_->ready(), .metrics = [this] { return metrics(); }});
  return {.status = reply.status,
          .content_type = std::move(reply.content_type),
          .body = std::move(reply.body)};
}

std::string Service::metrics() {
  ProgramStats stats;
  stats.version = program_version();
  {
    const std::scoped_lock lock(revision_lock_);
    stats.revision = revision_;
  }
  stats.records_written = log_->written();
  stats.records_dropped = log_->dropped();
  stats.reloads = reloads_.load();
  stats.reloads_failed = reloads_failed_.load();
  stats.process = read_process_stats();
  return render_metrics(gateway_->metrics(), stats);
}

}  // namespace capsem::app
