// The gateway as one object: loops, listeners, routes, relay. app/main builds it from settings and
// a policy snapshot, starts it, and turns signals into drain().
//
// Thread-safe: every public function may be called from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/audit/record.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/secret.h"
#include "core/limit/memory_store.h"
#include "core/limit/deferred.h"
#include "core/policy/pins.h"
#include "core/policy/snapshot.h"
#include "server/net/loop.h"
#include "server/proxy/metrics.h"
#include "server/proxy/policy_api.h"
#include "server/proxy/settings.h"
#include "server/tenant/approvals.h"
#include "server/tenant/directory.h"

namespace capsem::proxy {

struct AdminReply {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::string fields{};  // further header lines, each ended
};

// Views, valid during the call of the handler.
struct AdminRequest {
  std::string_view method;
  std::string_view path;   // decoded
  std::string_view query;  // as it came, without the question mark
  std::string_view content_type;
  std::string_view authorization;
  std::string_view host;    // allowed by the listener's list already (T33)
  std::string_view origin;  // empty: no web page sent it
  std::string_view cookie;
  std::string_view peer;  // the client's address, without its port
  std::string_view body;  // 1 MiB at most
};
// To be called once, on any thread, at once or later, while the gateway lives. A client that has
// left by then gets nothing.
using AdminRespond = std::function<void(AdminReply)>;
// Answers one request of the admin listener. Called on the first loop, one call at a time: it must
// not block and should take well under a millisecond. What takes longer responds later.
using AdminHandler = std::function<void(const AdminRequest&, AdminRespond)>;

// The limits that several gateways share, as one loop sees them. Called once per loop, before it
// runs; the result lives as long as the loop and is used by its thread alone.
using RemoteCounters = std::function<std::unique_ptr<limit::RemoteCounters>(net::Loop& loop)>;

// What a gateway may have besides its policies and its audit. Pointers outlive the gateway; their
// objects are called from all loops at once.
struct Further {
  AdminHandler admin{};                    // none: no admin listener
  PolicyJudge judge{};                     // none: no check API
  tenant::Approvals* approvals = nullptr;  // none: what wants approval is refused for good
  policy::PinStore* pins = nullptr;        // none: pins live in memory
  limit::MemoryStore* counters = nullptr;  // none: what this process counts ends with it
  std::shared_ptr<const tenant::Directory> directory{};  // none: no integrations
  RemoteCounters remote_counters{};                      // none: limits are this process's own
  // Of the hashes that stand for redacted values. Empty: they change with every start.
  Secret redaction_secret{};
  // Policies and bindings come from the database, too: a directory that is too old stops root
  // routes as it stops integrations (promise 16).
  bool policies_from_database = false;
};

class Gateway {
 public:
  // `audit` and `clock` outlive the gateway. `audit` is called from all loops at once.
  Gateway(Settings settings, std::shared_ptr<const policy::Snapshot> snapshot, audit::Sink& audit,
          const Clock& clock, Further further = {});
  ~Gateway();  // stop_now() and wait()

  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  // Opens the listeners and starts one thread per loop. A port of 0 binds any free port; admin_port
  // 0 means no admin listener unless `any_admin_port`. An error says what could not be opened and
  // leaves nothing running.
  Status start(bool any_admin_port = false);

  // Exchanges that begin after this call are judged by `snapshot`; running ones end as they began.
  // `taken`, if any, is called once, on some loop, when every loop has it; never if a loop ends
  // before.
  void set_snapshot(std::shared_ptr<const policy::Snapshot> snapshot,
                    std::function<void()> taken = {});

  // The same for who may call: a key that is missing from `directory` is refused from now on.
  void set_directory(std::shared_ptr<const tenant::Directory> directory,
                     std::function<void()> taken = {});

  // Readiness turns 503 at once, listeners close after drain_announce_ms, running exchanges finish
  // for up to drain_ms, then end with the fault frame of their dialect. A second call ends at once.
  void drain();
  void stop_now();
  // Returns when every loop has ended.
  void wait();

  bool ready() const;                // listeners open and not draining
  std::uint16_t port() const;        // the bound port; 0 before start()
  std::uint16_t admin_port() const;  // 0: no admin listener
  // One shard per loop. Valid as long as the gateway.
  std::vector<const MetricShard*> metrics() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace capsem::proxy
