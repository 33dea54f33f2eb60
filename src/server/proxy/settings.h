// Everything the gateway can be told, with its default and its unit. app/config reads it from
// capsem.toml, the environment and flags; nothing below app knows where a value came from.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/codec/denial.h"
#include "core/engine/exchange.h"
#include "core/wire/json.h"

namespace capsem::proxy {

enum class Provider : std::uint8_t { OpenAi, Gemini, Anthropic };
inline constexpr std::size_t kProviderCount = 3;
std::string_view to_string(Provider provider);  // "openai", "gemini", "anthropic"

// Where a provider is: scheme, host, port and an optional prefix before the client's path.
struct BaseUrl {
  bool tls = true;
  std::string host;
  std::uint16_t port = 443;
  std::string prefix;  // "" or "/x": no trailing slash, no trailing /v1 or /v1beta
};
// Understands a pasted trailing "/v1", "/v1beta" as not there. An error names what is wrong.
Result<BaseUrl> parse_base_url(std::string_view text);

// Where to connect to instead of a base URL's own host and port.
struct Endpoint {
  std::string host;  // a name or an address, an IPv6 one without brackets; empty: none is set
  std::uint16_t port = 0;
};
// "host:port", "[v6]:port", or an empty text. An error names what is wrong.
Result<Endpoint> parse_endpoint(std::string_view text);

// Times in milliseconds, sizes in bytes (reliability.md section 4).
struct HttpLimits {
  std::uint32_t request_line_bytes_max = 8u << 10;   // 414
  std::uint32_t header_field_bytes_max = 16u << 10;  // 431
  std::uint32_t header_bytes_max = 32u << 10;        // 431
  std::uint32_t header_fields_max = 100;             // 431
  std::uint32_t chunk_line_bytes_max = 256;          // 400
  std::uint32_t header_read_ms = 10'000;             // 408, absolute
  std::uint32_t tls_handshake_ms = 10'000;
  std::uint32_t body_gap_ms = 30'000;  // 408
  std::uint32_t body_rate_min = 1024;  // bytes/s on average after 10 s; 408
  std::uint32_t idle_ms = 75'000;
  std::uint32_t requests_per_connection_max = 1'000;
  std::uint32_t connection_age_ms = 3'600'000;
  std::uint32_t write_gap_ms = 60'000;
  std::uint32_t linger_ms = 2'000;
  std::uint32_t linger_bytes = 64u << 10;
  std::uint32_t connections_max = 10'000;         // then refused
  std::uint32_t connections_per_peer_max = 256;   // then refused; 0: unlimited
  std::uint32_t in_flight_max = 2'000;            // 503
  std::uint32_t in_flight_per_key_max = 200;      // 429
  std::uint64_t buffered_bytes_max = 512u << 20;  // ledger over all buffers; 503
  std::uint32_t limit_keys_max = 100'000;         // counters of limits; past it: 503, fail closed
};

struct UpstreamLimits {
  std::uint32_t connect_ms = 5'000;              // TCP and TLS; 502
  std::uint32_t first_byte_ms = 600'000;         // unstreamed; 504
  std::uint32_t first_byte_stream_ms = 120'000;  // 504
  std::uint32_t gap_ms = 120'000;                // between stream bytes; error event
  std::uint32_t total_ms = 600'000;              // unstreamed
  std::uint32_t total_stream_ms = 1'800'000;
  std::uint32_t pool_max = 256;  // connections per provider and loop
  std::uint32_t pool_idle_ms = 60'000;
  std::uint32_t retries_max = 2;  // connect errors with no byte sent
  std::uint32_t watermark_high = 256u << 10, watermark_low = 128u << 10;
  std::uint64_t inflate_bytes_max = 64u << 20;  // compressed answers; and ratio 100
  std::uint32_t inflate_ratio_max = 100;
};

// What becomes of a system call that the gateway does not need, once it has started.
enum class Confine : std::uint8_t {
  Off,     // what the kernel says
  Refuse,  // the known ways out of a process end it, every other call fails
  Kill,    // every such call ends it: for tests
};

// How safe a record is before what it tells of may happen (reliability.md, promise 3).
enum class Durability : std::uint8_t {
  Decisions,  // blocks, approvals, warnings before their answer; the others within lazy_ms
  All,        // every request before the first byte goes to its provider
  Async,      // nothing waits
};
enum class AuditFailure : std::uint8_t {
  Closed,  // no record, no exchange: 503 audit_unavailable
  Spool,   // into a bounded file, which is read in once the database is back
  Open,    // on without a record: loud and counted
};

struct AuditSettings {
  bool enabled = true;  // with a data directory or a database
  Durability durability = Durability::Decisions;
  AuditFailure on_failure = AuditFailure::Closed;
  std::uint32_t write_ms_max = 1'000;              // waiting for a record; then on_failure
  std::uint32_t group_ms = 2, group_records = 64;  // a commit gathers what comes in this time
  std::uint32_t lazy_ms = 100;                     // what nobody waits for is committed this soon
  std::uint32_t queue_bytes_max = 64u << 20;       // records in memory; more: on_failure
  std::uint64_t spool_bytes_max = 256u << 20;
  std::uint32_t segment_records_max = 100'000;
  std::uint64_t segment_bytes_max = 128u << 20;
  std::uint32_t retention_days = 0;  // whole segments older than this go; 0: kept for ever
  std::uint64_t retention_bytes_max = 16ull << 30;  // and the oldest past this; 0: no bound
  std::uint32_t content_bytes_max = 1u << 20;       // of one exchange's texts, where they are kept
};

struct StoreSettings {
  std::string database_url;  // "postgres://..."; empty: SQLite in data_dir
  std::string redis_url;     // "redis://[user:password@]host:port[/db]"; empty: counters in memory
  std::uint32_t call_ms = 1'000;  // one statement, one wait for a lock
  std::uint32_t redis_call_ms = 50;
  std::uint32_t redis_breaker_errors = 5;  // then Redis is left alone, and asked again each second
  std::uint32_t replicas = 1;              // gateways that share limits: the local share is 1/n
  std::uint32_t poll_ms = 250;             // how soon another gateway's changes are seen
  std::uint32_t snapshot_age_ms_max =
      300'000;  // keys and policies without their database; then 503
};

struct VaultSettings {
  std::vector<std::string> master_key_files;  // the first seals, all open
  std::string master_key_env = "CAPSEM_MASTER_KEY";
  std::string master_key_credential = "capsem-master-key";  // of systemd
  std::string passphrase_file;                              // Argon2id
};

struct ApprovalSettings {
  std::uint32_t ttl_ms = 900'000;
  std::uint32_t pending_max = 1'000;          // per tenant; more: 503
  std::uint32_t answer_bytes_max = 1u << 20;  // of a withheld answer that is kept
};

struct WebhookSettings {
  std::vector<std::string> urls;   // told of reviews and violations
  std::vector<std::string> hosts;  // where callbackUrl may lead; those of urls besides
  std::string secret_file;         // what deliveries are signed with (HMAC-SHA-256)
  bool allow_private = false;      // addresses of the own network (T23)
  std::uint32_t timeout_ms = 5'000, attempts_max = 8;
};

struct AdminSettings {
  std::vector<std::string> allowed_origins;  // beside the listener's own (T32)
  std::uint32_t failed_logins_max = 5, failed_logins_ms = 300'000;  // per address; then 429
};

struct Settings {
  // [server]
  std::string host = "127.0.0.1";
  std::uint16_t port = 8000;
  std::string admin_host = "127.0.0.1";
  std::uint16_t admin_port = 8001;  // 0: none
  std::uint32_t workers = 0;        // 0: as many as cores
  std::uint32_t backlog = 2048;
  std::uint32_t limit_concurrency = 0;  // PROXY_LIMIT_CONCURRENCY; 0: in_flight_max alone
  bool access_log = true;               // one structured record per request
  std::string log_level = "info";
  std::string log_file;  // empty: standard output
  std::string config_dir = "config";
  std::string data_dir;
  std::string tls_cert, tls_key;           // both or neither
  std::vector<std::string> allowed_hosts;  // Host allow-list (T33); empty: any on a non-loopback
                                           // listener, loopback names on a loopback one
  std::uint32_t drain_announce_ms = 5'000, drain_ms = 600'000;
  Confine confine = Confine::Refuse;

