#include "server/store/saved_state.h"

#include <spdlog/spdlog.h>

#include <random>
#include <utility>
#include <vector>

namespace capsem::store {
namespace {

// What a crash may forget: tools that were first seen in the last second, and what was counted in
// the last ten.
constexpr std::chrono::milliseconds kPinsEvery{1'000};
constexpr std::chrono::milliseconds kCountersEvery{10'000};

std::uint64_t random_seed() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

}  // namespace

SavedState::SavedState(const Clock& clock, const Options& options)
    : counters_({.keys_max = options.counters_max, .hash_seed = random_seed()}),
      saved_counters_(counters_, clock, options.gateway),
      pins_(clock) {}

Result<std::unique_ptr<SavedState>> SavedState::open(const sql::Target& target, const Clock& clock,
                                                     const Options& options) {
  auto connection = sql::open(target);
  if (!connection) return std::unexpected(std::move(connection.error()));
  std::unique_ptr<SavedState> state(new SavedState(clock, options));
  if (Status loaded = state->load(**connection); !loaded) {
    return std::unexpected(std::move(loaded.error()));
  }
  state->start(target);
  return state;
}

Status SavedState::load(sql::Connection& connection) {
  if (Status loaded = pins_.load(connection); !loaded) return loaded;
  const auto loaded = saved_counters_.load(connection);
  if (!loaded) return std::unexpected(loaded.error());
  if (loaded->restored > 0) spdlog::info("{} counters of limits go on", loaded->restored);
  if (loaded->unreadable > 0) {
    spdlog::warn("{} saved counters cannot be read and begin anew", loaded->unreadable);
  }
  return {};
}

void SavedState::start(const sql::Target& target) {
  std::vector<Saved> what;
  what.push_back({.name = "tool pins", .every = kPinsEvery, .save = [this](sql::Connection& to) {
                    return pins_.save(to);
                  }});
  what.push_back({.name = "counters", .every = kCountersEvery, .save = [this](sql::Connection& to) {
                    return saved_counters_.save(to);
                  }});
  saver_ = std::make_unique<Saver>(target, std::move(what));
}

}  // namespace capsem::store
