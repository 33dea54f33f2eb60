#include "core/limit/deferred.h"

#include <algorithm>
#include <deque>
#include <string>
#include <utility>

namespace capsem::limit {

namespace {

std::uint64_t share_of(std::uint64_t max, std::uint32_t replicas) {
  return max == 0 ? 0 : std::max<std::uint64_t>(max / std::max(replicas, 1U), 1);
}

// Those of `charges` that this gateway counts alone while the shared store is down.
struct Locals {
  Locals(std::span<const Charge> all, std::uint32_t replicas) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all[i].down != OnStoreDown::Local) continue;
      charges.push_back(all[i]);
      charges.back().max = share_of(all[i].max, replicas);
      places.push_back(i);
    }
    levels.resize(charges.size());
  }
  std::vector<std::uint64_t> of(std::span<const std::uint64_t> amounts) const {
    std::vector<std::uint64_t> picked;
    picked.reserve(places.size());
    for (const std::size_t place : places) picked.push_back(amounts[place]);
    return picked;
  }
  void write_levels(std::span<Level> all) const {
    for (std::size_t i = 0; i < places.size(); ++i) all[places[i]] = levels[i];
  }

  std::vector<Charge> charges;
  std::vector<std::size_t> places;  // among all
  std::vector<Level> levels;
};

}  // namespace

// What one take() holds.
struct DeferredStore::Held {
  Held(std::uint64_t number_in, std::span<const Charge> all) : number(number_in) {
    std::size_t size = 0;
    for (const Charge& charge : all) size += charge.key.size();
    keys.reserve(size);
    charges.assign(all.begin(), all.end());
    for (Charge& charge : charges) {
      const std::size_t begin = keys.size();
      keys += charge.key;
      charge.key = std::string_view(keys).substr(begin, charge.key.size());
    }
  }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

  // Where this charge stands; charges.size() when it is none of them.
  std::size_t place_of(const Charge& charge) const {
    const auto found = std::ranges::find(charges, charge.key, &Charge::key);
    return static_cast<std::size_t>(found - charges.begin());
  }

  const std::uint64_t number;
  std::string keys;  // what the charges point into
  std::vector<Charge> charges;
  bool local = false;  // counted here: the shared store was down
  bool answered = false;
  RemoteCounters::Reply reply{};
  std::vector<Level> raised;  // one each per charge, as the latest raise() was answered
  bool raising = false, settling = false, settle_answered = false;
  std::vector<Level> settled;
};

struct DeferredStore::State {
  State(RemoteCounters& remote_in, CounterStore& local_in, std::uint32_t replicas_in,
        std::function<void()> ready_in)
      : remote(remote_in), local(local_in), replicas(replicas_in), ready(std::move(ready_in)) {}

  Held* find(std::span<const Charge> charges) {
    if (charges.empty()) return nullptr;
    for (const auto& one : held) {
      if (one->place_of(charges.front()) < one->charges.size()) return one.get();
    }
    return nullptr;
  }
  void answered_one() {
    if (--asked == 0 && ready) ready();
  }

  RemoteCounters& remote;
  CounterStore& local;
  const std::uint32_t replicas;
  const std::function<void()> ready;
  std::deque<std::shared_ptr<Held>>
      awaited;  // takes that were sent and not yet picked up, in order
  std::vector<std::shared_ptr<Held>> held;
  std::size_t asked = 0;  // calls whose answers somebody may wait for
  bool later = false;
};

DeferredStore::DeferredStore(RemoteCounters& remote, CounterStore& local, std::uint32_t replicas,
                             std::function<void()> ready)
    : state_(std::make_shared<State>(remote, local, replicas, std::move(ready))) {}

DeferredStore::~DeferredStore() {
  // Calls keep their order: whatever is taken by then is given back.
  for (const auto& one : state_->awaited) {
    const bool holds = !one->answered || one->reply.outcome == Outcome::Taken;
    if (holds) state_->remote.give(one->number, one->charges);
  }
}

bool DeferredStore::settles_later() const {
  return state_->later;
}

// ---- take ----

