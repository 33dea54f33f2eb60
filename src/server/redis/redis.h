// Redis as the whole gateway uses it: the limits of its loops, what gateways tell each other, the
// tool pins they agree on. A thread of its own with a loop does what belongs to no loop of the
// gateway's.
//
// Messages are only for speed: whoever misses one looks for himself a little later.
//
// Thread-safe. Outlives the gateway's loops and what counters_for() made.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/base/clock.h"
#include "core/limit/deferred.h"
#include "server/net/loop.h"
#include "server/net/resolver.h"
#include "server/redis/client.h"

namespace capsem::redis {

struct RedisOptions {
  ClientOptions client{};
  std::string prefix = "capsem:";
  std::string name;  // of this gateway, among all of them: random
};

class Redis {
 public:
  // `clock` outlives this. Connects when it can; nothing fails because it cannot.
  Redis(Target target, RedisOptions options, const Clock& clock);
  ~Redis();
  Redis(const Redis&) = delete;
  Redis& operator=(const Redis&) = delete;

  // For one loop of the gateway, to be destroyed when that loop runs no more. Any thread.
  std::unique_ptr<limit::RemoteCounters> counters_for(net::Loop& loop);

  // What the other gateways say by tell(). On this object's thread; must not block. Before start().
  using Listener = std::function<void(std::string_view topic, std::string_view message)>;
  void listen(Listener listener) { listeners_.push_back(std::move(listener)); }
  // When the commands' connection has come up (again). As above.
  void on_up(std::function<void()> up) { up_.push_back(std::move(up)); }
  void start();
  // Ends the thread; nobody is called any more.
  void stop();

  // Tells the other gateways, soon; lost while Redis is down. `topic`: "directory", "reviews", a
  // word without spaces.
  void tell(std::string_view topic, std::string_view message = {});
  // Runs a command, soon; `done` on this object's thread.
  void run(Words command, Client::OnAnswer done = {});

  const std::string& prefix() const { return options_.prefix; }
  const Stats& stats() const { return stats_; }

 private:
  void heard(const Answer& answer);

  const Target target_;
  const RedisOptions options_;
  const Clock& clock_;
  Stats stats_;
  net::Resolver resolver_;
  std::atomic<std::uint32_t> loops_{0};
  std::vector<Listener> listeners_;
  std::vector<std::function<void()>> up_;
  std::unique_ptr<net::Loop> loop_;
  std::unique_ptr<Client> client_, subscriber_;
  std::mutex stop_lock_;
  std::thread thread_;
};

}  // namespace capsem::redis
