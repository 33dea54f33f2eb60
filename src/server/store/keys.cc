#include "server/store/keys.h"

#include <algorithm>
#include <charconv>

#include "core/wire/json.h"
#include "server/store/meta.h"
#include "server/tenant/token.h"

namespace capsem::store {
namespace {

std::vector<std::pair<std::string, std::int64_t>> from_json_limits(std::string_view json) {
  std::vector<std::pair<std::string, std::int64_t>> limits;
  std::string padded(json);
  padded.reserve(json.size() + wire::JsonReader::kPadding);
  wire::JsonReader reader;
  if (!reader.parse(padded)) return limits;
  const auto nodes = reader.nodes();
  for (std::size_t i = 1; i < nodes.size(); i = nodes[i].next) {
    std::int64_t amount = 0;
    const std::string_view text = nodes[i].text;
    std::from_chars(text.data(), text.data() + text.size(), amount);
    limits.emplace_back(nodes[i].key, amount);
  }
  return limits;
}

KeyRow read(const sql::Row& row) {
  return {.id = std::string(row.text(0)),
          .tenant = std::string(row.text(1)),
          .integration = std::string(row.text(2)),
          .name = std::string(row.text(3)),
          .prefix = std::string(row.text(4)),
          .agents = from_json_list(row.text(5)).value_or(std::vector<std::string>()),
          .models = from_json_list(row.text(6)).value_or(std::vector<std::string>()),
          .policies = from_json_list(row.text(7)).value_or(std::vector<std::string>()),
          .limits = from_json_limits(row.text(8)),
          .created_ms = row.number(9),
          .expires_ms = row.number(10),
          .revoked_ms = row.number(11),
          .replaced_by = std::string(row.text(12))};
}

Status insert(sql::Connection& connection, const KeyRow& row, const tenant::Mac& mac) {
  const std::string agents = to_json_list(row.agents), models = to_json_list(row.models),
                    policies = to_json_list(row.policies), limits = to_json_limits(row);
  const std::string_view digest(reinterpret_cast<const char*>(mac.data()), mac.size());
  return done(connection.run(
      "INSERT INTO gateway_key (id, tenant_id, integration_id, name, prefix, mac, agents, models, "
      "policies, limits, created_ms, expires_ms) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
      {std::string_view(row.id), std::string_view(row.tenant), std::string_view(row.integration),
       std::string_view(row.name), std::string_view(row.prefix), sql::Blob{digest},
       std::string_view(agents), std::string_view(models), std::string_view(policies),
       std::string_view(limits), row.created_ms, null_if_zero(row.expires_ms)}));
}

// Restrictions of keys become policies.
Status raise_both(sql::Connection& connection) {
  if (auto raised = raise_version(connection, kDirectoryVersion); !raised) return raised;
  return raise_version(connection, kPolicyVersion);
}

}  // namespace

std::string to_json_limits(const KeyRow& row) {
  std::string json = "{";
  for (const auto& [name, amount] : row.limits) {
    json.append(json.size() > 1 ? ",\"" : "\"").append(name).append("\":");
    json += std::to_string(amount);
  }
  return json + '}';
}

Result<NewKey> insert_key(sql::Connection& connection, KeyRow row, std::int64_t now_ms) {
  const auto count =
      number_of(connection,
                "SELECT COUNT(*) FROM gateway_key WHERE integration_id = $1 AND revoked_ms IS NULL "
                "AND (expires_ms IS NULL OR expires_ms > $2)",
                {std::string_view(row.integration), now_ms});
  if (!count) return std::unexpected(count.error());
  if (*count >= static_cast<std::int64_t>(kKeysMax)) {
    return client_error("conflict", "The integration has " + std::to_string(kKeysMax) +
                                        " keys already: revoke some");
  }
  const auto pepper = pepper_of(connection);
  if (!pepper) return std::unexpected(pepper.error());
  NewKey made{.row = std::move(row), .key = tenant::make_token(tenant::kKeyPrefix)};
  made.row.id = new_id();
  made.row.prefix = tenant::shown_prefix(made.key);
  made.row.created_ms = now_ms;
  if (auto inserted = insert(connection, made.row, tenant::mac_of(made.key.reveal(), *pepper));
      !inserted) {
    return std::unexpected(inserted.error());
  }
  if (auto raised = raise_both(connection); !raised) return std::unexpected(raised.error());
  return made;
}

Result<NewKey> create_key(sql::Connection& connection, KeyRow row, std::int64_t now_ms) {
  NewKey made;
  const Status created = sql::in_transaction(connection, [&]() -> Status {
    auto inserted = insert_key(connection, std::move(row), now_ms);
    if (!inserted) return std::unexpected(inserted.error());
    made = std::move(*inserted);
    return {};
  });
  if (!created) return std::unexpected(created.error());
  return made;
}

Result<std::optional<KeyRow>> read_key(sql::Connection& connection, std::string_view id) {
  std::optional<KeyRow> found;
  const auto read_rows = connection.run(
      "SELECT id, tenant_id, integration_id, name, prefix, agents, models, policies, limits, "
      "created_ms, expires_ms, revoked_ms, replaced_by FROM gateway_key WHERE id = $1",
      {id}, [&](const sql::Row& row) { found = read(row); });
  if (!read_rows) return std::unexpected(read_rows.error());
  return found;
}

Result<std::vector<KeyRow>> list_keys(sql::Connection& connection, std::string_view integration,
                                      const Slice& slice) {
  std::vector<KeyRow> list;
  const auto read_rows = connection.run(
      "SELECT id, tenant_id, integration_id, name, prefix, agents, models, policies, limits, "
      "created_ms, expires_ms, revoked_ms, replaced_by FROM gateway_key "
      "WHERE integration_id = $1 AND (created_ms < $2 OR (created_ms = $2 AND id < $3)) "
      "ORDER BY created_ms DESC, id DESC LIMIT $4",
      {integration, slice.before_ms, std::string_view(slice.before_id), slice.limit},
      [&](const sql::Row& row) { list.push_back(read(row)); });
  if (!read_rows) return std::unexpected(read_rows.error());
  return list;
}

Result<NewKey> rotate_key(sql::Connection& connection, std::string_view id, std::int64_t overlap_ms,
                          std::int64_t now_ms) {
  NewKey made;
  const Status rotated = sql::in_transaction(connection, [&]() -> Status {
    auto found = read_key(connection, id);
    if (!found) return std::unexpected(found.error());
    if (!*found) return client_error("not_found", "There is no such key");
    const KeyRow& old = **found;
    const bool expired = old.expires_ms != 0 && old.expires_ms <= now_ms;
    if (old.revoked_ms != 0 || expired || !old.replaced_by.empty()) {
      return client_error("conflict", "The key is revoked, expired, or was replaced before");
    }
    auto inserted = insert_key(connection, old, now_ms);
    if (!inserted) return std::unexpected(inserted.error());
    made = std::move(*inserted);
    const std::int64_t ends_ms =
        old.expires_ms == 0 ? now_ms + overlap_ms : std::min(old.expires_ms, now_ms + overlap_ms);
    return done(
        connection.run("UPDATE gateway_key SET replaced_by = $2, expires_ms = $3 WHERE id = $1",
                       {id, std::string_view(made.row.id), ends_ms}));
  });
  if (!rotated) return std::unexpected(rotated.error());
  return made;
}

Result<bool> revoke_key(sql::Connection& connection, std::string_view id, std::int64_t now_ms) {
  bool was_good = false;
  const Status revoked = sql::in_transaction(connection, [&]() -> Status {
    const auto changed = connection.run(
        "UPDATE gateway_key SET revoked_ms = $2 WHERE id = $1 AND revoked_ms IS NULL",
        {id, now_ms});
    if (!changed) return std::unexpected(changed.error());
    was_good = *changed != 0;
    return was_good ? raise_both(connection) : Status();
  });
  if (!revoked) return std::unexpected(revoked.error());
  return was_good;
}

}  // namespace capsem::store
