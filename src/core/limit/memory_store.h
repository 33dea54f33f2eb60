// Counters in this process's memory, used by all event loops at once.
//
// Keys are spread over 64 shards, each with its lock. take() locks the shards of all its keys, in
// ascending order (so no two calls wait for each other in a ring), and does everything while it
// holds them: that makes it atomic. A lock is held for some 100 ns per charge; there is no I/O, no
// callback and, for keys that are known, no allocation under it. Counters without locks could not
// take several windows as one, and asking one owning thread would cost two thread switches, a
// hundred times this.
//
// Memory: at most keys_max keys; a key is about 450 bytes, and 16 more for each
// entry of its window beyond eight. When there is no room for a new key, one whose counter is back
// at zero goes, the least recently used of its shard; if there is none, the take is refused
// (Outcome::Full) and counted. Other keys are never dropped: forgetting a counter would lift a
// limit.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/limit/counters.h"
#include "core/limit/lock.h"
#include "core/limit/window.h"

namespace capsem::limit {

// From this length on a window outlives the process.
inline constexpr std::int64_t kLongWindowNs = 3'600'000'000'000;

struct MemoryStoreOptions {
  std::size_t keys_max = 100'000;
  // Callers choose parts of the keys. A random seed keeps them from choosing keys that collide.
  std::uint64_t hash_seed = 0;
};

class MemoryStore final : public CounterStore {
 public:
  explicit MemoryStore(MemoryStoreOptions options = {});
  MemoryStore(const MemoryStore&) = delete;
  MemoryStore& operator=(const MemoryStore&) = delete;

  Outcome take(std::span<const Charge> charges, std::int64_t now_ns,
               std::span<Level> levels) override;
  void raise(std::span<const Charge> charges, std::span<const std::uint64_t> so_far,
             std::int64_t now_ns, std::span<Level> levels) override;
  void settle(std::span<const Charge> charges, std::span<const std::uint64_t> used,
              std::int64_t now_ns, std::span<Level> levels) override;
  void give(std::span<const Charge> charges, std::int64_t now_ns) noexcept override;

  // ---- What outlives the process ----
  // A day's budget must not begin anew because the gateway did. Windows of an hour and more are
  // handed out after they changed, and given back to the next process's store.

  struct LongWindow {
    std::string key;
    std::int64_t window_ns = 0;
    std::vector<Amount> amounts;  // oldest first; monotonic times of this process
  };
  // Windows that changed since they were last handed out, about `most` of them; empty: none did. A
  // shard's lock is held for a few at a time. What calls still hold or have reserved is not in
  // them. Any thread.
  std::vector<LongWindow> take_changed(std::size_t most);
  // False: the key is counted already, or there is no room. What has left the window by `now_ns` is
  // dropped. REQUIRES: amounts are ordered, none later than now_ns.
  bool restore(const LongWindow& saved, std::int64_t now_ns);

  // For metrics. Any thread.
  std::size_t keys() const { return keys_.load(std::memory_order_relaxed); }
  std::uint64_t refused_full() const { return refused_full_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t kShards = 64;  // one bit each in a ShardSet

  // A key with its hash, so that it is hashed once per call. Points into the Counter, or the
  // Charge.
  struct Name {
    std::uint64_t hash = 0;
    std::string_view key;
    friend bool operator==(const Name& a, const Name& b) {
      return a.hash == b.hash && a.key == b.key;
    }
  };

  struct Counter;
  using Counters = std::list<Counter>;
  struct Counter {
    Counter(const Name& name, std::int64_t window_ns)
        : hash(name.hash), key(name.key), window(window_ns) {}
    std::uint64_t hash;
    std::string key;
    SlidingWindow window;    // taken, or settled
    std::uint64_t held = 0;  // concurrent, or reserved
    std::uint32_t holders = 0;
    std::uint32_t idle_list = 0;
    bool in_busy = false;
    bool changed = false;  // it is in its shard's list of those
    Counters::iterator self{};
  };

  struct NameHash {
    std::size_t operator()(const Name& name) const { return name.hash; }
  };

  struct alignas(64) Shard {
    Lock lock;
    // State below is protected by lock.
    std::unordered_map<Name, Counter*, NameHash> index;
    Counters busy;  // somebody holds something of them
    // The others by length of window, most recently used first: within one list the last one is the
    // first to be back at zero. Lengths are few: one per kind of limit.
    std::vector<Counters> idle;
    std::vector<std::int64_t> idle_window_ns;
    std::vector<Counter*> changed;  // of long windows, since take_changed()
  };
  using Shards = std::array<Shard, kShards>;
  class Locks;      // of one take()
  class OneLocked;  // a shard and the counter of one charge in it

  std::uint64_t hash_of(std::string_view key) const;
  static std::size_t shard_number(std::uint64_t hash) { return hash >> 58; }
  Shard& shard_of(std::uint64_t hash) { return (*shards_)[shard_number(hash)]; }
  // These need the shard's lock.
  static Counter* find(Shard& shard, const Name& name);
  static Counter& create(Shard& shard, const Name& name, std::int64_t window_ns);
  static void touch(Shard& shard, Counter& counter);  // it was used just now
  static void add(Shard& shard, Counter& counter, std::uint64_t amount, std::int64_t now_ns,
                  std::uint64_t max);
  static bool drop_one(Shard& shard, std::int64_t now_ns);

  enum class Step : std::uint8_t { Taken, Refused, NoRoom };
  Step try_take(std::span<const Charge> charges, std::span<const std::uint64_t> hashes,
                std::int64_t now_ns, std::span<Level> levels, std::size_t& fresh);
  bool reserve_keys(std::size_t count);
  void make_room(std::size_t count, std::int64_t now_ns);  // needs no lock to be held

  // Constant after construction.
  const std::size_t keys_max_;
  const std::uint64_t hash_key_;

  // On the heap: shards are aligned to cache lines, and a store may stand anywhere.
  const std::unique_ptr<Shards> shards_ = std::make_unique<Shards>();
  std::atomic<std::size_t> keys_{0};
  std::atomic<std::uint64_t> refused_full_{0};
};

}  // namespace capsem::limit
