// Webhooks that wait to be delivered. A message is queued in the transaction of what it tells of
// and removed after its delivery: at least once, across restarts. Gateways that share the database
// deliver each message once between them: whoever claims it has it for the lease's time.
//
// Blocking; on the thread of the connection. Times are wall-clock milliseconds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "server/sql/database.h"

namespace capsem::store {

struct Delivery {
  std::string id, tenant, url, event, body;
  std::int64_t attempts = 0;  // the one that is under way included
  std::int64_t created_ms = 0;
};

Status queue_delivery(sql::Connection& connection, std::string_view tenant, std::string_view url,
                      std::string_view event, std::string_view body, std::int64_t now_ms);

// One that is due, and nobody else's until now + lease. Nothing: none is due.
Result<std::optional<Delivery>> claim_delivery(sql::Connection& connection, std::int64_t now_ms,
                                               std::int64_t lease_ms, std::int64_t attempts_max);
Status delivered(sql::Connection& connection, std::string_view id, std::int64_t now_ms);
// Tried again after a pause; never again past attempts_max. `error` is the gateway's own words.
Status delivery_failed(sql::Connection& connection, const Delivery& delivery,
                       std::string_view error, std::int64_t now_ms);

// 1 s after the first attempt, four times as long after each further one, an hour at most.
std::int64_t retry_pause_ms(std::int64_t attempts);

// Removes what was delivered a day ago and what was given up a week ago.
Status tidy_outbox(sql::Connection& connection, std::int64_t now_ms, std::int64_t attempts_max);

// Queues violation.created to each URL for violations nobody was told of yet; MONITOR_ONLY ones are
// passed over (R44). Returns how many were looked at; `batch_max` of them at most. One transaction.
//
// Violations are found by the column told_ms rather than by a cursor: their times are those of
// their exchanges, so that rows come into being behind any cursor.
Result<std::size_t> tell_violations(sql::Connection& connection,
                                    const std::vector<std::string>& urls, std::int64_t now_ms,
                                    std::size_t batch_max = 100);
// Violations from now on are told; with no URLs: those of that time never will.
Status begin_telling_violations(sql::Connection& connection, bool urls, std::int64_t now_ms);

}  // namespace capsem::store
