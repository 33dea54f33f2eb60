#include "server/app/metrics.h"

#include <array>

#include "server/app/metrics_text.h"

namespace capsem::app {
namespace {

using proxy::Count;
using proxy::MetricShard;
using proxy::ProviderMetrics;
using Shards = std::span<const MetricShard* const>;

// The conventions' own names of the providers and of what is asked of them.
struct ProviderNames {
  std::string_view provider, operation;
};
constexpr std::array<ProviderNames, proxy::kProviderCount> kProviders = {
    {{"openai", "chat"}, {"gcp.gemini", "generate_content"}, {"anthropic", "chat"}}};

// `of` names a Count in a shard: the sum over all shards.
template <class Of>
std::uint64_t total(Shards shards, Of of) {
  std::uint64_t sum = 0;
  for (const MetricShard* shard : shards) sum += of(*shard).get();
  return sum;
}

template <std::size_t N, class Of>
void histogram(MetricsText& text, Shards shards, const std::array<std::uint64_t, N>& bounds,
               double divisor, MetricsText::Labels labels, Of of) {
  std::array<std::uint64_t, N + 1> counts{};
  std::uint64_t sum = 0;
  for (const MetricShard* shard : shards) {
    const auto& h = of(*shard);
    for (std::size_t i = 0; i <= N; ++i) counts[i] += h.buckets[i].get();
    sum += h.sum.get();
  }
  text.histogram(bounds, counts, sum, divisor, labels);
}

// One sample per provider of the Count that `of` names in it.
template <class Of>
void per_provider(MetricsText& text, Shards shards, std::string_view name, std::string_view help,
                  Of of) {
  text.family(name, "counter", help);
  for (std::size_t p = 0; p < kProviders.size(); ++p) {
    text.sample(
        total(shards, [&](const MetricShard& s) -> const Count& { return of(s.providers[p]); }),
        {{"gen_ai_provider_name", kProviders[p].provider}});
  }
}

void provider_histogram(MetricsText& text, Shards shards, std::string_view name,
                        std::string_view help, proxy::Histogram<14> ProviderMetrics::* member) {
  text.family(name, "histogram", help);
  for (std::size_t p = 0; p < kProviders.size(); ++p) {
    histogram(text, shards, proxy::kDurationBoundsMs, 1000,
              {{"gen_ai_provider_name", kProviders[p].provider},
               {"gen_ai_operation_name", kProviders[p].operation}},
              [&](const MetricShard& s) -> const auto& { return s.providers[p].*member; });
  }
}

void token_usage(MetricsText& text, Shards shards) {
  text.family("gen_ai_client_token_usage", "histogram",
              "Tokens per answer, as the provider counts");
  for (std::size_t p = 0; p < kProviders.size(); ++p) {
    for (const bool input : {true, false}) {
      histogram(text, shards, proxy::kTokenBounds, 1,
                {{"gen_ai_provider_name", kProviders[p].provider},
                 {"gen_ai_operation_name", kProviders[p].operation},
                 {"gen_ai_token_type", input ? "input" : "output"}},
                [&](const MetricShard& s) -> const auto& {
                  return input ? s.providers[p].input_tokens : s.providers[p].output_tokens;
                });
    }
  }
}

void providers(MetricsText& text, Shards shards) {
  provider_histogram(text, shards, "gen_ai_server_request_duration_seconds",
                     "Time from the request to the end of its answer",
                     &ProviderMetrics::duration_ms);
  provider_histogram(text, shards, "gen_ai_server_time_to_first_token_seconds",
                     "Time from the request to the first byte of its answer",
                     &ProviderMetrics::first_token_ms);
  token_usage(text, shards);

  constexpr std::array<std::string_view, 6> kClasses = {"", "1xx", "2xx", "3xx", "4xx", "5xx"};
  text.family("capsem_answers_total", "counter", "Answers to clients by class of status");
  for (std::size_t p = 0; p < kProviders.size(); ++p) {
    for (std::size_t c = 1; c < kClasses.size(); ++c) {
      text.sample(
          total(shards,
                [&](const MetricShard& s) -> const Count& { return s.providers[p].status[c]; }),
          {{"gen_ai_provider_name", kProviders[p].provider}, {"class", kClasses[c]}});
    }
  }
  using P = ProviderMetrics;
  per_provider(text, shards, "capsem_upstream_connects_total", "Connections opened to providers",
               [](const P& p) -> const Count& { return p.upstream_connects; });
  per_provider(text, shards, "capsem_upstream_reuses_total", "Requests on a kept connection",
               [](const P& p) -> const Count& { return p.upstream_reuses; });
  per_provider(text, shards, "capsem_upstream_retries_total", "Connects tried anew",
               [](const P& p) -> const Count& { return p.upstream_retries; });
  per_provider(text, shards, "capsem_upstream_errors_total", "Providers not reached or broken off",
               [](const P& p) -> const Count& { return p.upstream_errors; });
}

void inspection(MetricsText& text, Shards shards) {
  text.family("capsem_overhead_microseconds", "histogram", "The gateway's own time per request");
  histogram(text, shards, proxy::kOverheadBoundsUs, 1, {},
            [](const MetricShard& s) -> const auto& { return s.overhead_us; });
  text.family("capsem_inspection_microseconds", "histogram", "Of the gateway's time: inspection");
  histogram(text, shards, proxy::kOverheadBoundsUs, 1, {},
            [](const MetricShard& s) -> const auto& { return s.inspection_us; });

  text.family("capsem_verdicts_total", "counter", "Verdicts of policies by inspection point");
  for (std::size_t point = 0; point < event::kPointCount; ++point) {
    for (std::size_t v = 0; v < std::tuple_size_v<decltype(MetricShard::verdicts)::value_type>;
         ++v) {
      text.sample(
          total(shards, [&](const MetricShard& s) -> const Count& { return s.verdicts[point][v]; }),
          {{"point", to_string(static_cast<event::Point>(point))},
           {"verdict", to_string(static_cast<policy::Verdict>(v))}});
    }
  }
  text.family("capsem_inspected_bytes_total", "counter", "Text inspected by inspection point");
  for (std::size_t point = 0; point < event::kPointCount; ++point) {
    text.sample(
        total(shards,
              [&](const MetricShard& s) -> const Count& { return s.inspected_bytes[point]; }),
        {{"point", to_string(static_cast<event::Point>(point))}});
  }
}

struct PlainRow {
  std::string_view name, type, help;
  Count MetricShard::* count;
};
constexpr PlainRow kPlain[] = {
    {"capsem_inspection_failed_total", "counter",
     "Exchanges refused because they could not be inspected", &MetricShard::inspection_failed},
    {"capsem_stream_cuts_total", "counter", "Streams ended by a policy", &MetricShard::stream_cuts},
    {"capsem_client_gone_total", "counter", "Clients that left before their answer was complete",
     &MetricShard::client_gone},
    {"capsem_requests_total", "counter", "Requests", &MetricShard::requests_total},
    {"capsem_connections_total", "counter", "Client connections", &MetricShard::connections_total},
    {"capsem_refused_connections_total", "counter", "Connections past the limits",
     &MetricShard::refused_connections},
    {"capsem_refused_in_flight_total", "counter", "Requests past the limits",
     &MetricShard::refused_in_flight},
    {"capsem_denied_routes_total", "counter", "Requests for paths that no route allows",
     &MetricShard::denied_routes},
    {"capsem_bad_requests_total", "counter", "Requests that are not valid HTTP or JSON",
     &MetricShard::bad_requests},
    {"capsem_connections_open", "gauge", "Client connections open now",
     &MetricShard::connections_open},
    {"capsem_requests_in_flight", "gauge", "Requests under way now",
     &MetricShard::requests_in_flight},
    {"capsem_streams_open", "gauge", "Streamed answers under way now", &MetricShard::streams_open},
    {"capsem_buffered_bytes", "gauge", "Bytes in all buffers now", &MetricShard::buffered_bytes},
};

void process(MetricsText& text, const ProcessStats& stats) {
  text.family("process_resident_memory_bytes", "gauge", "Resident memory");
  text.sample(stats.resident_bytes);
  text.family("process_open_fds", "gauge", "Open file descriptors");
  text.sample(stats.open_fds);
  text.family("process_max_fds", "gauge", "File descriptors allowed");
  text.sample(stats.max_fds);
  text.family("process_cpu_seconds_total", "counter", "User and system time");
  text.sample(stats.cpu_seconds);
  text.family("process_start_time_seconds", "gauge", "Start of the process since the Unix epoch");
  text.sample(stats.start_time_seconds);
}

void write_audit(MetricsText& text, const store::AuditStats& audit) {
  text.family("capsem_audit_available", "gauge", "1 while records can be kept");
  text.sample(std::uint64_t{audit.available ? 1U : 0U});
  text.family("capsem_audit_records_total", "counter", "Records by what became of them");
  text.sample(audit.written, {{"outcome", "written"}});
  text.sample(audit.lost, {{"outcome", "lost"}});
  text.family("capsem_audit_refused_total", "counter", "Callers told that no record can be kept");
  text.sample(audit.refused);
  text.family("capsem_audit_commits_total", "counter", "Transactions of the audit by outcome");
  text.sample(audit.commits, {{"outcome", "done"}});
  text.sample(audit.failures, {{"outcome", "failed"}});
  text.family("capsem_audit_queue_bytes", "gauge", "Memory of records that wait to be written");
  text.sample(audit.queued_bytes);
  text.family("capsem_audit_spool_bytes", "gauge", "Records on disk that wait for the database");
  text.sample(audit.spool_bytes);
  text.family("capsem_audit_last_commit_seconds", "gauge", "How long the latest commit took");
  text.sample(static_cast<double>(audit.last_commit_us) / 1e6);
  text.family("capsem_audit_segments_retired_total", "counter", "Segments that retention removed");
  text.sample(audit.retired_segments);
}

void program(MetricsText& text, const ProgramStats& stats) {
  text.family("capsem_build_info", "gauge", "Version of the program and revision of its policies");
  text.sample(std::uint64_t{1}, {{"version", stats.version}, {"revision", stats.revision}});
  text.family("capsem_records_written_total", "counter", "Records written to the log");
  text.sample(stats.records_written);
  text.family("capsem_records_dropped_total", "counter", "Records lost because the log was stuck");
  text.sample(stats.records_dropped);
  if (stats.audit) write_audit(text, *stats.audit);
  text.family("capsem_policy_reloads_total", "counter", "Reloads of the policies by outcome");
  text.sample(stats.reloads, {{"outcome", "done"}});
  text.sample(stats.reloads_unchanged, {{"outcome", "unchanged"}});
  text.sample(stats.reloads_failed, {{"outcome", "failed"}});
  text.family("capsem_policies_current", "gauge",
              "1: the last reload was taken; 0: it was refused, and older policies are in force");
  text.sample(std::uint64_t{stats.policies_current ? 1U : 0U});
}

void state(MetricsText& text, const ProgramStats& stats) {
  const auto gauge = [&](std::string_view name, std::string_view help, std::uint64_t value) {
    text.family(name, "gauge", help);
    text.sample(value);
  };
  gauge("capsem_database_up", "1: the database answered the last look.", stats.database_up);
  gauge("capsem_directory_age_milliseconds",
        "Since the database was last known to say who may call.", stats.directory_age_ms);
  gauge("capsem_integrations", "Integrations in memory.", stats.integrations);
  gauge("capsem_gateway_keys", "Gateway keys in memory.", stats.keys);
  gauge("capsem_row_problems", "Rows that cannot be used, as a secret that does not open.",
        stats.row_problems);
  gauge("capsem_reviews_pending", "Reviews that wait for a person.", stats.reviews_pending);
  gauge("capsem_vault_sealed", "1: provider keys are wiped from memory.", stats.sealed);
}

void redis_calls(MetricsText& text, const redis::Stats& stats) {
  text.family("capsem_redis_up", "gauge",
              "1: every connection to Redis answers; 0: limits go by their on_store_down");
  text.sample(std::uint64_t{stats.clients_up.load() == stats.clients.load() ? 1U : 0U});
  text.family("capsem_redis_connections", "gauge", "Connections to Redis that answer");
  text.sample(std::uint64_t{stats.clients_up.load()});
  text.family("capsem_redis_calls_total", "counter",
              "Commands sent, or wanted while Redis was down");
  text.sample(stats.calls.load());
  text.family("capsem_redis_failures_total", "counter", "Commands without a good answer");
  text.sample(stats.failures.load());
  text.family("capsem_redis_timeouts_total", "counter", "Commands not answered in redis_call_ms");
  text.sample(stats.timeouts.load());
  text.family("capsem_redis_breaks_total", "counter",
              "Connections that were lost, or given up after redis_breaker_errors");
  text.sample(stats.breaks.load());
}

}  // namespace

std::string render_metrics(Shards shards, const ProgramStats& stats) {
  MetricsText text;
  program(text, stats);
  if (stats.redis != nullptr) redis_calls(text, *stats.redis);
  providers(text, shards);
  inspection(text, shards);
  for (const PlainRow& row : kPlain) {
    text.family(row.name, row.type, row.help);
    text.sample(total(shards, [&](const MetricShard& s) -> const Count& { return s.*row.count; }));
  }
  process(text, stats.process);
  if (stats.has_state) state(text, stats);
  return text.take();
}

}  // namespace capsem::app
