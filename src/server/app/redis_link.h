// Redis in a gateway that has one: limits, tool pins and wake-ups that gateways share.
#pragma once

#include <functional>
#include <memory>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "server/proxy/gateway.h"
#include "server/proxy/settings.h"
#include "server/redis/redis.h"
#include "server/redis/shared_pins.h"
#include "server/store/memory_pins.h"

namespace capsem::app {

class RedisLink {
 public:
  // Null: no redis_url is set. Errors: a redis_url that cannot be read. A Redis that does not
  // answer is none. `clock` outlives this.
  static Result<std::unique_ptr<RedisLink>> open(const proxy::Settings& settings,
                                                 const Clock& clock);
  ~RedisLink();

  // Before the gateway is built: its loops share their limits, and its pins (`further.pins`, else
  // pins in memory) become shared ones. Outlives the gateway.
  void join(proxy::Further& further);

  // What to do when another gateway says that something has changed; both must not block, and are
  // called on a thread of Redis's until stop().
  struct Wakes {
    std::function<void()> directory{}, reviews{};
  };
  void start(Wakes wakes);
  void stop() { redis_.stop(); }

  // To the other gateways. Any thread, at once.
  void directory_changed() { redis_.tell("directory"); }
  void reviews_changed() { redis_.tell("reviews"); }

  // Every connection answers.
  bool up() const { return stats().clients_up.load() == stats().clients.load(); }
  const redis::Stats& stats() const { return redis_.stats(); }

 private:
  RedisLink(redis::Target target, const proxy::StoreSettings& settings, const Clock& clock);

  redis::Redis redis_;
  store::MemoryPins memory_pins_;
  std::unique_ptr<redis::SharedPins> pins_;
};

}  // namespace capsem::app
