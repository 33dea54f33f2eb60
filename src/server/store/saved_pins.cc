#include "server/store/saved_pins.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace capsem::store {

using policy::PinState;

PinState SavedPins::look(std::string_view principal, std::string_view tool,
                         std::string_view digest) {
  const PinState state = memory_.look(principal, tool, digest);
  if (state == PinState::New) remember(principal, tool, digest, false);
  return state;
}

void SavedPins::accept(std::string_view principal, std::string_view tool, std::string_view digest) {
  memory_.accept(principal, tool, digest);
  remember(principal, tool, digest, true);
}

void SavedPins::remember(std::string_view principal, std::string_view tool, std::string_view digest,
                         bool accepted) {
  Change change{.principal = std::string(principal),
                .tool = std::string(tool),
                .digest = std::string(digest),
                .seen_ms = clock_.wall_ms(),
                .accepted = accepted};
  const std::scoped_lock guard(lock_);
  if (waiting_.size() >= limits_.waiting_max) {
    dropped_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  waiting_.push_back(std::move(change));
}

Status SavedPins::load(sql::Connection& connection) {
  // The most recent ones come last, so that they are the last ones memory forgets.
  rows_ = 0;
  auto read = connection.run("SELECT principal, tool, digest FROM tool_pin ORDER BY seen_ms", {},
                             [&](const sql::Row& row) {
                               memory_.accept(row.blob(0), row.blob(1), row.text(2));
                               ++rows_;
                             });
  if (!read) return std::unexpected(std::move(read.error()));
  return {};
}

Status SavedPins::save(sql::Connection& connection) {
  std::vector<Change> changes;
  {
    const std::scoped_lock guard(lock_);
    changes.swap(waiting_);
  }
  if (changes.empty()) return {};
  std::uint64_t added = 0;
  Status done = sql::in_transaction(connection, [&]() -> Status {
    for (const Change& change : changes) {
      auto written = write(connection, change);
      if (!written) return std::unexpected(std::move(written.error()));
      added += *written;
    }
    return {};
  });
  if (!done) {
    // Back in front of what came since.
    const std::scoped_lock guard(lock_);
    changes.insert(changes.end(), std::make_move_iterator(waiting_.begin()),
                   std::make_move_iterator(waiting_.end()));
    waiting_ = std::move(changes);
    return done;
  }
  rows_ += added;
  return rows_ > limits_.rows_max ? keep_bounded(connection) : Status{};
}

Result<std::uint64_t> SavedPins::write(sql::Connection& connection, const Change& change) const {
  const sql::Blob principal{change.principal};
  const sql::Blob tool{change.tool};
  const std::string_view digest = change.digest;
  if (change.accepted) {
    return connection.run(
        "INSERT INTO tool_pin (principal, tool, digest, seen_ms) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (principal, tool) DO UPDATE"
        " SET digest = excluded.digest, seen_ms = excluded.seen_ms",
        {principal, tool, digest, change.seen_ms});
  }
  return connection.run(
      "INSERT INTO tool_pin (principal, tool, digest, seen_ms) VALUES ($1, $2, $3, $4)"
      " ON CONFLICT (principal, tool) DO NOTHING",
      {principal, tool, digest, change.seen_ms});
}

Status SavedPins::keep_bounded(sql::Connection& connection) {
  // Counted anew: other gateways write to the same table.
  std::int64_t rows = 0;
  auto counted = connection.run("SELECT count(*) FROM tool_pin", {},
                                [&](const sql::Row& row) { rows = row.number(0); });
  if (!counted) return std::unexpected(std::move(counted.error()));
  rows_ = static_cast<std::uint64_t>(rows);
  if (rows_ <= limits_.rows_max) return {};
  const auto too_many = static_cast<std::int64_t>(rows_ - limits_.rows_max + limits_.rows_max / 10);
  auto removed = connection.run(
      "DELETE FROM tool_pin WHERE (principal, tool) IN"
      " (SELECT principal, tool FROM tool_pin ORDER BY seen_ms LIMIT $1)",
      {too_many});
  if (!removed) return std::unexpected(std::move(removed.error()));
  rows_ -= std::min(rows_, *removed);
  return {};
}

}  // namespace capsem::store
