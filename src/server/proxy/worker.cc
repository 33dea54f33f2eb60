#include "server/proxy/worker.h"

#include <unistd.h>

#include <random>
#include <utility>

#include "server/proxy/session.h"

namespace capsem::proxy {

namespace {

std::uint64_t random_word() {
  std::random_device source;
  return (std::uint64_t{source()} << 32) ^ source();
}

}  // namespace

Worker::Worker(Shared& shared, std::shared_ptr<const policy::Snapshot> snapshot,
               std::shared_ptr<const tenant::Directory> directory)
    : shared_(shared),
      loop_(shared.clock),
      mailbox_(std::make_shared<Mailbox>(loop_)),
      workspace_(random_word(), random_word(), shared.settings.json),
      snapshot_(std::move(snapshot)),
      directory_(std::move(directory)),
      upstreams_(loop_, shared) {
  if (shared_.remote_counters) remote_counters_ = shared_.remote_counters(loop_);
}

Worker::~Worker() {
  join();
  mailbox_->close();
}

void Worker::listen(int fd) {
  listener_ = std::make_unique<net::Listener>(
      loop_, shared_.gate, fd,
      [this](int accepted, const net::Address& peer) { accept(accepted, peer, false); },
      [this] { metrics_.refused_connections.add(); });
}

void Worker::listen_admin(int fd) {
  admin_listener_ = std::make_unique<net::Listener>(
      loop_, shared_.admin_gate, fd,
      [this](int accepted, const net::Address& peer) { accept(accepted, peer, true); },
      [this] { metrics_.refused_connections.add(); });
}

void Worker::start() {
  thread_ = std::thread([this] {
    loop_.run();
    end_everything();
  });
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

void Worker::accept(int fd, const net::Address& peer, bool admin) {
  net::UniqueSsl ssl;
  if (shared_.server_tls && !admin) ssl = shared_.server_tls->accept_side();
  auto session = std::make_unique<Session>(*this, net::Stream(fd, std::move(ssl)), peer, admin);
  if (!session->start()) return gate(admin).leave(peer);
  metrics_.connections_open.add();
  metrics_.connections_total.add();
  Session* key = session.get();
  sessions_.emplace(key, std::move(session));
}

void Worker::forget(Session& session, const net::Address& peer, bool admin) {
  const auto at = sessions_.find(&session);
  if (at == sessions_.end()) return;
  loop_.retire(std::move(at->second));
  sessions_.erase(at);
  metrics_.connections_open.sub();
  gate(admin).leave(peer);
  stop_if_empty();
}

void Worker::set_snapshot(std::shared_ptr<const policy::Snapshot> snapshot,
                          std::function<void()> taken) {
  loop_.post([this, snapshot = std::move(snapshot), taken = std::move(taken)]() mutable {
    snapshot_ = std::move(snapshot);
    taken();
  });
}

void Worker::set_directory(std::shared_ptr<const tenant::Directory> directory,
                           std::function<void()> taken) {
  loop_.post([this, directory = std::move(directory), taken = std::move(taken)]() mutable {
    directory_ = std::move(directory);
    ++directory_number_;
    upstreams_.keep_only(directory_.get());
    taken();
  });
}

void Worker::drain() {
  loop_.post([this] { begin_drain(); });
}

void Worker::stop_now() {
  loop_.post([this] {
    phase_ = Phase::Ending;
    loop_.stop();
  });
}

// Listeners stay open for a while: load balancers have to see that readiness is gone first.
void Worker::begin_drain() {
  if (phase_ != Phase::Serving) return;
  phase_ = Phase::Announcing;
  loop_.timers().arm(drain_timer_, shared_.settings.drain_announce_ms);
}

void Worker::on_timer(net::Timer&) {
  const bool now = phase_ == Phase::Draining;
  if (phase_ == Phase::Announcing) {
    phase_ = Phase::Draining;
    close_listeners();
    loop_.timers().arm(drain_timer_, shared_.settings.drain_ms);
  } else if (phase_ == Phase::Draining) {
    phase_ = Phase::Ending;
  }
  std::vector<Session*> sessions;
  sessions.reserve(sessions_.size());
  for (const auto& [session, owned] : sessions_) sessions.push_back(session);
  for (Session* session : sessions) session->drain(now);
  if (now) {
    loop_.stop();
  } else {
    stop_if_empty();
  }
}

void Worker::close_listeners() {
  if (listener_) listener_->close();
  if (admin_listener_) admin_listener_->close();
}

void Worker::stop_if_empty() {
  if (phase_ == Phase::Draining && sessions_.empty()) loop_.stop();
}

// The loop has ended; what is left ends as if its client had left.
void Worker::end_everything() {
  close_listeners();
  std::vector<Session*> sessions;
  for (const auto& [session, owned] : sessions_) sessions.push_back(session);
  for (Session* session : sessions) session->connection().close();
  upstreams_.close_idle();
}

}  // namespace capsem::proxy
