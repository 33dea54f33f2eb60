// One loop's counts. Written by that loop alone with relaxed stores, read by the admin listener at
// any time; the sum over the shards is what /metrics shows. No label has unbounded values.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "core/codec/codec.h"
#include "core/event/event.h"
#include "core/policy/decision.h"
#include "server/proxy/settings.h"

namespace capsem::proxy {

// A number that one thread writes and others read.
class Count {
 public:
  void add(std::uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void sub(std::uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) - n, std::memory_order_relaxed);
  }
  std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// Cumulative histogram over fixed bounds.
template <std::size_t N>
struct Histogram {
  std::array<Count, N + 1> buckets;  // buckets[i]: values <= bounds[i]; the last: all others
  Count sum, count;
  void observe(std::uint64_t value, const std::array<std::uint64_t, N>& bounds) {
    std::size_t i = 0;
    while (i < N && value > bounds[i]) ++i;
    buckets[i].add();
    sum.add(value);
    count.add();
  }
};

inline constexpr std::array<std::uint64_t, 12> kOverheadBoundsUs = {
    5, 10, 20, 50, 100, 200, 500, 1'000, 5'000, 20'000, 100'000, 1'000'000};
// OpenTelemetry GenAI's advice for durations, in milliseconds.
inline constexpr std::array<std::uint64_t, 14> kDurationBoundsMs = {
    10, 20, 40, 80, 160, 320, 640, 1'280, 2'560, 5'120, 10'240, 20'480, 40'960, 81'920};
inline constexpr std::array<std::uint64_t, 14> kTokenBounds = {
    1,      4,      16,      64,        256,       1'024,      4'096,
    16'384, 65'536, 262'144, 1'048'576, 4'194'304, 16'777'216, 67'108'864};

// Per provider.
struct ProviderMetrics {
  Histogram<14> duration_ms;     // gen_ai.server.request.duration (client side of the gateway)
  Histogram<14> first_token_ms;  // gen_ai.server.time_to_first_token
  Histogram<14> input_tokens, output_tokens;  // gen_ai.client.token.usage by gen_ai.token.type
  std::array<Count, 6> status;                // answers to clients by class: index 1..5 = 1xx..5xx
  Count upstream_connects, upstream_reuses, upstream_retries, upstream_errors;
};

struct MetricShard {
  std::array<ProviderMetrics, kProviderCount> providers;
  Histogram<12> overhead_us;    // the gateway's own time per request
  Histogram<12> inspection_us;  // of which inspection
  // Verdicts of policies by point: verdicts[point][verdict].
  std::array<std::array<Count, policy::kVerdictCount>, event::kPointCount> verdicts;
  std::array<Count, event::kPointCount> inspected_bytes;
  Count inspection_failed, stream_cuts, client_gone, refused_connections, refused_in_flight;
  Count connections_open, requests_in_flight, streams_open, buffered_bytes;  // gauges
  Count connections_total, requests_total;
  Count denied_routes, bad_requests;
};

}  // namespace capsem::proxy
