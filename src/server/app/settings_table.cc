#include "server/app/settings_table.h"

#include <array>

namespace capsem::app {
namespace {

using S = proxy::Settings;

constexpr std::uint64_t kDayMs = 86'400'000;
constexpr std::uint64_t kCountMax = 10'000'000;
constexpr std::uint64_t kBytes32Max = 1u << 30;
constexpr std::uint64_t kBytesMax = std::uint64_t{1} << 40;

constexpr std::array<std::string_view, 7> kLogLevels = {"trace", "debug",    "info", "warning",
                                                        "error", "critical", "off"};
constexpr std::array<std::string_view, 2> kUpstreamErrors = {"pass", "mask"};
constexpr std::array<std::string_view, 2> kUnlisted = {"deny", "relay"};
constexpr std::array<std::string_view, 4> kErrorBodies = {"auto", "capsem", "both", "openai"};
constexpr std::array<std::string_view, 2> kStreamModes = {"inspect", "buffer"};
constexpr std::array<std::string_view, 2> kConfirm = {"block", "allow"};

std::size_t log_level_of(const S& s) {
  for (std::size_t i = 0; i < kLogLevels.size(); ++i) {
    if (s.log_level == kLogLevels[i]) return i;
  }
  return 2;
}

Slot log_level(S&) {
  return Choice{kLogLevels, log_level_of, [](S& s, std::size_t i) { s.log_level = kLogLevels[i]; }};
}
Slot upstream_errors(S&) {
  return Choice{kUpstreamErrors, [](const S& s) { return std::size_t{s.mask_upstream_errors}; },
                [](S& s, std::size_t i) { s.mask_upstream_errors = i == 1; }};
}
Slot unlisted(S&) {
  return Choice{kUnlisted, [](const S& s) { return std::size_t{s.relay_unlisted}; },
                [](S& s, std::size_t i) { s.relay_unlisted = i == 1; }};
}
Slot confirm(S&) {
  return Choice{kConfirm, [](const S& s) { return std::size_t{s.engine.confirm_allows}; },
                [](S& s, std::size_t i) { s.engine.confirm_allows = i == 1; }};
}
Slot stream_mode(S&) {
  return Choice{
      kStreamModes, [](const S& s) { return static_cast<std::size_t>(s.engine.stream_mode); },
      [](S& s, std::size_t i) { s.engine.stream_mode = static_cast<engine::StreamMode>(i); }};
}
// The words are those of the header X-Capsem-Error-Format (X1), in the order of codec::ErrorBody.
Slot error_body(S&) {
  return Choice{kErrorBodies, [](const S& s) { return static_cast<std::size_t>(s.error_body); },
                [](S& s, std::size_t i) { s.error_body = static_cast<codec::ErrorBody>(i); }};
}

#define CAPSEM_SLOT(member) [](S& s) -> Slot { return &s.member; }

constexpr Setting kServer[] = {
    {.name = "server.host",
     .slot = CAPSEM_SLOT(host),
     .help = "address the gateway listens on",
     .flags = "--host",
     .env = "PROXY_HOST"},
    {.name = "server.port",
     .slot = CAPSEM_SLOT(port),
     .help = "port of the gateway; 0: any free one",
     .flags = "--port",
     .env = "PROXY_PORT"},
    {.name = "server.admin_host",
     .slot = CAPSEM_SLOT(admin_host),
     .help = "address of the admin listener",
     .flags = "--admin-host"},
    {.name = "server.admin_port",
     .slot = CAPSEM_SLOT(admin_port),
     .help = "port of the admin listener (health, metrics, policies); 0: none",
     .flags = "--admin-port"},
    {.name = "server.workers",
     .slot = CAPSEM_SLOT(workers),
     .help = "event loops; 0: one per core",
     .max = 1024,
     .flags = "--workers",
     .env = "PROXY_WORKERS"},
    {.name = "server.backlog",
     .slot = CAPSEM_SLOT(backlog),
     .help = "connections the kernel may queue before they are accepted",
     .min = 1,
     .max = 65'535,
     .flags = "--backlog",
     .env = "PROXY_BACKLOG"},
    {.name = "server.limit_concurrency",
     .slot = CAPSEM_SLOT(limit_concurrency),
     .help = "requests in flight, past which new ones get 503; 0: http.in_flight_max alone",
     .max = kCountMax,
     .flags = "--limit-concurrency",
     .env = "PROXY_LIMIT_CONCURRENCY"},
    {.name = "server.access_log",
     .slot = CAPSEM_SLOT(access_log),
     .help = "one JSON record per exchange; false: only those with a decision or a fault",
     .flags = "--access-log",
     .env = "PROXY_ACCESS_LOG"},
    {.name = "server.log_level",
     .slot = log_level,
     .help = "least severe message that is printed",
     .flags = "--log-level",
     .env = "PROXY_LOG_LEVEL"},
    {.name = "server.log_file",
     .slot = CAPSEM_SLOT(log_file),
     .help = "file the records go to; empty: standard output",
     .flags = "--log-file"},
    {.name = "server.config_dir",
     .slot = CAPSEM_SLOT(config_dir),
     .help = "directory of capsem.toml and the policy files",
     .flags = "--config-dir,--config",
     .env = "PROXY_CONFIG_DIR",
     .in_file = false},
    {.name = "server.data_dir",
     .slot = CAPSEM_SLOT(data_dir),
     .help = "directory for what the gateway keeps; empty: nothing is kept",
     .flags = "--data-dir"},
    {.name = "server.tls_cert",
     .slot = CAPSEM_SLOT(tls_cert),
     .help = "certificate chain (PEM file); with tls_key the gateway speaks TLS",
     .flags = "--tls-cert"},
    {.name = "server.tls_key",
     .slot = CAPSEM_SLOT(tls_key),
     .help = "private key (PEM file)",
     .flags = "--tls-key"},
    {.name = "server.allowed_hosts",
     .slot = CAPSEM_SLOT(allowed_hosts),
     .help = "Host names that are answered; empty: loopback names on a loopback address, else any"},
    {.name = "server.drain_announce_ms",
     .slot = CAPSEM_SLOT(drain_announce_ms),
     .help = "time between not being ready and closing the listeners",
     .max = kDayMs},
    {.name = "server.drain_ms",
     .slot = CAPSEM_SLOT(drain_ms),
     .help = "time running exchanges get to end at shutdown",
     .max = kDayMs},
};

constexpr Setting kUpstream[] = {
    {.name = "upstream.openai_base_url",
     .slot = CAPSEM_SLOT(base_urls[0]),
     .help = "where OpenAI is: scheme, host, port, optional prefix",
     .flags = "--openai-base-url",
     .env = "CAPSEM_OPENAI_BASE_URL"},
    {.name = "upstream.gemini_base_url",
     .slot = CAPSEM_SLOT(base_urls[1]),
     .help = "where Gemini is",
     .flags = "--gemini-base-url",
     .env = "CAPSEM_GEMINI_BASE_URL"},
    {.name = "upstream.anthropic_base_url",
     .slot = CAPSEM_SLOT(base_urls[2]),
     .help = "where Anthropic is",
     .flags = "--anthropic-base-url",
     .env = "CAPSEM_ANTHROPIC_BASE_URL"},
    {.name = "upstream.openai_connect_to",
     .slot = CAPSEM_SLOT(connect_to[0]),
     .help = "host:port that TCP connects to instead of the base URL's; TLS name and Host stay",
     .flags = "--openai-connect-to"},
    {.name = "upstream.gemini_connect_to",
     .slot = CAPSEM_SLOT(connect_to[1]),
     .help = "the same for Gemini",
     .flags = "--gemini-connect-to"},
    {.name = "upstream.anthropic_connect_to",
     .slot = CAPSEM_SLOT(connect_to[2]),
     .help = "the same for Anthropic",
     .flags = "--anthropic-connect-to"},
    {.name = "upstream.ca_file",
     .slot = CAPSEM_SLOT(ca_file),
     .help = "trusted certificates (PEM file); empty: the system's"},
    {.name = "upstream.connect_ms",
     .slot = CAPSEM_SLOT(upstream.connect_ms),
     .help = "TCP and TLS connect; then 502",
     .min = 1,
     .max = kDayMs},
    {.name = "upstream.first_byte_ms",
     .slot = CAPSEM_SLOT(upstream.first_byte_ms),
     .help = "wait for an unstreamed answer; then 504",
     .min = 1,
     .max = kDayMs},
    {.name = "upstream.first_byte_stream_ms",
     .slot = CAPSEM_SLOT(upstream.first_byte_stream_ms),
     .help = "wait for a stream to begin; then 504",
     .min = 1,
     .max = kDayMs},
    {.name = "upstream.gap_ms",
     .slot = CAPSEM_SLOT(upstream.gap_ms),
     .help = "silence within a stream; then an error event",
     .min = 1,
     .max = kDayMs},
    {.name = "upstream.total_ms",
     .slot = CAPSEM_SLOT(upstream.total_ms),
     .help = "whole unstreamed exchange",
     .min = 1,
     .max = kDayMs},
    {.name = "upstream.total_stream_ms",
     .slot = CAPSEM_SLOT(upstream.total_stream_ms),
     .help = "whole streamed exchange",
     .min = 1,
     .max = kDayMs},
    {.name = "upstream.pool_max",
     .slot = CAPSEM_SLOT(upstream.pool_max),
     .help = "connections per provider and loop",
     .min = 1,
     .max = 65'535},
    {.name = "upstream.pool_idle_ms",
     .slot = CAPSEM_SLOT(upstream.pool_idle_ms),
     .help = "an unused connection is closed after this",
     .max = kDayMs},
    {.name = "upstream.retries_max",
     .slot = CAPSEM_SLOT(upstream.retries_max),
     .help = "new attempts after a failed connect",
     .max = 10},
    {.name = "upstream.watermark_high",
     .slot = CAPSEM_SLOT(upstream.watermark_high),
     .help = "bytes waiting for a slow client at which the provider is no longer read",
     .min = 4096,
     .max = kBytes32Max},
    {.name = "upstream.watermark_low",
     .slot = CAPSEM_SLOT(upstream.watermark_low),
     .help = "bytes waiting at which reading goes on",
     .min = 1024,
     .max = kBytes32Max},
    {.name = "upstream.inflate_bytes_max",
     .slot = CAPSEM_SLOT(upstream.inflate_bytes_max),
     .help = "a compressed answer, unpacked",
     .min = 1024,
     .max = kBytesMax},
    {.name = "upstream.inflate_ratio_max",
     .slot = CAPSEM_SLOT(upstream.inflate_ratio_max),
     .help = "times a compressed answer may grow",
     .min = 1,
     .max = 100'000},
};

constexpr Setting kHttp[] = {
    {.name = "http.request_line_bytes_max",
     .slot = CAPSEM_SLOT(http.request_line_bytes_max),
     .help = "longer: 414",
     .min = 256,
     .max = kBytes32Max},
    {.name = "http.header_field_bytes_max",
     .slot = CAPSEM_SLOT(http.header_field_bytes_max),
     .help = "one header field; longer: 431",
     .min = 256,
     .max = kBytes32Max},
    {.name = "http.header_bytes_max",
     .slot = CAPSEM_SLOT(http.header_bytes_max),
     .help = "all header fields; longer: 431",
     .min = 256,
     .max = kBytes32Max},
    {.name = "http.header_fields_max",
     .slot = CAPSEM_SLOT(http.header_fields_max),
     .help = "more: 431",
     .min = 8,
     .max = 10'000},
    {.name = "http.chunk_line_bytes_max",
     .slot = CAPSEM_SLOT(http.chunk_line_bytes_max),
     .help = "chunk size and extensions; longer: 400",
     .min = 16,
     .max = 65'536},
    {.name = "http.header_read_ms",
     .slot = CAPSEM_SLOT(http.header_read_ms),
     .help = "from the first byte to the end of the header; then 408",
     .min = 1,
     .max = kDayMs},
    {.name = "http.tls_handshake_ms",
     .slot = CAPSEM_SLOT(http.tls_handshake_ms),
     .help = "then the connection is closed",
     .min = 1,
     .max = kDayMs},
    {.name = "http.body_gap_ms",
     .slot = CAPSEM_SLOT(http.body_gap_ms),
     .help = "silence within a body; then 408",
     .min = 1,
     .max = kDayMs},
    {.name = "http.body_rate_min",
     .slot = CAPSEM_SLOT(http.body_rate_min),
     .help = "bytes per second on average after 10 s; slower: 408; 0: any",
     .max = kBytes32Max},
    {.name = "http.idle_ms",
     .slot = CAPSEM_SLOT(http.idle_ms),
     .help = "a connection without a request is closed after this",
     .min = 1,
     .max = kDayMs},
    {.name = "http.requests_per_connection_max",
     .slot = CAPSEM_SLOT(http.requests_per_connection_max),
     .help = "then it is closed",
     .min = 1,
     .max = kCountMax},
    {.name = "http.connection_age_ms",
     .slot = CAPSEM_SLOT(http.connection_age_ms),
     .help = "an older connection is closed after its request",
     .min = 1,
     .max = kDayMs},
    {.name = "http.write_gap_ms",
     .slot = CAPSEM_SLOT(http.write_gap_ms),
     .help = "a client that takes no byte for this long is given up",
     .min = 1,
     .max = kDayMs},
    {.name = "http.linger_ms",
     .slot = CAPSEM_SLOT(http.linger_ms),
     .help = "time to read on after a refusal, so that the client sees it",
     .max = kDayMs},
    {.name = "http.linger_bytes",
     .slot = CAPSEM_SLOT(http.linger_bytes),
     .help = "bytes read on after a refusal",
     .max = kBytes32Max},
    {.name = "http.connections_max",
     .slot = CAPSEM_SLOT(http.connections_max),
     .help = "more are refused",
     .min = 1,
     .max = kCountMax},
    {.name = "http.connections_per_peer_max",
     .slot = CAPSEM_SLOT(http.connections_per_peer_max),
     .help = "connections of one address; more are refused; 0: no limit",
     .max = kCountMax},
    {.name = "http.in_flight_max",
     .slot = CAPSEM_SLOT(http.in_flight_max),
     .help = "requests at a time; more: 503",
     .min = 1,
     .max = kCountMax},
    {.name = "http.in_flight_per_key_max",
     .slot = CAPSEM_SLOT(http.in_flight_per_key_max),
     .help = "requests of one key at a time; more: 429",
     .min = 1,
     .max = kCountMax},
    {.name = "http.buffered_bytes_max",
     .slot = CAPSEM_SLOT(http.buffered_bytes_max),
     .help = "all buffers together; more: 503",
     .min = 1u << 20,
     .max = kBytesMax},
    {.name = "http.limit_keys_max",
     .slot = CAPSEM_SLOT(http.limit_keys_max),
     .help = "counters of limits in memory; more callers than fit: 503",
     .min = 64,
     .max = kCountMax},
};

constexpr Setting kPolicies[] = {
    {.name = "policies.watch",
     .slot = CAPSEM_SLOT(watch_policies),
     .help = "reload the policies when one of their files changes"},
    {.name = "policies.files",
     .slot = CAPSEM_SLOT(policy_files),
     .help = "policy files beside those of this directory; relative to it"},
    {.name = "policies.forbid_loosening",
     .slot = CAPSEM_SLOT(forbid_loosening),
     .help = "refuse a reload that would allow more than the policies in force"},
    {.name = "policies.reload_ms_max",
     .slot = CAPSEM_SLOT(policy_reload_ms_max),
     .help = "a reload that takes longer is refused",
     .min = 1,
     .max = kDayMs},
};

constexpr Setting kInspection[] = {
    {.name = "routes.unlisted",
     .slot = unlisted,
     .help = "paths that are not in the route table: deny or relay"},
    {.name = "json.depth_max",
     .slot = CAPSEM_SLOT(json.depth_max),
     .help = "nesting; deeper: 400",
     .min = 8,
     .max = 1024},
    {.name = "json.nodes_max",
     .slot = CAPSEM_SLOT(json.nodes_max),
     .help = "values in one JSON text; more: 400",
     .min = 100,
     .max = 100'000'000},
    {.name = "json.number_digits_max",
     .slot = CAPSEM_SLOT(json.number_digits_max),
     .help = "characters of one number; more: 400",
     .min = 20,
     .max = 100'000},
    {.name = "streams.mode",
     .slot = stream_mode,
     .help = "inspect: text leaves once it is decided; buffer: the whole answer is judged first"},
    {.name = "streams.stream_bytes_max",
     .slot = CAPSEM_SLOT(engine.limits.stream_bytes_max),
     .help = "one streamed answer; longer ones are cut",
     .min = 4096,
     .max = kBytesMax},
    {.name = "streams.event_bytes_max",
     .slot = CAPSEM_SLOT(engine.limits.event_bytes_max),
     .help = "one event; longer ones cut the stream",
     .min = 1024,
     .max = kBytes32Max},
    {.name = "streams.held_bytes_max",
     .slot = CAPSEM_SLOT(engine.limits.held_bytes_max),
     .help = "undecided bytes; more cut the stream",
     .min = 4096,
     .max = kBytes32Max},
    {.name = "engine.request_bytes_max",
     .slot = CAPSEM_SLOT(engine.limits.request_bytes_max),
     .help = "a request's body; more: 413",
     .min = 1024,
     .max = kBytes32Max},
    {.name = "engine.answer_bytes_max",
     .slot = CAPSEM_SLOT(engine.limits.answer_bytes_max),
     .help = "an unstreamed answer; more: 502",
     .min = 1024,
     .max = kBytes32Max},
    {.name = "engine.messages_max",
     .slot = CAPSEM_SLOT(engine.limits.messages_max),
     .help = "messages in a request; more: 400",
     .min = 1,
     .max = kCountMax},
    {.name = "engine.tools_max",
     .slot = CAPSEM_SLOT(engine.limits.tools_max),
     .help = "tools in a request; more: 400",
     .min = 1,
     .max = kCountMax},
    {.name = "engine.choices_max",
     .slot = CAPSEM_SLOT(engine.limits.choices_max),
     .help = "answers asked for at once; more: 400",
     .min = 1,
     .max = kCountMax},
    {.name = "engine.allow_token_arrays",
     .slot = CAPSEM_SLOT(engine.allow_token_arrays),
     .help = "let prompts pass that are token ids, which cannot be inspected"},
    {.name = "engine.confirm",
     .slot = confirm,
     .help = "what CONFIRM does: block, or allow as the original did"},
    {.name = "errors.error_body", .slot = error_body, .help = "shape of a refusal's body"},
    {.name = "errors.upstream_errors",
     .slot = upstream_errors,
     .help = "a provider's error body: pass it on, or mask it"},
};

#undef CAPSEM_SLOT

std::vector<Setting> all_settings() {
  std::vector<Setting> all;
  for (const std::span<const Setting> part :
       {std::span<const Setting>(kServer), std::span<const Setting>(kUpstream),
        std::span<const Setting>(kPolicies), std::span<const Setting>(kHttp),
        std::span<const Setting>(kInspection)}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

}  // namespace

std::span<const Setting> settings_table() {
  static const std::vector<Setting> table = all_settings();
  return table;
}

const Setting* find_setting(std::string_view name) {
  for (const Setting& setting : settings_table()) {
    if (setting.name == name) return &setting;
  }
  return nullptr;
}

std::string env_name(const Setting& setting) {
  std::string name = "CAPSEM_";
  for (const char c : setting.name) {
    if (c == '.') {
      name += "__";
    } else {
      name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
  }
  return name;
}

}  // namespace capsem::app
