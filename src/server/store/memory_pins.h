// Pins in this process's memory. Thread-safe: principals are spread over shards, each with a lock
// that is held for one look-up.
#pragma once

#include <array>
#include <cstddef>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/policy/pins.h"

namespace capsem::store {

class MemoryPins final : public policy::PinStore {
 public:
  static constexpr std::size_t kToolsMax = 1'024;        // per principal; more: PinState::Full
  static constexpr std::size_t kPrincipalsMax = 16'384;  // the one longest unseen is forgotten

  policy::PinState look(std::string_view principal, std::string_view tool,
                        std::string_view digest) override;
  void accept(std::string_view principal, std::string_view tool, std::string_view digest) override;

 private:
  static constexpr std::size_t kShards = 16;
  struct Principal {
    std::string name;
    std::unordered_map<std::string, std::string> tools;
  };
  struct Shard {
    std::mutex lock;
    std::list<Principal> by_use;  // the last used first
    std::unordered_map<std::string, std::list<Principal>::iterator> index;
  };

  Shard& shard_of(std::string_view principal);
  static Principal& principal_in(Shard& shard, std::string_view name);

  std::array<Shard, kShards> shards_;
};

}  // namespace capsem::store
