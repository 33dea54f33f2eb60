#include "server/proxy/shared.h"

#include <algorithm>
#include <random>
#include <utility>

namespace capsem::proxy {
namespace {

http::ServerLimits server_limits_of(const HttpLimits& from) {
  http::ServerLimits to;
  to.reader.request_line_bytes_max = from.request_line_bytes_max;
  to.reader.field_bytes_max = from.header_field_bytes_max;
  to.reader.head_bytes_max = from.header_bytes_max;
  to.reader.fields_max = from.header_fields_max;
  to.reader.chunk_line_bytes_max = from.chunk_line_bytes_max;
  to.header_read_ms = from.header_read_ms;
  to.tls_handshake_ms = from.tls_handshake_ms;
  to.body_gap_ms = from.body_gap_ms;
  to.body_rate_min = from.body_rate_min;
  to.idle_ms = from.idle_ms;
  to.write_gap_ms = from.write_gap_ms;
  to.linger_ms = from.linger_ms;
  to.linger_bytes = from.linger_bytes;
  to.requests_max = from.requests_per_connection_max;
  to.age_ms = from.connection_age_ms;
  return to;
}

upstream::Limits upstream_limits_of(const UpstreamLimits& from) {
  upstream::Limits to;
  to.connect_ms = from.connect_ms;
  to.first_byte_ms = from.first_byte_ms;
  to.first_byte_stream_ms = from.first_byte_stream_ms;
  to.gap_ms = from.gap_ms;
  to.total_ms = from.total_ms;
  to.total_stream_ms = from.total_stream_ms;
  to.pool_max = from.pool_max;
  to.pool_idle_ms = from.pool_idle_ms;
  to.retries_max = from.retries_max;
  to.inflate_bytes_max = from.inflate_bytes_max;
  to.inflate_ratio_max = from.inflate_ratio_max;
  return to;
}

std::uint32_t total_in_flight(const Settings& settings) {
  const std::uint32_t limit = settings.http.in_flight_max;
  return settings.limit_concurrency == 0 ? limit : std::min(limit, settings.limit_concurrency);
}

std::uint64_t random_seed() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

Secret random_secret() {
  std::string bytes;
  for (int i = 0; i < 4; ++i) {
    const std::uint64_t seed = random_seed();
    bytes.append(reinterpret_cast<const char*>(&seed), sizeof seed);
  }
  return Secret(bytes);
}

}  // namespace

InFlight::Entry InFlight::enter(std::string_view user_id) {
  if (total_.fetch_add(1, std::memory_order_relaxed) >= total_max_) {
    total_.fetch_sub(1, std::memory_order_relaxed);
    return Entry::TooMany;
  }
  if (slot(user_id).fetch_add(1, std::memory_order_relaxed) >= per_key_max_ && per_key_max_ != 0) {
    leave(user_id);
    return Entry::TooManyOfKey;
  }
  return Entry::Entered;
}

void InFlight::leave(std::string_view user_id) {
  slot(user_id).fetch_sub(1, std::memory_order_relaxed);
  total_.fetch_sub(1, std::memory_order_relaxed);
}

Shared::Shared(Settings settings_in, audit::Sink& audit_in, const Clock& clock_in,
               net::TlsContext client)
    : settings(std::move(settings_in)),
      audit(audit_in),
      clock(clock_in),
      server_limits(server_limits_of(settings.http)),
      upstream_limits(upstream_limits_of(settings.upstream)),
      hosts(settings.allowed_hosts, settings.host),
      admin_hosts({}, settings.admin_host),
      client_tls(std::move(client)),
      gate(settings.http.connections_max, settings.http.connections_per_peer_max),
      admin_gate(64, 0),
      ledger(settings.http.buffered_bytes_max),
      in_flight(total_in_flight(settings), settings.http.in_flight_per_key_max),
      own_counters({.keys_max = settings.http.limit_keys_max, .hash_seed = random_seed()}),
      redaction_secret(random_secret()) {}

}  // namespace capsem::proxy
