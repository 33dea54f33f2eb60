#include "server/app/redis_link.h"

#include <random>
#include <utility>

#include "core/base/random.h"

namespace capsem::app {
namespace {

std::string random_name() {
  std::random_device device;
  IdSource ids((std::uint64_t{device()} << 32) | device());
  return ids.hex(16);
}

}  // namespace

RedisLink::RedisLink(redis::Target target, const proxy::StoreSettings& settings, const Clock& clock)
    : redis_(std::move(target),
             {.client = {.call_ms = settings.redis_call_ms,
                         .breaker_errors = settings.redis_breaker_errors},
              .name = random_name()},
             clock) {}

RedisLink::~RedisLink() {
  stop();
}

Result<std::unique_ptr<RedisLink>> RedisLink::open(const proxy::Settings& settings,
                                                   const Clock& clock) {
  if (settings.store.redis_url.empty()) return std::unique_ptr<RedisLink>();
  auto target = redis::parse_url(settings.store.redis_url);
  if (!target) return std::unexpected(target.error());
  return std::unique_ptr<RedisLink>(new RedisLink(std::move(*target), settings.store, clock));
}

void RedisLink::join(proxy::Further& further) {
  policy::PinStore& own = further.pins != nullptr ? *further.pins : memory_pins_;
  pins_ = std::make_unique<redis::SharedPins>(own, redis_);
  further.pins = pins_.get();
  further.remote_counters = [this](net::Loop& loop) { return redis_.counters_for(loop); };
}

void RedisLink::start(Wakes wakes) {
  redis_.listen([wakes = std::move(wakes)](std::string_view topic, std::string_view) {
    if (topic == "directory" && wakes.directory) wakes.directory();
    if (topic == "reviews" && wakes.reviews) wakes.reviews();
  });
  redis_.start();
}

}  // namespace capsem::app
