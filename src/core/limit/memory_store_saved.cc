// The part of the store that outlives its process: see "What outlives the process" in the header.
#include <algorithm>
#include <utility>

#include "core/limit/memory_store.h"

namespace capsem::limit {
namespace {

// At most 16 KiB each are copied under a shard's lock.
constexpr std::size_t kCopiedAtOnce = 8;

class Holding {
 public:
  explicit Holding(Lock& lock) : lock_(lock) { lock_.lock(); }
  ~Holding() { lock_.unlock(); }
  Holding(const Holding&) = delete;
  Holding& operator=(const Holding&) = delete;

 private:
  Lock& lock_;
};

}  // namespace

std::vector<MemoryStore::LongWindow> MemoryStore::take_changed(std::size_t most) {
  std::vector<LongWindow> out;
  for (Shard& shard : *shards_) {
    bool more = true;
    while (more && out.size() < most) {
      const Holding holding(shard.lock);
      for (std::size_t i = 0; i < kCopiedAtOnce && !shard.changed.empty(); ++i) {
        Counter& counter = *shard.changed.back();
        shard.changed.pop_back();
        counter.changed = false;
        LongWindow& copy = out.emplace_back();
        copy.key = counter.key;
        copy.window_ns = counter.window.window_ns();
        copy.amounts.reserve(counter.window.entries());
        for (std::size_t e = 0; e < counter.window.entries(); ++e) {
          copy.amounts.push_back(counter.window.entry(e));
        }
      }
      more = !shard.changed.empty();
    }
  }
  return out;
}

bool MemoryStore::restore(const LongWindow& saved, std::int64_t now_ns) {
  if (saved.amounts.empty() || saved.amounts.back().at_ns + saved.window_ns <= now_ns) return true;
  const Name name{hash_of(saved.key), saved.key};
  Shard& shard = shard_of(name.hash);
  const Holding holding(shard.lock);
  if (find(shard, name) != nullptr || !reserve_keys(1)) return false;
  Counter& counter = create(shard, name, saved.window_ns);
  // A max of 0 keeps amounts apart that were apart.
  for (const Amount& amount : saved.amounts) counter.window.add(amount.amount, amount.at_ns, 0);
  counter.window.expire(now_ns);
  return true;
}

}  // namespace capsem::limit
