// Shared counters without a network: a MemoryStore behind the asynchronous seam, which answers when
// it is told to, and can be down.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/limit/deferred.h"
#include "core/limit/memory_store.h"

namespace capsem::test {

class FakeCounters final : public limit::RemoteCounters {
 public:
  explicit FakeCounters(const Clock& clock) : clock_(clock) {}

  // Answers what was asked up to now; returns how many calls that were.
  std::size_t answer() {
    std::size_t count = 0;
    for (; !asked_.empty(); ++count) {
      const auto next = std::move(asked_.front());
      asked_.pop_front();
      next();
    }
    return count;
  }
  std::size_t waiting() const { return asked_.size(); }
  std::size_t holdings() const { return amounts_.size(); }

  limit::MemoryStore store;
  bool up = true;      // false: available() says no
  bool fails = false;  // calls are answered with Down
  std::size_t takes = 0, raises = 0, settles = 0, gives = 0;

  bool available() const override { return up; }
  std::uint64_t next_holding() override { return ++last_; }

  void take(std::uint64_t holding, std::span<const limit::Charge> charges, Done done) override {
    ++takes;
    asked_.push_back([this, holding, copy = Copy(charges), done = std::move(done)] {
      Reply reply;
      if (!fails) {
        reply.levels.resize(copy.charges.size());
        reply.outcome = store.take(copy.charges, clock_.monotonic_ns(), reply.levels);
      }
      if (reply.outcome == limit::Outcome::Taken) {
        for (const limit::Charge& charge : copy.charges) {
          if (charge.kind == limit::Kind::Window) continue;
          amounts_[{holding, std::string(charge.key)}] = charge.amount;
        }
      }
      done(reply);
    });
  }
  void raise(std::uint64_t holding, std::span<const limit::Charge> charges,
             std::span<const std::uint64_t> so_far, Done done) override {
    ++raises;
    const std::vector<std::uint64_t> used(so_far.begin(), so_far.end());
    asked_.push_back([this, holding, copy = Copy(charges), used, done = std::move(done)] {
      Reply reply;
      if (!fails) {
        reply = {.outcome = limit::Outcome::Taken,
                 .levels = std::vector<limit::Level>(copy.charges.size())};
        for (std::size_t i = 0; i < copy.charges.size(); ++i) {
          limit::Charge charge = copy.charges[i];
          const auto held = amounts_.find({holding, std::string(charge.key)});
          if (held == amounts_.end()) continue;
          charge.amount = held->second;
          store.raise({&charge, 1}, {&used[i], 1}, clock_.monotonic_ns(), {&reply.levels[i], 1});
          if (!reply.levels[i].refused) held->second = std::max(held->second, used[i]);
        }
      }
      done(reply);
    });
  }
  void settle(std::uint64_t holding, std::span<const limit::Charge> charges,
              std::span<const std::uint64_t> used_in, Done done) override {
    ++settles;
    const std::vector<std::uint64_t> used(used_in.begin(), used_in.end());
    asked_.push_back([this, holding, copy = Copy(charges), used, done = std::move(done)] {
      Reply reply;
      if (!fails) {
        reply = {.outcome = limit::Outcome::Taken,
                 .levels = std::vector<limit::Level>(copy.charges.size())};
        each_held(holding, copy, [&](limit::Charge& charge, std::size_t i) {
          store.settle({&charge, 1}, {&used[i], 1}, clock_.monotonic_ns(), {&reply.levels[i], 1});
        });
      }
      done(reply);
    });
  }
  void give(std::uint64_t holding, std::span<const limit::Charge> charges) override {
    ++gives;
    asked_.push_back([this, holding, copy = Copy(charges)] {
      each_held(holding, copy, [&](limit::Charge& charge, std::size_t) {
        store.give({&charge, 1}, clock_.monotonic_ns());
      });
    });
  }

 private:
  // Charges that own their keys.
  struct Copy {
    explicit Copy(std::span<const limit::Charge> of) : charges(of.begin(), of.end()) {
      for (limit::Charge& charge : charges) charge.key = keys.emplace_back(charge.key);
    }
    Copy(const Copy& other) : Copy(std::span<const limit::Charge>(other.charges)) {}
    Copy& operator=(const Copy&) = delete;
    std::deque<std::string> keys;
    std::vector<limit::Charge> charges;
  };

  // What the holding still has of these charges; it is gone afterwards.
  template <class F>
  void each_held(std::uint64_t holding, const Copy& copy, F&& f) {
    for (std::size_t i = 0; i < copy.charges.size(); ++i) {
      limit::Charge charge = copy.charges[i];
      const auto held = amounts_.find({holding, std::string(charge.key)});
      if (held == amounts_.end()) continue;
      charge.amount = held->second;
      amounts_.erase(held);
      f(charge, i);
    }
  }

  const Clock& clock_;
  std::deque<std::function<void()>> asked_;
  std::map<std::pair<std::uint64_t, std::string>, std::uint64_t> amounts_;
  std::uint64_t last_ = 0;
};

// Shared counters whose every wait is over at once, for running what expects a store that knows:
// each take() has a DeferredStore of its own, as each exchange has. REQUIRES: the keys of a take()
// stay where they are, one behind the other, for as long as anything of it is held.
class PatientStore final : public limit::CounterStore {
 public:
  explicit PatientStore(const Clock& clock) : remote(clock) {}

  limit::Outcome take(std::span<const limit::Charge> charges, std::int64_t now_ns,
                      std::span<limit::Level> levels) override {
    auto store = std::make_unique<limit::DeferredStore>(remote, local, 1, nullptr);
    limit::Outcome outcome = store->take(charges, now_ns, levels);
    while (outcome == limit::Outcome::Waiting && remote.answer() > 0) {
      outcome = store->take(charges, now_ns, levels);
    }
    const char* begin = charges.front().key.data();
    stores_.erase(stores_.lower_bound(begin),
                  stores_.upper_bound(charges.back().key.data() + charges.back().key.size()));
    if (outcome == limit::Outcome::Taken) stores_[begin] = std::move(store);
    return outcome;
  }
  void raise(std::span<const limit::Charge> charges, std::span<const std::uint64_t> so_far,
             std::int64_t now_ns, std::span<limit::Level> levels) override {
    for (int i = 0; i < 2; ++i) {  // what the first one brings is told by the second
      of(charges).raise(charges, so_far, now_ns, levels);
      remote.answer();
    }
  }
  void settle(std::span<const limit::Charge> charges, std::span<const std::uint64_t> used,
              std::int64_t now_ns, std::span<limit::Level> levels) override {
    of(charges).settle(charges, used, now_ns, levels);
    if (!of(charges).settles_later()) return;
    remote.answer();
    of(charges).settle(charges, used, now_ns, levels);
  }
  void give(std::span<const limit::Charge> charges, std::int64_t now_ns) noexcept override {
    if (charges.empty()) return;
    of(charges).give(charges, now_ns);
    remote.answer();
  }

  limit::MemoryStore local;
  FakeCounters remote;

 private:
  limit::DeferredStore& of(std::span<const limit::Charge> charges) {
    return *std::prev(stores_.upper_bound(charges.front().key.data()))->second;
  }

  std::map<const char*, std::unique_ptr<limit::DeferredStore>> stores_;
};

}  // namespace capsem::test
