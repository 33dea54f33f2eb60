#include "core/limit/memory_store.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/base/hash.h"

namespace capsem::limit {

namespace {

std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = Wide{a} * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

bool fits(const Charge& charge, std::uint64_t sum, std::uint64_t held, std::uint32_t holders) {
  if (saturating_add(saturating_add(sum, held), charge.amount) <= charge.max) return true;
  return charge.kind == Kind::Reserved && holders == 0 && sum < charge.max;
}

// REQUIRES: the charge does not fit.
std::int64_t retry_after_ns(const Charge& charge, const SlidingWindow& window, std::uint64_t held,
                            std::uint32_t holders, std::int64_t now_ns) {
  if (charge.kind == Kind::Concurrent) return kRetryUnknownNs;
  const std::uint64_t wanted = saturating_add(held, charge.amount);
  if (charge.kind == Kind::Reserved && holders == 0 && charge.max > 0) {
    return window.falls_to_ns(charge.max - std::min<std::uint64_t>(wanted, 1)) - now_ns;
  }
  if (wanted <= charge.max) return window.falls_to_ns(charge.max - wanted) - now_ns;
  return holders > 0 ? kRetryUnknownNs : charge.window_ns;
}

Level level_of(const Charge& charge, std::uint64_t held, const SlidingWindow& window,
               std::int64_t now_ns) {
  Level level;
  level.used = saturating_add(window.sum(), held);
  level.remaining = charge.max - std::min(charge.max, level.used);
  if (window.entries() > 0) {
    level.reset_ns = window.oldest_leaves_ns() - now_ns;
  } else if (held > 0) {
    level.reset_ns = charge.window_ns;
  }
  return level;
}

}  // namespace

// ---- Locks ----

class MemoryStore::Locks {
 public:
  Locks(Shards& shards, std::uint64_t set) : shards_(shards), set_(set) {
    for_each([](Shard& shard) { shard.lock.lock(); });
  }
  ~Locks() {
    for_each([](Shard& shard) { shard.lock.unlock(); });
  }
  Locks(const Locks&) = delete;
  Locks& operator=(const Locks&) = delete;

 private:
  template <class F>
  void for_each(F&& f) {
    for (std::uint64_t rest = set_; rest != 0; rest &= rest - 1) {
      f(shards_[static_cast<std::size_t>(std::countr_zero(rest))]);
    }
  }

  Shards& shards_;
  const std::uint64_t set_;
};

class MemoryStore::OneLocked {
 public:
  OneLocked(MemoryStore& store, const Charge& charge, std::int64_t now_ns)
      : OneLocked(store, charge, store.hash_of(charge.key), now_ns) {}
  ~OneLocked() { shard_.lock.unlock(); }
  OneLocked(const OneLocked&) = delete;
  OneLocked& operator=(const OneLocked&) = delete;

  // Null: nobody holds anything of it, so there is nothing to do.
  Counter* counter() const { return counter_; }
  void add(std::uint64_t amount, std::int64_t now_ns, std::uint64_t max) {
    MemoryStore::add(shard_, *counter_, amount, now_ns, max);
  }
  // One holder less, of `amount`.
  void drop(std::uint64_t amount) {
    counter_->held -= std::min(counter_->held, amount);
    --counter_->holders;
    touch(shard_, *counter_);
  }

 private:
  OneLocked(MemoryStore& store, const Charge& charge, std::uint64_t hash, std::int64_t now_ns)
      : shard_(store.shard_of(hash)) {
    shard_.lock.lock();
    counter_ = find(shard_, {hash, charge.key});
    if (counter_ == nullptr) return;
    if (counter_->holders == 0) {
      counter_ = nullptr;
    } else {
      counter_->window.expire(now_ns);
    }
  }

