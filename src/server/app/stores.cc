#include "server/app/stores.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <array>
#include <random>
#include <utility>
#include <vector>

#include "server/app/auditing.h"

namespace capsem::app {
namespace {

// Of this gateway among those that share a database, the same after a restart. A data directory is
// one gateway's own.
std::string name_of(const proxy::Settings& settings, const sql::Target& target) {
  if (target.kind == sql::Kind::Sqlite) return "local";
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return fmt::format("{}:{}", host.data(), settings.port);
}

}  // namespace

Result<std::unique_ptr<Stores>> Stores::start(const proxy::Settings& settings, State* state,
                                              const Clock& clock) {
  std::unique_ptr<Stores> stores(new Stores(clock));
  if (state != nullptr) {
    stores->has_database_ = true;
    stores->target_ = state->target();
    stores->gateway_ = name_of(settings, state->target());
    auto writer = start_audit(settings, *state, clock);
    if (!writer) return std::unexpected(writer.error());
    stores->writer_ = std::move(*writer);
    if (Status done = stores->load_pins(*state); !done) return std::unexpected(done.error());
    stores->load_counters(settings.http.limit_keys_max);
  }
  return stores;
}

Stores::~Stores() {
  stop();
}

Status Stores::load_pins(State& state) {
  pins_ = std::make_unique<store::SavedPins>(clock_);
  auto connection = sql::open(state.target());
  if (!connection) return std::unexpected(connection.error());
  return pins_->load(**connection);
}

void Stores::equip(proxy::Further& further) {
  if (pins_) further.pins = pins_.get();
  if (has_database_) {
    further.counters = memory_counters_.get();
  }
}

// What cannot be read is counted anew: no reason not to serve, but one to say so.
void Stores::load_counters(std::size_t keys_max) {
  std::random_device random;
  memory_counters_ = std::make_unique<limit::MemoryStore>(limit::MemoryStoreOptions{
      .keys_max = keys_max, .hash_seed = std::uint64_t{random()} << 32 | random()});
  counters_ = std::make_unique<store::SavedCounters>(*memory_counters_, clock_, gateway_);
  Status done = gateway_error("store_gone", "");
  if (auto connection = sql::open(target_)) {
    const auto loaded = counters_->load(**connection);
    done = loaded ? Status() : Status(std::unexpected(loaded.error()));
  }
  if (!done) spdlog::error("limits of an hour and more begin anew: their counters cannot be read");
}

void Stores::begin() {
  if (!has_database_) return;
  std::vector<store::Saved> what;
  what.push_back({.name = "tool pins",
                  .save = [this](sql::Connection& connection) { return pins_->save(connection); }});
  what.push_back({.name = "counters", .save = [this](sql::Connection& connection) {
                    return counters_->save(connection);
                  }});
  saver_ = std::make_unique<store::Saver>(target_, std::move(what));
}

void Stores::stop() {
  saver_.reset();
}

}  // namespace capsem::app
