// One provider as one loop sees it: its addresses and its pool of kept connections.
//
// Not thread-safe: one per loop and provider.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "server/net/address.h"
#include "server/net/loop.h"
#include "server/net/resolver.h"
#include "server/net/tls.h"
#include "server/upstream/connection.h"
#include "server/upstream/limits.h"

namespace capsem::upstream {

class Provider final : public net::TimerHandler {
 public:
  // All references outlive the provider. `tls` is used when target.tls.
  Provider(net::Loop& loop, net::Resolver& resolver, const net::TlsContext& tls, Target target,
           const Limits& limits);
  ~Provider();

  // For Call. Gives `call` a connection, now or later, through Call::attach(), or tells it that
  // there is none through Call::no_connection(). `fresh`: not one from the pool.
  void obtain(Call& call, bool fresh);
  // `call` waits no longer.
  void forget(Call& call);
  // The call is over; a connection that is fit for it goes back into the pool.
  void give_back(Connection& connection, bool reusable);
  // The connection was idle and its peer spoke or hung up: neither belongs to any call (T02).
  void drop_idle(Connection& connection);

  void close_idle();

  net::Loop& loop() { return loop_; }
  const Limits& limits() const { return limits_; }
  const Target& target() const { return target_; }
  std::size_t idle() const { return idle_.size(); }

 private:
  void on_timer(net::Timer& timer) override;
  void open(Call& call);
  void ask_for_addresses();
  void take_addresses(std::vector<net::Address> addresses);
  void destroy(Connection& connection);
  void serve_waiting();
  bool allowed(const net::Address& address) const;

  static constexpr std::int64_t kFreshMs = 30'000;      // addresses are asked for again after this
  static constexpr std::int64_t kLastGoodMs = 300'000;  // and used this long when that fails

  net::Loop& loop_;
  net::Resolver& resolver_;
  const net::TlsContext& tls_;
  const Target target_;
  const Limits& limits_;

  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> idle_;       // the one used last is at the back and is used first
  std::deque<Call*> waiting_;           // for a place in the pool
  std::vector<Call*> without_address_;  // for the resolver
  std::vector<net::Address> addresses_;
  std::size_t next_address_ = 0;
  std::int64_t addresses_at_ms_ = 0;
  bool asking_ = false;
  net::Timer idle_timer_{*this};
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // resolver answers may come late
};

}  // namespace capsem::upstream
