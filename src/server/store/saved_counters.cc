#include "server/store/saved_counters.h"

#include <fstream>
#include <utility>
#include <vector>

namespace capsem::store {
namespace {

using limit::MemoryStore;

constexpr std::size_t kAtOnce = 256;  // rows of one transaction
constexpr std::int64_t kSweepMs = 600'000;

}  // namespace

std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

SavedCounters::SavedCounters(MemoryStore& counters, const Clock& clock, std::string gateway)
    : counters_(counters), clock_(clock), gateway_(std::move(gateway)), boot_(boot_id()) {}

Moment SavedCounters::now() const {
  return {.monotonic_ns = clock_.monotonic_ns(), .wall_ms = clock_.wall_ms(), .boot = boot_};
}

Result<SavedCounters::Loaded> SavedCounters::load(sql::Connection& connection) {
  Loaded loaded;
  const Moment moment = now();
  auto read = connection.run("SELECT name, state FROM counter WHERE gateway = $1",
                             {std::string_view(gateway_)}, [&](const sql::Row& row) {
                               auto window = unpack_window(row.blob(1), moment);
                               if (!window) {
                                 ++loaded.unreadable;
                                 return;
                               }
                               window->key = row.blob(0);
                               const bool over = window->amounts.empty() ||
                                                 window->amounts.back().at_ns + window->window_ns <=
                                                     moment.monotonic_ns;
                               if (over) {
                                 ++loaded.over;
                               } else if (counters_.restore(*window, moment.monotonic_ns)) {
                                 ++loaded.restored;
                               }
                             });
  if (!read) return std::unexpected(std::move(read.error()));
  return loaded;
}

Status SavedCounters::save(sql::Connection& connection) {
  const Moment moment = now();
  while (true) {
    // What could not be written last time is written first, unless it has changed again.
    const std::size_t room = kAtOnce - std::min(kAtOnce, pending_.size());
    std::vector<MemoryStore::LongWindow> changed;
    if (room > 0) changed = counters_.take_changed(room);
    for (const MemoryStore::LongWindow& window : changed) {
      const std::int64_t newest_ns =
          window.amounts.empty() ? moment.monotonic_ns : window.amounts.back().at_ns;
      const std::int64_t left_ms = (newest_ns + window.window_ns - moment.monotonic_ns) / 1'000'000;
      pending_.insert_or_assign(window.key, Pending{.state = pack_window(window, moment),
                                                    .until_ms = moment.wall_ms + left_ms});
    }
    const bool sweep = moment.wall_ms - swept_ms_ >= kSweepMs || moment.wall_ms < swept_ms_;
    if (pending_.empty() && !sweep) return {};
    if (Status written = write(connection, sweep ? moment.wall_ms : 0); !written) return written;
    pending_.clear();
    if (sweep) swept_ms_ = moment.wall_ms;
    if (changed.size() < room) return {};
  }
}

// `sweep_ms`: rows that are over then are removed; 0: none.
Status SavedCounters::write(sql::Connection& connection, std::int64_t sweep_ms) {
  return sql::in_transaction(connection, [&]() -> Status {
    const std::string_view gateway = gateway_;
    for (const auto& [key, pending] : pending_) {
      auto done = connection.run(
          "INSERT INTO counter (gateway, name, state, until_ms) VALUES ($1, $2, $3, $4)"
          " ON CONFLICT (gateway, name) DO UPDATE"
          " SET state = excluded.state, until_ms = excluded.until_ms",
          {gateway, sql::Blob{key}, sql::Blob{pending.state}, pending.until_ms});
      if (!done) return std::unexpected(std::move(done.error()));
    }
    if (sweep_ms == 0) return {};
    auto done = connection.run("DELETE FROM counter WHERE gateway = $1 AND until_ms <= $2",
                               {gateway, sweep_ms});
    if (!done) return std::unexpected(std::move(done.error()));
    return {};
  });
}

}  // namespace capsem::store
