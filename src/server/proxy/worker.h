// One loop with all that belongs to it: listener, provider pools, workspace, metrics, sessions.
//
// Thread: constructed and destroyed outside, used by its loop's thread in between.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>

#include "core/engine/workspace.h"
#include "core/policy/snapshot.h"
#include "server/net/listener.h"
#include "server/net/loop.h"
#include "server/proxy/metrics.h"
#include "server/proxy/shared.h"
#include "server/tenant/directory.h"
#include "server/upstream/provider.h"

namespace capsem::proxy {

class Session;

class Worker final : public net::TimerHandler {
 public:
  Worker(Shared& shared, std::shared_ptr<const policy::Snapshot> snapshot,
         std::shared_ptr<const tenant::Directory> directory);
  ~Worker();

  // Before start(): takes the listening socket over.
  void listen(int fd);
  void listen_admin(int fd);
  void start();
  void join();

  // From any thread.
  void set_snapshot(std::shared_ptr<const policy::Snapshot> snapshot, std::function<void()> taken);
  void set_directory(std::shared_ptr<const tenant::Directory> directory,
                     std::function<void()> taken);
  void drain();
  void stop_now();

  // For sessions.
  Shared& shared() { return shared_; }
  net::Loop& loop() { return loop_; }
  MetricShard& metrics() { return metrics_; }
  const MetricShard& metrics() const { return metrics_; }
  engine::Workspace& workspace() { return workspace_; }
  upstream::Provider& provider(Provider which) {
    return *providers_[static_cast<std::size_t>(which)];
  }
  const std::shared_ptr<const policy::Snapshot>& snapshot() const { return snapshot_; }
  // Null: there are no integrations.
  const std::shared_ptr<const tenant::Directory>& directory() const { return directory_; }
  void forget(Session& session, const net::Address& peer, bool admin);

 private:
  void on_timer(net::Timer& timer) override;
  void accept(int fd, const net::Address& peer, bool admin);
  net::ConnectionGate& gate(bool admin) { return admin ? shared_.admin_gate : shared_.gate; }
  void begin_drain();
  void close_listeners();
  void end_everything();
  void stop_if_empty();

  Shared& shared_;
  net::Loop loop_;
  MetricShard metrics_;
  engine::Workspace workspace_;
  std::shared_ptr<const policy::Snapshot> snapshot_;
  std::shared_ptr<const tenant::Directory> directory_;
  std::array<std::unique_ptr<upstream::Provider>, kProviderCount> providers_;
  std::unique_ptr<net::Listener> listener_, admin_listener_;
  std::unordered_map<Session*, std::unique_ptr<Session>> sessions_;

  enum class Phase : std::uint8_t { Serving, Announcing, Draining, Ending };
  Phase phase_ = Phase::Serving;
  net::Timer drain_timer_{*this};
  std::thread thread_;
};

}  // namespace capsem::proxy
