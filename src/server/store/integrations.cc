#include "server/store/integrations.h"

#include "server/store/meta.h"
#include "server/store/secrets.h"

namespace capsem::store {
namespace {

IntegrationRow read(const sql::Row& row) {
  return {.id = std::string(row.text(0)),
          .tenant = std::string(row.text(1)),
          .name = std::string(row.text(2)),
          .provider = std::string(row.text(3)),
          .secret = std::string(row.text(4)),
          .base_url = std::string(row.text(5)),
          .allow_private = row.number(6) != 0,
          .evaluations_per_month = number_or_none(row, 7),
          .state = std::string(row.text(8)),
          .created_ms = row.number(9)};
}

std::string own_secret_name(const IntegrationRow& row) {
  return "integration/" + row.id;
}

Status check_count(sql::Connection& connection, std::string_view tenant) {
  const auto count =
      number_of(connection, "SELECT COUNT(*) FROM integration WHERE tenant_id = $1", {tenant});
  if (!count) return std::unexpected(count.error());
  if (*count < static_cast<std::int64_t>(kIntegrationsMax)) return {};
  return client_error(
      "conflict", "The tenant has " + std::to_string(kIntegrationsMax) + " integrations already");
}

// A secret of another tenant is one that does not exist.
Status check_secret(sql::Connection& connection, const IntegrationRow& row) {
  const auto secret = read_secret(connection, row.secret);
  if (!secret) return std::unexpected(secret.error());
  if (!*secret || (*secret)->tenant != row.tenant) {
    return client_error("unknown_secret", "There is no such secret");
  }
  if ((*secret)->provider != row.provider) {
    return client_error("invalid_request", "The secret is one for another provider");
  }
  return {};
}

Status insert(sql::Connection& connection, const IntegrationRow& row) {
  return done(connection.run(
      "INSERT INTO integration (id, tenant_id, name, provider, secret_id, base_url, "
      "allow_private, evaluations_per_month, state, created_ms) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
      {std::string_view(row.id), std::string_view(row.tenant), std::string_view(row.name),
       std::string_view(row.provider), std::string_view(row.secret), std::string_view(row.base_url),
       std::int64_t{row.allow_private}, null_if_none(row.evaluations_per_month),
       std::string_view(row.state), row.created_ms}));
}

Status raise_both(sql::Connection& connection) {
  if (auto raised = raise_version(connection, kDirectoryVersion); !raised) return raised;
  return raise_version(connection, kPolicyVersion);
}

}  // namespace

Result<NewIntegration> create_integration(sql::Connection& connection, const vault::Vault* vault,
                                          IntegrationRow row, const Secret& provider_key,
                                          KeyRow key, std::int64_t now_ms) {
  NewIntegration made;
  row.id = new_id();
  row.created_ms = now_ms;
  const Status created = sql::in_transaction(connection, [&]() -> Status {
    if (auto room = check_count(connection, row.tenant); !room) return room;
    if (provider_key.empty()) {
      if (auto known = check_secret(connection, row); !known) return known;
    } else {
      if (vault == nullptr) return gateway_error("no_master_key", "There is no master key");
      const auto secret = insert_secret(
          connection, *vault,
          {.tenant = row.tenant, .name = own_secret_name(row), .provider = row.provider},
          provider_key, now_ms);
      if (!secret) return std::unexpected(secret.error());
      row.secret = secret->id;
    }
    if (auto inserted = insert(connection, row); !inserted) return inserted;
    key.tenant = row.tenant;
    key.integration = row.id;
    auto first = insert_key(connection, std::move(key), now_ms);
    if (!first) return std::unexpected(first.error());
    made = {.row = row, .key = std::move(*first)};
    return {};
  });
  if (!created) return std::unexpected(created.error());
  return made;
}

Result<std::optional<IntegrationRow>> read_integration(sql::Connection& connection,
                                                       std::string_view id) {
  std::optional<IntegrationRow> found;
  const auto read_rows = connection.run(
      "SELECT id, tenant_id, name, provider, secret_id, base_url, allow_private, "
      "evaluations_per_month, state, created_ms FROM integration WHERE id = $1",
      {id}, [&](const sql::Row& row) { found = read(row); });
  if (!read_rows) return std::unexpected(read_rows.error());
  return found;
}

Result<std::vector<IntegrationRow>> list_integrations(sql::Connection& connection,
                                                      std::string_view tenant, const Slice& slice) {
  std::vector<IntegrationRow> list;
  const auto read_rows = connection.run(
      "SELECT id, tenant_id, name, provider, secret_id, base_url, allow_private, "
      "evaluations_per_month, state, created_ms FROM integration "
      "WHERE ($1 = '' OR tenant_id = $1) "
      "AND (created_ms < $2 OR (created_ms = $2 AND id < $3)) "
      "ORDER BY created_ms DESC, id DESC LIMIT $4",
      {tenant, slice.before_ms, std::string_view(slice.before_id), slice.limit},
      [&](const sql::Row& row) { list.push_back(read(row)); });
  if (!read_rows) return std::unexpected(read_rows.error());
  return list;
}

Status update_integration(sql::Connection& connection, const IntegrationRow& row) {
  return sql::in_transaction(connection, [&]() -> Status {
    if (auto known = check_secret(connection, row); !known) return known;
    const auto changed = connection.run(
        "UPDATE integration SET name = $2, secret_id = $3, base_url = $4, allow_private = $5, "
        "evaluations_per_month = $6, state = $7 WHERE id = $1",
        {std::string_view(row.id), std::string_view(row.name), std::string_view(row.secret),
         std::string_view(row.base_url), std::int64_t{row.allow_private},
         null_if_none(row.evaluations_per_month), std::string_view(row.state)});
    if (!changed) return std::unexpected(changed.error());
    if (*changed == 0) return client_error("not_found", "There is no such integration");
    return raise_both(connection);
  });
}

Status delete_integration(sql::Connection& connection, const IntegrationRow& row) {
  const std::string own_secret = own_secret_name(row);
  const std::string_view id = row.id;
  return sql::in_transaction(connection, [&]() -> Status {
    if (auto gone = done(connection.run("DELETE FROM binding WHERE target = $1", {id})); !gone) {
      return gone;
    }
    if (auto gone = done(connection.run("DELETE FROM gateway_key WHERE integration_id = $1", {id}));
        !gone) {
      return gone;
    }
    const auto removed = connection.run("DELETE FROM integration WHERE id = $1", {id});
    if (!removed) return std::unexpected(removed.error());
    if (*removed == 0) return client_error("not_found", "There is no such integration");
    if (auto gone = done(connection.run(
            "DELETE FROM secret WHERE tenant_id = $1 AND name = $2 "
            "AND NOT EXISTS (SELECT 1 FROM integration i WHERE i.secret_id = secret.id)",
            {std::string_view(row.tenant), std::string_view(own_secret)}));
        !gone) {
      return gone;
    }
    return raise_both(connection);
  });
}

}  // namespace capsem::store