  Shard& shard_;
  Counter* counter_ = nullptr;
};

// ---- Keys ----

MemoryStore::MemoryStore(MemoryStoreOptions options)
    : keys_max_(options.keys_max), hash_key_(mix64(options.hash_seed + 1) | 1) {}

std::uint64_t MemoryStore::hash_of(std::string_view key) const {
  // Sixteen bytes at a step; the last step is filled up with zeros.
  std::uint64_t words[2];
  std::uint64_t h = hash_key_ ^ key.size();
  for (; key.size() > sizeof words; key.remove_prefix(sizeof words)) {
    std::memcpy(words, key.data(), sizeof words);
    h = fold(words[0] ^ hash_key_, words[1] ^ h) + hash_key_;
  }
  words[0] = words[1] = 0;
  std::memcpy(words, key.data(), key.size());
  return mix64(fold(words[0] ^ hash_key_, words[1] ^ h) + hash_key_);
}

MemoryStore::Counter* MemoryStore::find(Shard& shard, const Name& name) {
  const auto it = shard.index.find(name);
  return it == shard.index.end() ? nullptr : it->second;
}

MemoryStore::Counter& MemoryStore::create(Shard& shard, const Name& name, std::int64_t window_ns) {
  std::size_t list = 0;
  while (list < shard.idle.size() && shard.idle_window_ns[list] != window_ns) ++list;
  if (list == shard.idle.size()) {
    shard.idle.emplace_back();
    shard.idle_window_ns.push_back(window_ns);
  }
  Counter& counter = shard.idle[list].emplace_front(name, window_ns);
  counter.idle_list = static_cast<std::uint32_t>(list);
  counter.self = shard.idle[list].begin();
  shard.index.emplace(Name{name.hash, counter.key}, &counter);
  return counter;
}

void MemoryStore::touch(Shard& shard, Counter& counter) {
  Counters& idle = shard.idle[counter.idle_list];
  Counters& from = counter.in_busy ? shard.busy : idle;
  counter.in_busy = counter.holders > 0;
  Counters& to = counter.in_busy ? shard.busy : idle;
  to.splice(to.begin(), from, counter.self);
}

void MemoryStore::add(Shard& shard, Counter& counter, std::uint64_t amount, std::int64_t now_ns,
                      std::uint64_t max) {
  counter.window.add(amount, now_ns, max);
  if (counter.changed || counter.window.window_ns() < kLongWindowNs) return;
  counter.changed = true;
  shard.changed.push_back(&counter);
}

bool MemoryStore::drop_one(Shard& shard, std::int64_t now_ns) {
  for (Counters& idle : shard.idle) {
    if (idle.empty()) continue;
    Counter& last = idle.back();
    last.window.expire(now_ns);
    if (last.window.entries() > 0) continue;
    shard.index.erase(Name{last.hash, last.key});
    if (last.changed) std::erase(shard.changed, &last);
    idle.pop_back();
    return true;
  }
  return false;
}

bool MemoryStore::reserve_keys(std::size_t count) {
  if (keys_.fetch_add(count, std::memory_order_relaxed) + count <= keys_max_) return true;
  keys_.fetch_sub(count, std::memory_order_relaxed);
  return false;
}

void MemoryStore::make_room(std::size_t count, std::int64_t now_ns) {
  for (std::size_t i = 0; i < kShards; ++i) {
    const Locks locks(*shards_, std::uint64_t{1} << i);
    while (keys() + count > keys_max_ && drop_one((*shards_)[i], now_ns)) {
      keys_.fetch_sub(1, std::memory_order_relaxed);
    }
    if (keys() + count <= keys_max_) return;
  }
}

// ---- Calls ----

Outcome MemoryStore::take(std::span<const Charge> charges, std::int64_t now_ns,
                          std::span<Level> levels) {
  std::uint64_t hashes[kChargesMax];
  if (charges.size() <= kChargesMax) {
    for (std::size_t i = 0; i < charges.size(); ++i) hashes[i] = hash_of(charges[i].key);
    // Room is made without the locks of this call, so somebody else may use it first: try again.
    for (int attempt = 0; attempt < 3; ++attempt) {
      std::size_t fresh = 0;
      switch (try_take(charges, {hashes, charges.size()}, now_ns, levels, fresh)) {
        case Step::Taken:
          return Outcome::Taken;
        case Step::Refused:
          return Outcome::Refused;
        case Step::NoRoom:
          make_room(fresh, now_ns);
      }
    }
  }
  refused_full_.fetch_add(1, std::memory_order_relaxed);
  return Outcome::Full;
}

MemoryStore::Step MemoryStore::try_take(std::span<const Charge> charges,
                                        std::span<const std::uint64_t> hashes, std::int64_t now_ns,
                                        std::span<Level> levels, std::size_t& fresh) {
  std::uint64_t set = 0;
  for (const std::uint64_t hash : hashes) {
    set |= std::uint64_t{1} << shard_number(hash);
  }
  const Locks locks(*shards_, set);

  Counter* counters[kChargesMax];
  const Counter unused({}, 0);
  bool refused = false;
  for (std::size_t i = 0; i < charges.size(); ++i) {
    const Charge& charge = charges[i];
    counters[i] = find(shard_of(hashes[i]), {hashes[i], charge.key});
    if (counters[i] == nullptr) {
      ++fresh;
    } else {
      counters[i]->window.expire(now_ns);
    }
    const Counter& c = counters[i] != nullptr ? *counters[i] : unused;
    levels[i] = level_of(charge, c.held, c.window, now_ns);
    if (fits(charge, c.window.sum(), c.held, c.holders)) continue;
    levels[i].refused = refused = true;
    levels[i].retry_after_ns = retry_after_ns(charge, c.window, c.held, c.holders, now_ns);
  }
  if (refused) return Step::Refused;
  if (fresh > 0 && !reserve_keys(fresh)) return Step::NoRoom;

  for (std::size_t i = 0; i < charges.size(); ++i) {
    const Charge& charge = charges[i];
    Shard& shard = shard_of(hashes[i]);
    Counter& counter = counters[i] != nullptr
                           ? *counters[i]
                           : create(shard, {hashes[i], charge.key}, charge.window_ns);
    if (charge.kind == Kind::Window) {
      add(shard, counter, charge.amount, now_ns, charge.max);
    } else {
      counter.held = saturating_add(counter.held, charge.amount);
      ++counter.holders;
    }
    touch(shard, counter);
    levels[i] = level_of(charge, counter.held, counter.window, now_ns);
  }
  return Step::Taken;
}

void MemoryStore::raise(std::span<const Charge> charges, std::span<const std::uint64_t> so_far,
                        std::int64_t now_ns, std::span<Level> levels) {
  for (std::size_t i = 0; i < charges.size(); ++i) {
    if (charges[i].kind != Kind::Reserved) continue;
    OneLocked one(*this, charges[i], now_ns);
    Counter* counter = one.counter();
    if (counter == nullptr) continue;
    const std::uint64_t mine = charges[i].amount;
    const std::uint64_t sum = counter->window.sum();
    // What others reserved stands in the way only of what was not reserved itself.
    const std::uint64_t others =
        so_far[i] > mine ? counter->held - std::min(counter->held, mine) : 0;
    const bool used_up = saturating_add(saturating_add(sum, others), so_far[i]) > charges[i].max;
    if (!used_up && so_far[i] > mine) counter->held = saturating_add(others, so_far[i]);
    levels[i] = level_of(charges[i], counter->held, counter->window, now_ns);
    levels[i].refused = used_up;
  }
}

void MemoryStore::settle(std::span<const Charge> charges, std::span<const std::uint64_t> used,
                         std::int64_t now_ns, std::span<Level> levels) {
  for (std::size_t i = 0; i < charges.size(); ++i) {
    if (charges[i].kind != Kind::Reserved) continue;
    OneLocked one(*this, charges[i], now_ns);
    Counter* counter = one.counter();
    if (counter == nullptr) continue;
    one.add(used[i], now_ns, charges[i].max);
    one.drop(charges[i].amount);
    levels[i] = level_of(charges[i], counter->held, counter->window, now_ns);
    levels[i].refused = used[i] > 0 && counter->window.sum() > charges[i].max;
    if (!levels[i].refused) continue;
    const std::uint64_t below = charges[i].max - std::min<std::uint64_t>(charges[i].max, 1);
    levels[i].retry_after_ns = counter->window.falls_to_ns(below) - now_ns;
  }
}

void MemoryStore::give(std::span<const Charge> charges, std::int64_t now_ns) noexcept {
  for (const Charge& charge : charges) {
    if (charge.kind == Kind::Window) continue;
    OneLocked one(*this, charge, now_ns);
    if (one.counter() != nullptr) one.drop(charge.amount);
  }
}

}  // namespace capsem::limit