Outcome DeferredStore::take(std::span<const Charge> charges, std::int64_t now_ns,
                            std::span<Level> levels) {
  State& s = *state_;
  const auto same = [&](const auto& one) {
    return std::ranges::equal(one->charges, charges, {}, &Charge::key, &Charge::key);
  };
  const auto found = std::ranges::find_if(s.awaited, same);
  if (found != s.awaited.end()) {
    if (!(*found)->answered) return Outcome::Waiting;
    const std::shared_ptr<Held> one = std::move(*found);
    s.awaited.erase(found);
    if (one->reply.outcome == Outcome::Down) return take_here(charges, now_ns, levels);
    const std::size_t told = std::min(levels.size(), one->reply.levels.size());
    std::copy_n(one->reply.levels.begin(), told, levels.begin());
    if (one->reply.outcome == Outcome::Taken) s.held.push_back(one);
    return one->reply.outcome;
  }
  if (!s.remote.available()) return take_here(charges, now_ns, levels);
  const auto one = std::make_shared<Held>(s.remote.next_holding(), charges);
  s.awaited.push_back(one);
  ++s.asked;
  s.remote.take(one->number, one->charges,
                [state = std::weak_ptr(state_), one](const RemoteCounters::Reply& reply) {
                  one->answered = true;
                  one->reply = reply;
                  if (const auto alive = state.lock()) alive->answered_one();
                });
  return Outcome::Waiting;
}

// The shared store is down: each charge by its own word.
Outcome DeferredStore::take_here(std::span<const Charge> charges, std::int64_t now_ns,
                                 std::span<Level> levels) {
  bool closed = false;
  for (std::size_t i = 0; i < charges.size(); ++i) {
    levels[i] = {.used = 0, .remaining = charges[i].max};
    levels[i].refused = charges[i].down == OnStoreDown::Closed;
    closed |= levels[i].refused;
  }
  if (closed) return Outcome::Down;
  Locals locals(charges, state_->replicas);
  if (!locals.charges.empty()) {
    const Outcome outcome = state_->local.take(locals.charges, now_ns, locals.levels);
    locals.write_levels(levels);
    if (outcome != Outcome::Taken) return outcome;
  }
  const auto one = std::make_shared<Held>(0, charges);
  one->local = true;
  state_->held.push_back(one);
  return Outcome::Taken;
}

// ---- raise, settle, give ----

void DeferredStore::raise(std::span<const Charge> charges, std::span<const std::uint64_t> so_far,
                          std::int64_t now_ns, std::span<Level> levels) {
  Held* const found = state_->find(charges);
  if (found == nullptr) return;
  if (found->local) {
    Locals locals(charges, state_->replicas);
    state_->local.raise(locals.charges, locals.of(so_far), now_ns, locals.levels);
    return locals.write_levels(levels);
  }
  const std::size_t begin = found->place_of(charges.front());
  for (std::size_t i = 0; i < charges.size(); ++i) {
    if (begin + i < found->raised.size()) {
      levels[i] = found->raised[begin + i];
    } else {
      levels[i].refused = false;
    }
  }
  if (found->raising || !state_->remote.available()) return;
  const auto one = *std::ranges::find(state_->held, found, &std::shared_ptr<Held>::get);
  one->raising = true;
  state_->remote.raise(one->number, charges, so_far,
                       [one, begin](const RemoteCounters::Reply& reply) {
                         one->raising = false;
                         if (reply.outcome == Outcome::Down) return;
                         one->raised.resize(one->charges.size());
                         for (std::size_t i = 0; i < reply.levels.size(); ++i) {
                           if (begin + i < one->raised.size()) {
                             one->raised[begin + i] = reply.levels[i];
                           }
                         }
                       });
}

void DeferredStore::settle(std::span<const Charge> charges, std::span<const std::uint64_t> used,
                           std::int64_t now_ns, std::span<Level> levels) {
  State& s = *state_;
  s.later = false;
  Held* const found = s.find(charges);
  if (found == nullptr) return;
  if (found->local) {
    Locals locals(charges, s.replicas);
    s.local.settle(locals.charges, locals.of(used), now_ns, locals.levels);
    return locals.write_levels(levels);
  }
  if (found->settle_answered) {
    std::copy_n(found->settled.begin(), std::min(levels.size(), found->settled.size()),
                levels.begin());
    return;
  }
  if (found->settling) {
    s.later = true;
    return;
  }
  const auto one = *std::ranges::find(s.held, found, &std::shared_ptr<Held>::get);
  one->settling = true;
  // Nobody waits for a store that is down: it is told when it is back.
  s.later = s.remote.available();
  for (Level& level : levels) level.refused = false;
  if (!s.later) return s.remote.settle(one->number, charges, used, [](const auto&) {});
  ++s.asked;
  s.remote.settle(one->number, charges, used,
                  [state = std::weak_ptr(state_), one](const RemoteCounters::Reply& reply) {
                    one->settle_answered = true;
                    one->settled = reply.levels;
                    if (const auto alive = state.lock()) alive->answered_one();
                  });
}

void DeferredStore::give(std::span<const Charge> charges, std::int64_t now_ns) noexcept {
  Held* const found = state_->find(charges);
  if (found == nullptr) return;
  if (!found->local) return state_->remote.give(found->number, charges);
  const Locals locals(charges, state_->replicas);
  state_->local.give(locals.charges, now_ns);
}

}  // namespace capsem::limit
