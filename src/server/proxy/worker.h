// One loop with all that belongs to it: listener, provider pools, workspace, metrics, sessions.
//
// Thread: constructed and destroyed outside, used by its loop's thread in between.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>

#include "core/engine/workspace.h"
#include "core/limit/deferred.h"
#include "core/policy/snapshot.h"
#include "server/net/listener.h"
#include "server/net/loop.h"
#include "server/proxy/mailbox.h"
#include "server/proxy/metrics.h"
#include "server/proxy/shared.h"
#include "server/proxy/upstreams.h"
#include "server/tenant/directory.h"

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
  Upstreams& upstreams() { return upstreams_; }
  const std::shared_ptr<Mailbox>& mailbox() const { return mailbox_; }
  // Null: limits are this process's own.
  limit::RemoteCounters* remote_counters() { return remote_counters_.get(); }
  const std::shared_ptr<const policy::Snapshot>& snapshot() const { return snapshot_; }
  // Null: there are no integrations.
  const std::shared_ptr<const tenant::Directory>& directory() const { return directory_; }
  // Another one for each directory: what was looked up in one is of no use in the next.
  std::uint64_t directory_number() const { return directory_number_; }
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
  const std::shared_ptr<Mailbox> mailbox_;
  MetricShard metrics_;
  engine::Workspace workspace_;
  std::shared_ptr<const policy::Snapshot> snapshot_;
  std::shared_ptr<const tenant::Directory> directory_;
  std::uint64_t directory_number_ = 1;
  Upstreams upstreams_;
  std::unique_ptr<limit::RemoteCounters> remote_counters_;
  std::unique_ptr<net::Listener> listener_, admin_listener_;
  std::unordered_map<Session*, std::unique_ptr<Session>> sessions_;

  enum class Phase : std::uint8_t { Serving, Announcing, Draining, Ending };
  Phase phase_ = Phase::Serving;
  net::Timer drain_timer_{*this};
  std::thread thread_;
};

}  // namespace capsem::proxy
