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

  // [errors]
  codec::ErrorBody error_body = codec::ErrorBody::Auto;
};

}  // namespace capsem::proxy
