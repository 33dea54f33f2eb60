#include "server/proxy/gateway.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <optional>
#include <thread>
#include <utility>

#include "server/proxy/shared.h"
#include "server/proxy/worker.h"

namespace capsem::proxy {

struct Gateway::Impl {
  Impl(Settings settings_in, std::shared_ptr<const policy::Snapshot> snapshot_in,
       audit::Sink& audit_in, const Clock& clock_in, Further further_in)
      : settings(std::move(settings_in)),
        snapshot(std::move(snapshot_in)),
        audit(audit_in),
        clock(clock_in),
        further(std::move(further_in)) {}

  Settings settings;
  std::shared_ptr<const policy::Snapshot> snapshot;
  audit::Sink& audit;
  const Clock& clock;
  Further further;

  std::unique_ptr<Shared> shared;
  std::vector<std::unique_ptr<Worker>> workers;
  std::atomic<bool> started{false};
  std::uint16_t port = 0, admin_port = 0;

  Status open(bool any_admin_port);
  Result<std::vector<int>> open_ports(std::size_t count);
};

Gateway::Gateway(Settings settings, std::shared_ptr<const policy::Snapshot> snapshot,
                 audit::Sink& audit, const Clock& clock, Further further)
    : impl_(std::make_unique<Impl>(std::move(settings), std::move(snapshot), audit, clock,
                                   std::move(further))) {}

Gateway::~Gateway() {
  stop_now();
  wait();
}

Status Gateway::start(bool any_admin_port) {
  // OpenSSL writes with write(2), which raises it when the peer is gone.
  std::signal(SIGPIPE, SIG_IGN);
  if (Status opened = impl_->open(any_admin_port); !opened) {
    impl_->workers.clear();
    impl_->shared.reset();
    return opened;
  }
  for (auto& worker : impl_->workers) worker->start();
  impl_->started = true;
  return {};
}

Result<std::vector<int>> Gateway::Impl::open_ports(std::size_t count) {
  std::vector<int> fds;
  for (std::size_t i = 0; i < count; ++i) {
    // All loops listen on the port that the first one got.
    auto fd = net::open_listener(settings.host, i == 0 ? settings.port : port, settings.backlog);
    if (!fd) {
      for (const int open_fd : fds) ::close(open_fd);
      return std::unexpected(fd.error());
    }
    fds.push_back(*fd);
    if (i == 0) port = net::bound_port(*fd);
  }
  return fds;
}

Status Gateway::Impl::open(bool any_admin_port) {
  for (const auto& [host, wanted] : {std::pair{settings.host, settings.port},
                                     std::pair{settings.admin_host, settings.admin_port}}) {
    if (net::port_taken(host, wanted)) {
      return gateway_error("listen", "cannot listen on " + host + ":" + std::to_string(wanted) +
                                         ": the address is in use");
    }
  }
  auto client_tls = net::TlsContext::client(settings.ca_file);
  if (!client_tls) return std::unexpected(client_tls.error());
  shared = std::make_unique<Shared>(settings, audit, clock, std::move(*client_tls));
  shared->admin = further.admin;
  shared->judge = further.judge;
  shared->approvals = further.approvals;
  shared->remote_counters = further.remote_counters;
  shared->policies_from_database = further.policies_from_database;
  if (!further.redaction_secret.empty()) {
    shared->redaction_secret = further.redaction_secret.clone();
  }
  if (further.pins != nullptr) shared->pins = further.pins;
  if (further.counters != nullptr) shared->counters = further.counters;
  if (!settings.tls_cert.empty() || !settings.tls_key.empty()) {
    auto server_tls = net::TlsContext::server(settings.tls_cert, settings.tls_key);
    if (!server_tls) return std::unexpected(server_tls.error());
    shared->server_tls = std::make_unique<net::TlsContext>(std::move(*server_tls));
  }
  const std::size_t count =
      settings.workers != 0 ? settings.workers : std::max(1U, std::thread::hardware_concurrency());
  auto fds = open_ports(count);
  if (!fds) return std::unexpected(fds.error());
  for (std::size_t i = 0; i < count; ++i) {
    workers.push_back(std::make_unique<Worker>(*shared, snapshot, further.directory));
    workers.back()->listen((*fds)[i]);
  }
  if (further.admin && (settings.admin_port != 0 || any_admin_port)) {
    auto fd = net::open_listener(settings.admin_host, settings.admin_port, settings.backlog);
    if (!fd) return std::unexpected(fd.error());
    admin_port = net::bound_port(*fd);
    workers.front()->listen_admin(*fd);
  }
  return {};
}

namespace {

// To be called by each of `count` loops; the last call is passed on.
std::function<void()> once_all_have(std::size_t count, std::function<void()> taken) {
  const auto left = std::make_shared<std::atomic<std::size_t>>(count);
  return [left, taken = std::move(taken)] {
    if (left->fetch_sub(1) == 1 && taken) taken();
  };
}

}  // namespace

void Gateway::set_snapshot(std::shared_ptr<const policy::Snapshot> snapshot,
                           std::function<void()> taken) {
  const auto one_has = once_all_have(impl_->workers.size(), std::move(taken));
  for (auto& worker : impl_->workers) worker->set_snapshot(snapshot, one_has);
}

void Gateway::set_directory(std::shared_ptr<const tenant::Directory> directory,
                            std::function<void()> taken) {
  const auto one_has = once_all_have(impl_->workers.size(), std::move(taken));
  for (auto& worker : impl_->workers) worker->set_directory(directory, one_has);
}

void Gateway::drain() {
  if (!impl_->started) return;
  if (impl_->shared->draining.exchange(true)) return stop_now();
  for (auto& worker : impl_->workers) worker->drain();
}

void Gateway::stop_now() {
  if (!impl_->started) return;
  impl_->shared->draining = true;
  for (auto& worker : impl_->workers) worker->stop_now();
}

void Gateway::wait() {
  for (auto& worker : impl_->workers) worker->join();
}

bool Gateway::ready() const {
  return impl_->started && !impl_->shared->draining;
}
std::uint16_t Gateway::port() const {
  return impl_->port;
}
std::uint16_t Gateway::admin_port() const {
  return impl_->admin_port;
}

std::vector<const MetricShard*> Gateway::metrics() const {
  std::vector<const MetricShard*> shards;
  shards.reserve(impl_->workers.size());
  for (const auto& worker : impl_->workers) {
    shards.push_back(&std::as_const(*worker).metrics());
  }
  return shards;
}

}  // namespace capsem::proxy
