#include "server/app/auditing.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <utility>

namespace capsem::app {
namespace {

constexpr std::uint32_t kStartMs = 2'000;

store::AuditOnFailure mode_of(proxy::AuditFailure failure) {
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

// Gateways that share a database, also several on one host, have chains of their own.
std::string chain_of(const proxy::Settings& settings) {
  if (settings.store.database_url.empty()) return {};
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) return {};
  return fmt::format("{}:{}", host.data(), settings.port);
}

store::AuditWriterOptions options_of(const proxy::Settings& settings, const sql::Target& target) {
  const proxy::AuditSettings& audit = settings.audit;
  store::AuditWriterOptions options;
  options.target = target;
  options.gateway = chain_of(settings);
  options.on_failure = mode_of(audit.on_failure);
  options.write_ms_max = audit.write_ms_max;
  options.group_ms = audit.group_ms;
  options.group_records = audit.group_records;
  options.lazy_ms = audit.lazy_ms;
  options.queue_bytes_max = audit.queue_bytes_max;
  if (!settings.data_dir.empty()) options.spool_path = settings.data_dir + "/audit.spool";
  options.spool_bytes_max = audit.spool_bytes_max;
  options.segment_records_max = audit.segment_records_max;
  options.segment_bytes_max = audit.segment_bytes_max;
  options.retention_days = audit.retention_days;
  options.retention_bytes_max = audit.retention_bytes_max;
  options.content_bytes_max = audit.content_bytes_max;
  return options;
}

}  // namespace

Result<std::unique_ptr<store::AuditWriter>> start_audit(const proxy::Settings& settings,
                                                        State& state, const Clock& clock) {
  if (!settings.audit.enabled) return std::unique_ptr<store::AuditWriter>();
  if (settings.audit.on_failure == proxy::AuditFailure::Spool && settings.data_dir.empty()) {
    return gateway_error("invalid_setting",
                         "audit.on_failure = \"spool\" needs server.data_dir for its file");
  }
  auto writer =
      store::AuditWriter::start(options_of(settings, state.target()), clock,
                                {.vault = state.vault().get(), .mask = store::make_content_mask()});
  if (writer) (*writer)->flush(kStartMs);
  return writer;
}

}  // namespace capsem::app