  // [upstream]
  std::array<BaseUrl, kProviderCount> base_urls{
      {{true, "api.openai.com", 443, ""},
       {true, "generativelanguage.googleapis.com", 443, ""},
       {true, "api.anthropic.com", 443, ""}}};
  // The operator's private links: TCP goes there, while the TLS name, Host and what policies see
  // stay the base URL's.
  std::array<Endpoint, kProviderCount> connect_to;
  std::string ca_file;  // empty: the system's
  UpstreamLimits upstream;
  bool mask_upstream_errors = false;  // upstream_errors = "mask" (R15)

  // [routes]
  bool relay_unlisted = false;  // unlisted = "deny" | "relay"

  // [policies]
  bool watch_policies = true;                  // reload when a file changes
  std::vector<std::string> policy_files;       // beside those of config_dir; relative to it
  std::uint32_t policy_reload_ms_max = 5'000;  // a reload that takes longer is refused
  bool forbid_loosening = false;               // a reload that allows more is refused

  // [http], [json], [streams], [engine]
  HttpLimits http;
  wire::JsonLimits json;
  engine::EngineSettings engine;

  // [audit], [store], [vault], [approvals], [webhooks], [admin]
  AuditSettings audit;
  StoreSettings store;
  VaultSettings vault;
  ApprovalSettings approvals;
  WebhookSettings webhooks;
  AdminSettings admin;

  // [errors]
  codec::ErrorBody error_body = codec::ErrorBody::Auto;
};

}  // namespace capsem::proxy
