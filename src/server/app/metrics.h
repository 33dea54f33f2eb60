// /metrics: the sum over the loops' shards as Prometheus text. Names of the OpenTelemetry GenAI
// conventions where there are some, with underscores for dots; no label has unbounded values.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "server/app/process_stats.h"
#include "server/proxy/metrics.h"
#include "server/redis/client.h"
#include "server/store/audit_writer.h"

namespace capsem::app {

// What the shards do not know.
struct ProgramStats {
  std::string version{}, revision{};  // of the program, of the policies
  std::uint64_t records_written = 0, records_dropped = 0;
  std::optional<store::AuditStats> audit{};  // nothing: there is none
  std::uint64_t reloads = 0, reloads_unchanged = 0, reloads_failed = 0;
  bool policies_current = true;  // the last reload was not refused
  ProcessStats process{};
  // Of a gateway with a database.
  bool has_state = false;
  bool database_up = false, sealed = false;
  std::uint64_t directory_age_ms = 0, integrations = 0, keys = 0, row_problems = 0;
  std::uint64_t reviews_pending = 0;
  const redis::Stats* redis = nullptr;  // null: there is none
};

// Shards are read while their loops write them: each number is exact, their sums may be a few
// requests apart. A histogram's _count is always the sum of its buckets.
std::string render_metrics(std::span<const proxy::MetricShard* const> shards,
                           const ProgramStats& program);

}  // namespace capsem::app
