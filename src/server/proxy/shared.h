// What all loops share: settings, contexts, and counts as atomics. No lock is taken on the request
// path.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "core/audit/record.h"
#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/secret.h"
#include "core/limit/memory_store.h"
#include "server/http/limits.h"
#include "server/net/listener.h"
#include "server/net/resolver.h"
#include "server/net/tls.h"
#include "server/proxy/gateway.h"
#include "server/proxy/hosts.h"
#include "server/proxy/policy_api.h"
#include "server/proxy/settings.h"
#include "server/store/memory_pins.h"
#include "server/upstream/limits.h"

namespace capsem::proxy {

// Bytes buffered by all exchanges (promise 11). Past 85 % no new large body is begun, past 95 % no
// request but health and admin.
class MemoryLedger {
 public:
  explicit MemoryLedger(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}

  bool admits(std::uint64_t bytes) const {
    const std::uint64_t used = used_.load(std::memory_order_relaxed);
    if (used * 100 > bytes_max_ * 95) return false;
    constexpr std::uint64_t kLarge = 64u << 10;
    return bytes < kLarge || (used + bytes) * 100 <= bytes_max_ * 85;
  }
  void add(std::uint64_t bytes) { used_.fetch_add(bytes, std::memory_order_relaxed); }
  void sub(std::uint64_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }

 private:
  const std::uint64_t bytes_max_;
  std::atomic<std::uint64_t> used_{0};
};

// Requests in flight, in total and per key. Keys are counted in hashed slots: two keys in one slot
// share a limit, which is rare and errs to the strict side.
class InFlight {
 public:
  InFlight(std::uint32_t total_max, std::uint32_t per_key_max)
      : total_max_(total_max), per_key_max_(per_key_max) {}

  enum class Entry : std::uint8_t { Entered, TooMany, TooManyOfKey };
  Entry enter(std::string_view user_id);
  void leave(std::string_view user_id);

 private:
  static constexpr std::size_t kSlots = 1u << 14;
  std::atomic<std::uint32_t>& slot(std::string_view user_id) {
    return keys_[hash_bytes(user_id) % kSlots];
  }

  const std::uint32_t total_max_, per_key_max_;
  std::atomic<std::uint32_t> total_{0};
  std::array<std::atomic<std::uint32_t>, kSlots> keys_{};
};

struct Shared {
  Shared(Settings settings_in, audit::Sink& audit_in, const Clock& clock_in,
         net::TlsContext client);

  const Settings settings;
  audit::Sink& audit;
  const Clock& clock;
  const http::ServerLimits server_limits;
  const upstream::Limits upstream_limits;
  const HostList hosts, admin_hosts;

  net::TlsContext client_tls;
  std::unique_ptr<net::TlsContext> server_tls;  // null: plain listener
  net::Resolver resolver;
  net::ConnectionGate gate;
  net::ConnectionGate admin_gate;  // its own: clients cannot shut the operator out
  MemoryLedger ledger;
  InFlight in_flight;
  limit::MemoryStore own_counters;
  limit::MemoryStore* counters = &own_counters;
  store::MemoryPins memory_pins;
  policy::PinStore* pins = &memory_pins;
  AdminHandler admin;
  PolicyJudge judge;                       // none: the check API's paths are unknown
  tenant::Approvals* approvals = nullptr;  // none: what wants approval is refused for good
  RemoteCounters remote_counters;          // none: limits are this process's own
  bool policies_from_database = false;
  Secret redaction_secret;  // the same for all loops; at first one of this process

  std::atomic<bool> draining{false};
};

}  // namespace capsem::proxy
