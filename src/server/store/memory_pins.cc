#include "server/store/memory_pins.h"

#include "core/base/hash.h"

namespace capsem::store {

using policy::PinState;

MemoryPins::Shard& MemoryPins::shard_of(std::string_view principal) {
  return shards_[hash_bytes(principal) % kShards];
}

MemoryPins::Principal& MemoryPins::principal_in(Shard& shard, std::string_view name) {
  const std::string key(name);
  if (const auto found = shard.index.find(key); found != shard.index.end()) {
    shard.by_use.splice(shard.by_use.begin(), shard.by_use, found->second);
    return shard.by_use.front();
  }
  if (shard.index.size() >= kPrincipalsMax / kShards) {
    shard.index.erase(shard.by_use.back().name);
    shard.by_use.pop_back();
  }
  shard.by_use.push_front({.name = key, .tools = {}});
  shard.index[key] = shard.by_use.begin();
  return shard.by_use.front();
}

PinState MemoryPins::look(std::string_view principal, std::string_view tool,
                          std::string_view digest) {
  Shard& shard = shard_of(principal);
  const std::scoped_lock lock(shard.lock);
  Principal& known = principal_in(shard, principal);
  const auto found = known.tools.find(std::string(tool));
  if (found != known.tools.end()) {
    return found->second == digest ? PinState::Unchanged : PinState::Changed;
  }
  if (known.tools.size() >= kToolsMax) return PinState::Full;
  known.tools.emplace(tool, digest);
  return PinState::New;
}

void MemoryPins::accept(std::string_view principal, std::string_view tool,
                        std::string_view digest) {
  Shard& shard = shard_of(principal);
  const std::scoped_lock lock(shard.lock);
  principal_in(shard, principal).tools.insert_or_assign(std::string(tool), std::string(digest));
}

}  // namespace capsem::store
