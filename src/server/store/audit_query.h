// What the audit is asked: records and runs page by page, one run, the content that was kept of it,
// usage by day. Used by the admin API and by `capsem audit`.
//
// Records have no index but their place in the chain: writing them has to be cheap, reading them is
// rare. A page therefore looks at a bounded number of records (`scan_max`) and may end, with a
// cursor, before it is full. A run is found through the time that its id begins with.
//
// Blocking: for the executor's thread, or a program of its own. Errors are the connection's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "server/sql/database.h"
#include "server/vault/vault.h"

namespace capsem::store {

// Empty members: anything.
struct AuditFilter {
  std::optional<std::int64_t> from_ms{}, until_ms{};  // of the exchange's end: [from, until)
  std::string kind{};                                 // "exchange", "opening", "admin"
  std::string tenant{}, integration{};
  std::string caller{};  // a key's id, or a hashed user id
  std::string agent{}, model{}, provider{};
  std::string verdict{};   // "BLOCK", ...; letter case ignored
  std::string outcome{};   // "complete", "blocked", ...
  bool runs_only = false;  // exchanges whose texts were asked of the policies (R35)

  bool newest_first = true;
  std::uint32_t limit = 100;         // rows of a page; at least 1
  std::uint32_t scan_max = 200'000;  // records looked at for one page
  std::string cursor{};              // a page's `next`; empty: from the first one
};

struct AuditRow {
  std::string segment;
  std::int64_t seq = 0;
  std::string kind, run_id, tenant;
  std::int64_t time_ms = 0;  // when the exchange ended
  std::string line;          // the record, one JSON object
};

struct AuditPage {
  std::vector<AuditRow> rows;
  std::string next;      // the cursor of the next page; empty: there is none
  bool complete = true;  // false: the page ended at scan_max, and the next one may hold more
};

// Records of one chain come in its order; those of several gateways are merged by time. Further
// errors: "invalid_cursor".
Result<AuditPage> query_records(sql::Connection& connection, const AuditFilter& filter);

// Oldest first, a page's `next` is never empty: asked again later, it gives what has come since.
// With an empty cursor: from the end, so that the first page is empty.
Result<AuditPage> follow_records(sql::Connection& connection, const AuditFilter& filter);

// Every record of the run in the order they were written: an opening, if there was one, and the
// exchange. Empty: there is none, or it is another tenant's (`tenant` empty: any).
Result<std::vector<AuditRow>> records_of_run(sql::Connection& connection, std::string_view run_id,
                                             std::string_view tenant = {});

struct AuditContent {
  std::string run_id, tenant, level;
  std::int64_t time_ms = 0;
  std::string body;    // sealed, or the JSON text itself
  std::string key_id;  // of the master key; empty: not sealed
};
Result<std::optional<AuditContent>> content_of_run(sql::Connection& connection,
                                                   std::string_view run_id,
                                                   std::string_view tenant = {});
// {"level":"full","texts":[{"point","phase","tool","text"|"digest"}],"left_out_bytes":0}. Errors of
// Vault::open().
Result<std::string> open_content(const AuditContent& content, const vault::Vault& vault);

struct UsageFilter {
  std::int64_t from_day = 0, until_day = 0;  // [from, until), days since 1970, UTC; 0: open
  std::string tenant{}, integration{}, caller{}, model{};
  bool by_day = true, by_integration = false, by_caller = false, by_model = false;
  std::uint32_t limit = 1'000;
};
struct UsageRow {
  std::int64_t day = 0;                    // 0: not grouped by it
  std::string integration, caller, model;  // empty: not grouped by it, or none
  std::int64_t requests = 0, evaluations = 0, blocked = 0, held = 0;
  std::int64_t input_tokens = 0, output_tokens = 0, cost_nano = 0;  // billionths of the currency
};
// Newest day first, then by name.
Result<std::vector<UsageRow>> query_usage(sql::Connection& connection, const UsageFilter& filter);

}  // namespace capsem::store
