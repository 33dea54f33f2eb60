// What one exchange leaves behind: its record and its share of the loop's counts. The relay says
// what happened; nothing here decides anything.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/audit/record.h"
#include "core/engine/exchange.h"
#include "server/http/head.h"
#include "server/proxy/caller.h"
#include "server/proxy/metrics.h"
#include "server/proxy/routes.h"
#include "server/upstream/call.h"

namespace capsem::proxy {

// Times are monotonic nanoseconds; 0: it has not happened.
struct Passage {
  std::int64_t began_ns = 0, began_wall_ms = 0, request_end_ns = 0, call_ns = 0, last_byte_ns = 0,
               first_byte_ns = 0, inspection_ns = 0;
  std::uint64_t request_bytes = 0;
  int upstream_status = 0;
  bool streams = false;         // the answer left piece by piece
  bool counted_stream = false;  // in streams_open
};

// Views of the request and of what it was given.
struct Exchanged {
  const Route& route;
  const http::RequestHead& head;
  std::string_view public_path;  // as the client sent it
  const Caller& caller;
  std::string_view request_id, run_id, review_id;
  audit::ContentLevel content = audit::ContentLevel::None;  // what its tenant wants kept
};

struct Ending {
  int status = 0;
  std::string_view outcome, code;
  std::uint64_t response_bytes = 0;
  std::int64_t end_ns = 0;
};

// Fills in the server's part. `call`: null when the provider was not called.
void fill_record(audit::Record& record, const Exchanged& exchanged, const Passage& passage,
                 const Ending& ending, const upstream::Call* call);

// What may be lost by a crash from here on is on record already: an exchange goes to its provider.
audit::Record opening_record(const Exchanged& exchanged, const Passage& passage,
                             const engine::Exchange* exchange);

void count(MetricShard& metrics, const audit::Record& record, const Exchanged& exchanged,
           const Passage& passage, const Ending& ending, const upstream::Call* call);

}  // namespace capsem::proxy
