#include "server/store/audit_usage.h"

#include <algorithm>
#include <array>
#include <limits>

#include "core/audit/json_line.h"

namespace capsem::store {
namespace {

constexpr std::int64_t kDayMs = 86'400'000;
constexpr std::string_view kOther{"(other)\0(other)\0", 16};

// One row after another for SQLite, which is in this process; all rows at once for a server, which
// is a round trip away.
constexpr std::string_view kAdd = R"(
  INSERT INTO usage_day (day, tenant_id, integration_id, caller, model, requests, evaluations,
                         blocked, held, input_tokens, output_tokens, cost_nanousd)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
  ON CONFLICT (day, tenant_id, integration_id, caller, model) DO UPDATE SET
    requests = usage_day.requests + excluded.requests,
    evaluations = usage_day.evaluations + excluded.evaluations,
    blocked = usage_day.blocked + excluded.blocked,
    held = usage_day.held + excluded.held,
    input_tokens = usage_day.input_tokens + excluded.input_tokens,
    output_tokens = usage_day.output_tokens + excluded.output_tokens,
    cost_nanousd = usage_day.cost_nanousd + excluded.cost_nanousd)";
constexpr std::string_view kAddAll = R"(
  INSERT INTO usage_day (day, tenant_id, integration_id, caller, model, requests, evaluations,
                         blocked, held, input_tokens, output_tokens, cost_nanousd)
  SELECT day, tenant_id, integration_id, caller, model, requests, evaluations, blocked, held,
         input_tokens, output_tokens, cost_nanousd
  FROM json_to_recordset($1::json) AS r(day bigint, tenant_id text, integration_id text,
    caller text, model text, requests bigint, evaluations bigint, blocked bigint, held bigint,
    input_tokens bigint, output_tokens bigint, cost_nanousd bigint)
  ON CONFLICT (day, tenant_id, integration_id, caller, model) DO UPDATE SET
    requests = usage_day.requests + excluded.requests,
    evaluations = usage_day.evaluations + excluded.evaluations,
    blocked = usage_day.blocked + excluded.blocked,
    held = usage_day.held + excluded.held,
    input_tokens = usage_day.input_tokens + excluded.input_tokens,
    output_tokens = usage_day.output_tokens + excluded.output_tokens,
    cost_nanousd = usage_day.cost_nanousd + excluded.cost_nanousd)";

// The names of a key: after the day's eight bytes, each ended by a NUL.
std::array<std::string_view, 4> names_of(std::string_view key) {
  std::array<std::string_view, 4> names;
  key.remove_prefix(sizeof(std::int64_t));
  for (std::string_view& name : names) {
    name = key.substr(0, key.find('\0'));
    key.remove_prefix(std::min(key.size(), name.size() + 1));
  }
  return names;
}

// Big-endian, so that keys sort by day.
void append_day(std::string& key, std::int64_t day) {
  for (int shift = 56; shift >= 0; shift -= 8) key += static_cast<char>(day >> shift & 255);
}

}  // namespace

void AuditUsage::add(const AuditEntry& entry) {
  if (!entry.counts) return;
  Rows::value_type& row = row_of(entry, entry.time_ms / kDayMs);
  row.second.counts += entry.usage;
  if (row.second.touched) return;
  row.second.touched = true;
  touched_.push_back(&row);
}

AuditUsage::Rows::value_type& AuditUsage::row_of(const AuditEntry& entry, std::int64_t day) {
  if (day > last_day_) forget_days_before(day);
  key_.clear();
  append_day(key_, day);
  key_ += entry.usage_key();
  auto found = rows_.find(std::string_view(key_));
  if (found == rows_.end() && rows_.size() >= kRowsMax) {
    key_.resize(sizeof day);
    for (const std::string_view name : {entry.tenant(), entry.integration()}) {
      key_ += name;
      key_ += '\0';
    }
    key_ += kOther;
  }
  if (found == rows_.end()) found = rows_.try_emplace(key_).first;
  found->second.day = day;
  return *found;
}

// Rows of this transaction stay: they are pointed to.
void AuditUsage::forget_days_before(std::int64_t day) {
  last_day_ = day;
  std::erase_if(rows_, [](const Rows::value_type& row) { return !row.second.touched; });
}

Status AuditUsage::write(sql::Connection& connection) {
  if (touched_.empty()) return {};
  // Gateways that add to the same rows take them in the same order, and so never wait in a circle.
  std::ranges::sort(touched_, {},
                    [](const Rows::value_type* row) -> const std::string& { return row->first; });
  if (connection.kind() == sql::Kind::Sqlite) {
    for (const Rows::value_type* row : touched_) {
      const auto [tenant, integration, caller, model] = names_of(row->first);
      const UsageCounts& c = row->second.counts;
      const auto added = connection.run(
          kAdd, {row->second.day, tenant, integration, caller, model, c.requests, c.evaluations,
                 c.blocked, c.held, c.input_tokens, c.output_tokens, c.cost_nano});
      if (!added) return std::unexpected(added.error());
    }
    return {};
  }
  audit::JsonLine json(std::numeric_limits<std::size_t>::max());
  json.open_array();
  for (const Rows::value_type* row : touched_) {
    const auto [tenant, integration, caller, model] = names_of(row->first);
    const UsageCounts& c = row->second.counts;
    json.open_object();
    json.number("day", row->second.day);
    json.text("tenant_id", tenant);
    json.text("integration_id", integration);
    json.text("caller", caller);
    json.text("model", model);
    json.number("requests", c.requests);
    json.number("evaluations", c.evaluations);
    json.number("blocked", c.blocked);
    json.number("held", c.held);
    json.number("input_tokens", c.input_tokens);
    json.number("output_tokens", c.output_tokens);
    json.number("cost_nanousd", c.cost_nano);
    json.close_object();
  }
  json.close_array();
  const std::string rows = json.take();
  const auto added = connection.run(kAddAll, {std::string_view(rows)});
  if (!added) return std::unexpected(added.error());
  return {};
}

void AuditUsage::clear() {
  for (Rows::value_type* row : touched_) {
    row->second.counts = {};
    row->second.touched = false;
  }
  touched_.clear();
}

}  // namespace capsem::store
