#include "server/store/outbox.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "core/audit/json_line.h"
#include "server/store/meta.h"
#include "server/store/wall_time.h"

namespace capsem::store {
namespace {

constexpr std::int64_t kSecondMs = 1'000, kHourMs = 3'600 * kSecondMs, kDayMs = 24 * kHourMs;
constexpr std::int64_t kRetryPauseMaxMs = kHourMs;
constexpr std::size_t kTextBytesMax = 4'096;
constexpr std::string_view kTellingSince = "violations_told_since_ms";

Status plain(const Result<std::uint64_t>& result) {
  if (!result) return std::unexpected(result.error());
  return {};
}

struct Untold {
  std::string id, tenant, integration, run_id, review_id, policy, rule, type, severity, enforcement,
      phase;
  std::int64_t time_ms = 0;
};

std::string violation_body(const Untold& one) {
  audit::JsonLine line(kTextBytesMax);
  line.open_object();
  line.text("event", "violation.created");
  line.open_object("data");
  line.text("id", one.id);
  line.text("tenant", one.tenant);
  line.text("integration_id", one.integration);
  line.text("run_id", one.run_id);
  line.text("review_id", one.review_id);
  line.text("policy", one.policy);
  line.text("rule", one.rule);
  line.text("type", one.type);
  line.text("severity", one.severity);
  line.text("enforcement", one.enforcement);
  line.text("phase", one.phase);
  line.text("time", iso_time(one.time_ms));
  line.close_object();
  line.close_object();
  return line.take();
}

Result<std::vector<Untold>> untold(sql::Connection& connection, std::int64_t since_ms,
                                   std::size_t batch_max) {
  std::vector<Untold> rows;
  const auto read = connection.run(
      "SELECT id, tenant_id, integration_id, run_id, review_id, policy, rule, type, severity, "
      "enforcement, phase, time_ms FROM violation WHERE told_ms IS NULL AND time_ms >= $1 "
      "ORDER BY time_ms LIMIT $2",
      {since_ms, static_cast<std::int64_t>(batch_max)}, [&](const sql::Row& row) {
        int column = 0;
        const auto text = [&] { return std::string(row.text(column++)); };
        Untold one;
        for (std::string* member :
             {&one.id, &one.tenant, &one.integration, &one.run_id, &one.review_id, &one.policy,
              &one.rule, &one.type, &one.severity, &one.enforcement, &one.phase}) {
          *member = text();
        }
        one.time_ms = row.number(column);
        rows.push_back(std::move(one));
      });
  if (!read) return std::unexpected(read.error());
  return rows;
}

Status tell(sql::Connection& connection, const Untold& one, const std::vector<std::string>& urls,
            std::int64_t now_ms) {
  const auto claimed = connection.run(
      "UPDATE violation SET told_ms = $2 WHERE id = $1 AND told_ms IS NULL", {one.id, now_ms});
  if (!claimed) return std::unexpected(claimed.error());
  if (*claimed != 1 || one.enforcement == "MONITOR_ONLY") return {};
  const std::string body = violation_body(one);
  for (const std::string& url : urls) {
    if (auto ok = queue_delivery(connection, one.tenant, url, "violation.created", body, now_ms);
        !ok) {
      return ok;
    }
  }
  return {};
}

}  // namespace

std::int64_t retry_pause_ms(std::int64_t attempts) {
  std::int64_t pause = kSecondMs;
  for (std::int64_t i = 1; i < attempts && pause < kRetryPauseMaxMs; ++i) pause *= 4;
  return std::min(pause, kRetryPauseMaxMs);
}

Status queue_delivery(sql::Connection& connection, std::string_view tenant, std::string_view url,
                      std::string_view event, std::string_view body, std::int64_t now_ms) {
  const std::string id = new_id();
  return plain(connection.run(
      "INSERT INTO outbox (id, tenant_id, url, event, body, attempts, next_ms, created_ms) "
      "VALUES ($1, $2, $3, $4, $5, 0, $6, $6)",
      {id, tenant, url, event, body, now_ms}));
}

Result<std::optional<Delivery>> claim_delivery(sql::Connection& connection, std::int64_t now_ms,
                                               std::int64_t lease_ms, std::int64_t attempts_max) {
  std::vector<std::pair<Delivery, std::int64_t>> due;
  // Nothing is ever put off further than a pause and a lease: what seems to be comes from a wall
  // clock that has jumped back since, and is due.
  const auto found = connection.run(
      "SELECT id, tenant_id, url, event, body, attempts, created_ms, next_ms FROM outbox "
      "WHERE delivered_ms IS NULL AND attempts < $1 AND (next_ms <= $2 OR next_ms > $3) "
      "ORDER BY next_ms LIMIT 8",
      {attempts_max, now_ms, now_ms + kRetryPauseMaxMs + lease_ms}, [&](const sql::Row& row) {
        Delivery one;
        one.id = row.text(0);
        one.tenant = row.text(1);
        one.url = row.text(2);
        one.event = row.text(3);
        one.body = row.text(4);
        one.attempts = row.number(5) + 1;
        one.created_ms = row.number(6);
        due.emplace_back(std::move(one), row.number(7));
      });
  if (!found) return std::unexpected(found.error());
  for (auto& [one, next_ms] : due) {
    const auto claimed = connection.run(
        "UPDATE outbox SET attempts = $2, next_ms = $3 "
        "WHERE id = $1 AND delivered_ms IS NULL AND next_ms = $4 AND attempts = $2 - 1",
        {one.id, one.attempts, now_ms + lease_ms, next_ms});
    if (!claimed) return std::unexpected(claimed.error());
    if (*claimed == 1) return std::move(one);
  }
  return std::nullopt;
}

Status delivered(sql::Connection& connection, std::string_view id, std::int64_t now_ms) {
  return plain(connection.run(
      "UPDATE outbox SET delivered_ms = $2, last_error = NULL WHERE id = $1", {id, now_ms}));
}

Status delivery_failed(sql::Connection& connection, const Delivery& delivery,
                       std::string_view error, std::int64_t now_ms) {
  return plain(connection.run(
      "UPDATE outbox SET next_ms = $2, last_error = $3 "
      "WHERE id = $1 AND delivered_ms IS NULL AND attempts = $4",
      {delivery.id, now_ms + retry_pause_ms(delivery.attempts), error, delivery.attempts}));
}

Status tidy_outbox(sql::Connection& connection, std::int64_t now_ms, std::int64_t attempts_max) {
  auto ok = plain(
      connection.run("DELETE FROM outbox WHERE delivered_ms IS NOT NULL AND delivered_ms < $1",
                     {now_ms - kDayMs}));
  if (!ok) return ok;
  return plain(connection.run(
      "DELETE FROM outbox WHERE delivered_ms IS NULL AND attempts >= $1 AND next_ms < $2",
      {attempts_max, now_ms - 7 * kDayMs}));
}

Status begin_telling_violations(sql::Connection& connection, bool urls, std::int64_t now_ms) {
  if (!urls) return plain(connection.run("DELETE FROM meta WHERE name = $1", {kTellingSince}));
  return plain(
      connection.run("INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
                     {kTellingSince, std::to_string(now_ms)}));
}

Result<std::size_t> tell_violations(sql::Connection& connection,
                                    const std::vector<std::string>& urls, std::int64_t now_ms,
                                    std::size_t batch_max) {
  const auto since = read_version(connection, kTellingSince);
  if (!since) return std::unexpected(since.error());
  const auto rows = untold(connection, *since, batch_max);
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return 0;
  const auto told = sql::in_transaction(connection, [&]() -> Status {
    for (const Untold& one : *rows) {
      if (auto ok = tell(connection, one, urls, now_ms); !ok) return ok;
    }
    return {};
  });
  if (!told) return std::unexpected(told.error());
  return rows->size();
}

}  // namespace capsem::store
