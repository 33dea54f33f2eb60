#include "server/store/saved_state.h"

#include <spdlog/spdlog.h>

#include <utility>

namespace capsem::store {
namespace {

// What a crash may forget: tools that were first seen in the last second, and what was counted in
// the last ten.
constexpr std::chrono::milliseconds kPinsEvery{1'000};
constexpr std::chrono::milliseconds kCountersEvery{10'000};

}  // namespace

SavedState::SavedState(sql::Target target, const Clock& clock, std::string gateway)
    : target_(std::move(target)), clock_(clock), gateway_(std::move(gateway)), pins_(clock) {}

Result<std::unique_ptr<SavedState>> SavedState::open(const sql::Target& target, const Clock& clock,
                                                     const std::string& gateway) {
  auto connection = sql::open(target);
  if (!connection) return std::unexpected(std::move(connection.error()));
  std::unique_ptr<SavedState> state(new SavedState(target, clock, gateway));
  if (Status loaded = state->pins_.load(**connection); !loaded) {
    return std::unexpected(std::move(loaded.error()));
  }
  return state;
}

Status SavedState::keep(limit::MemoryStore& counters) {
  auto connection = sql::open(target_);
  if (!connection) return std::unexpected(std::move(connection.error()));
  counters_.emplace(counters, clock_, gateway_);
  const auto loaded = counters_->load(**connection);
  if (!loaded) return std::unexpected(loaded.error());
  if (loaded->restored > 0) spdlog::info("{} counters of limits go on", loaded->restored);
  if (loaded->unreadable > 0) {
    spdlog::warn("{} saved counters cannot be read and begin anew", loaded->unreadable);
  }
  saver_.emplace(
      target_,
      std::vector<Saved>{{.name = "tool pins",
                          .every = kPinsEvery,
                          .save = [this](sql::Connection& to) { return pins_.save(to); }},
                         {.name = "counters",
                          .every = kCountersEvery,
                          .save = [this](sql::Connection& to) { return counters_->save(to); }}});
  return {};
}

}  // namespace capsem::store
