// Limits that gateways share, in Redis, as one event loop sees them (T40). See
// core/limit/deferred.h for what an exchange makes of it, scripts.h for what stands in Redis.
//
// Each call is one script, one round trip. What was asked of Redis and not answered is put right
// later: a take that failed is given back, a settle that failed is sent again when Redis is back;
// both have their effect once. A take that reaches Redis late (it was stopped, or slow) does
// nothing: each carries the time after which it is void.
//
// A loop that dies is forgotten by the others `dead_ms` after its last sign of life, and with it
// what its exchanges held.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "core/base/clock.h"
#include "core/limit/deferred.h"
#include "server/net/timer_wheel.h"
#include "server/redis/client.h"
#include "server/redis/scripts.h"

namespace capsem::redis {

struct CountersOptions {
  std::string prefix = "capsem:";
  std::string name;  // of this loop, among all loops of all gateways
  std::uint32_t beat_ms = 1'000, dead_ms = 10'000;
  std::uint32_t take_ms = 500;    // a take that Redis gets to later than that is void
  std::size_t owed_max = 65'536;  // settles and gives that wait for Redis; more are dropped
  const Clock* clock = nullptr;   // for tests: the time of counters; null: Redis's
};

class Counters final : public limit::RemoteCounters, net::TimerHandler {
 public:
  Counters(net::Loop& loop, net::Resolver& resolver, const Target& target,
           const ClientOptions& client, Stats& stats, CountersOptions options);

  bool available() const override { return client_.up(); }
  void take(std::uint64_t holding, std::span<const limit::Charge> charges, Done done) override;
  void raise(std::uint64_t holding, std::span<const limit::Charge> charges,
             std::span<const std::uint64_t> so_far, Done done) override;
  void settle(std::uint64_t holding, std::span<const limit::Charge> charges,
              std::span<const std::uint64_t> used, Done done) override;
  void give(std::uint64_t holding, std::span<const limit::Charge> charges) override;
  std::uint64_t next_holding() override { return ++last_holding_; }

  std::size_t owed() const { return owed_.size(); }

 private:
  struct Owed {
    const Client::Script* script;
    Words arguments;
  };

  void on_timer(net::Timer& timer) override;
  void greet(Client& client);
  void beat();
  void learn_time(const Answer& reply);
  void pay_owed();
  void owe(const Client::Script& script, Words arguments);
  std::uint64_t given_time_us() const;
  std::uint64_t server_time_us() const;
  Words keys(std::span<const limit::Charge> charges, std::uint64_t& count) const;
  Words arguments(std::uint64_t holding, std::span<const limit::Charge> charges,
                  std::span<const std::uint64_t> amounts) const;

  net::Loop& loop_;
  const CountersOptions options_;
  Scripts scripts_;
  std::int64_t ahead_us_ = 0;  // Redis's wall clock, before this process's monotonic one
  std::uint64_t last_holding_ = 0;
  std::deque<Owed> owed_;
  net::Timer beat_timer_{*this};
  Client client_;  // last: nothing it calls is gone before it
};

}  // namespace capsem::redis
