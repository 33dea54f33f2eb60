#include "server/app/stores.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <array>
#include <random>
#include <utility>
#include <vector>

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

store::AuditOnFailure on_failure_of(proxy::AuditFailure failure) {
  switch (failure) {
    case proxy::AuditFailure::Closed:
      return store::AuditOnFailure::Closed;
    case proxy::AuditFailure::Spool:
      return store::AuditOnFailure::Spool;
    case proxy::AuditFailure::Open:
      return store::AuditOnFailure::Open;
  }
  return store::AuditOnFailure::Closed;
}

}  // namespace

Result<std::unique_ptr<Stores>> Stores::start(const proxy::Settings& settings, State* state,
                                              const Clock& clock) {
  std::unique_ptr<Stores> stores(new Stores(clock));
  if (state != nullptr) {
    stores->has_database_ = true;
    stores->target_ = state->target();
    stores->gateway_ = name_of(settings, state->target());
    if (settings.audit.enabled) {
      if (Status done = stores->start_audit(settings, *state); !done) {
        return std::unexpected(done.error());
      }
    }
    if (Status done = stores->load_pins(*state); !done) return std::unexpected(done.error());
    stores->load_counters(settings.http.limit_keys_max);
  }
  return stores;
}

Stores::~Stores() {
  stop();
}

Status Stores::start_audit(const proxy::Settings& settings, State& state) {
  const proxy::AuditSettings& given = settings.audit;
  store::AuditWriterOptions options;
  options.target = target_;
  if (target_.kind == sql::Kind::Postgres) options.gateway = gateway_;
  options.on_failure = on_failure_of(given.on_failure);
  options.write_ms_max = given.write_ms_max;
  options.group_ms = given.group_ms;
  options.group_records = given.group_records;
  options.lazy_ms = given.lazy_ms;
  options.queue_bytes_max = given.queue_bytes_max;
  if (!settings.data_dir.empty()) options.spool_path = settings.data_dir + "/audit.spool";
  options.spool_bytes_max = given.spool_bytes_max;
  options.segment_records_max = given.segment_records_max;
  options.segment_bytes_max = given.segment_bytes_max;
  options.retention_days = given.retention_days;
  options.retention_bytes_max = given.retention_bytes_max;
  options.content_bytes_max = given.content_bytes_max;
  auto writer = store::AuditWriter::start(
      std::move(options), clock_,
      {.vault = state.vault().get(), .mask = store::make_personal_data_mask()});
  if (!writer) return std::unexpected(writer.error());
  writer_ = std::move(*writer);
  // Until it has spoken to its database it answers nobody; the first request should not be the one
  // to find out.
  writer_->flush(given.write_ms_max);
  return {};
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
