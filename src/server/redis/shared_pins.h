// Tool pins that gateways agree on (T18). Answers come from this gateway's own pins, at once; what
// is new here is told to Redis, which keeps the first that it hears of a principal's tool, and the
// other gateways take that over.
//
// Two gateways that see a tool for the first time within one round trip, in two forms, both call it
// new; afterwards both compare with the form that Redis heard first. A gateway that starts takes
// over what Redis knows as soon as it has connected; until then a tool may look new to it. What a
// person accepts while Redis is down is told to it when it is back, before that.
//
// Thread-safe, as every PinStore.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "core/policy/pins.h"
#include "server/redis/redis.h"

namespace capsem::redis {

class SharedPins final : public policy::PinStore {
 public:
  // Both outlive this. REQUIRES: `redis` is not started yet.
  SharedPins(policy::PinStore& own, Redis& redis);

  policy::PinState look(std::string_view principal, std::string_view tool,
                        std::string_view digest) override;
  void accept(std::string_view principal, std::string_view tool, std::string_view digest) override;

 private:
  static constexpr std::size_t kUntoldMax = 10'000;  // further ones act in this gateway alone

  struct Pin {
    std::string principal, tool, digest;
    std::uint64_t number = 0;  // of what was accepted here, in its order
  };
  struct Untold {
    std::string digest;
    std::uint64_t number = 0;
  };
  void tell_accepted(Pin pin);
  void tell_untold();
  void remember_untold(const Pin& pin);
  void forget_untold(const Pin& pin);
  std::string key_of(std::string_view principal) const;
  void heard(std::string_view topic, std::string_view message);
  void adopt(const std::string& principal, const std::string& tool);
  void take_over(std::string cursor);
  void take_over_principal(std::string key);

  policy::PinStore& own_;
  Redis& redis_;

  std::mutex lock_;
  // Both under lock_. Accepted, and not known to Redis yet, by principal and tool: the last word
  // on each, whatever order the failures of older ones arrive in.
  std::map<std::pair<std::string, std::string>, Untold> untold_;
  std::uint64_t accepted_count_ = 0;
};

}  // namespace capsem::redis
