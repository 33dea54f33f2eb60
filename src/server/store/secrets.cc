#include "server/store/secrets.h"

#include "server/store/meta.h"

namespace capsem::store {
namespace {

constexpr std::size_t kHintCharacters = 8, kHintFrom = 20;

SecretRow read(const sql::Row& row) {
  return {.id = std::string(row.text(0)),
          .tenant = std::string(row.text(1)),
          .name = std::string(row.text(2)),
          .provider = std::string(row.text(3)),
          .key_id = std::string(row.text(4)),
          .hint = std::string(row.text(5)),
          .created_ms = row.number(6),
          .rotated_ms = row.number(7)};
}

Result<std::string> seal(const vault::Vault& vault, SecretRow& row, const Secret& value) {
  auto blob =
      vault.seal(value.reveal(), {.tenant = row.tenant, .provider = row.provider, .row = row.id});
  row.key_id = vault.key_id();
  row.hint = hint_of(value);
  return blob;
}

}  // namespace

std::string hint_of(const Secret& value) {
  const std::string_view text = value.reveal();
  return std::string(text.size() >= kHintFrom ? text.substr(0, kHintCharacters) : "") + "...";
}

Result<SecretRow> insert_secret(sql::Connection& connection, const vault::Vault& vault,
                                SecretRow row, const Secret& value, std::int64_t now_ms) {
  row.id = new_id();
  row.created_ms = now_ms;
  const auto count = number_of(connection, "SELECT COUNT(*) FROM secret WHERE tenant_id = $1",
                               {std::string_view(row.tenant)});
  if (!count) return std::unexpected(count.error());
  if (*count >= static_cast<std::int64_t>(kSecretsMax)) {
    return client_error("conflict",
                        "The tenant has " + std::to_string(kSecretsMax) + " secrets already");
  }
  const auto blob = seal(vault, row, value);
  if (!blob) return std::unexpected(blob.error());
  const auto inserted = connection.run(
      "INSERT INTO secret (id, tenant_id, name, provider, blob, key_id, hint, created_ms) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
      {std::string_view(row.id), std::string_view(row.tenant), std::string_view(row.name),
       std::string_view(row.provider), sql::Blob{*blob}, std::string_view(row.key_id),
       std::string_view(row.hint), row.created_ms});
  if (!inserted) return std::unexpected(inserted.error());
  if (auto raised = raise_version(connection, kDirectoryVersion); !raised) {
    return std::unexpected(raised.error());
  }
  return row;
}

Result<SecretRow> create_secret(sql::Connection& connection, const vault::Vault& vault,
                                SecretRow row, const Secret& value, std::int64_t now_ms) {
  SecretRow made;
  const Status created = sql::in_transaction(connection, [&]() -> Status {
    auto inserted = insert_secret(connection, vault, std::move(row), value, now_ms);
    if (!inserted) return std::unexpected(inserted.error());
    made = std::move(*inserted);
    return {};
  });
  if (!created) return std::unexpected(created.error());
  return made;
}

Result<std::optional<SecretRow>> read_secret(sql::Connection& connection, std::string_view id) {
  std::optional<SecretRow> found;
  const auto read_rows = connection.run(
      "SELECT id, tenant_id, name, provider, key_id, hint, created_ms, rotated_ms FROM secret "
      "WHERE id = $1",
      {id}, [&](const sql::Row& row) { found = read(row); });
  if (!read_rows) return std::unexpected(read_rows.error());
  return found;
}

Result<std::vector<SecretRow>> list_secrets(sql::Connection& connection, std::string_view tenant,
                                            const Slice& slice) {
  std::vector<SecretRow> list;
  const auto read_rows = connection.run(
      "SELECT id, tenant_id, name, provider, key_id, hint, created_ms, rotated_ms FROM secret "
      "WHERE ($1 = '' OR tenant_id = $1) "
      "AND (created_ms < $2 OR (created_ms = $2 AND id < $3)) "
      "ORDER BY created_ms DESC, id DESC LIMIT $4",
      {tenant, slice.before_ms, std::string_view(slice.before_id), slice.limit},
      [&](const sql::Row& row) { list.push_back(read(row)); });
  if (!read_rows) return std::unexpected(read_rows.error());
  return list;
}

Result<SecretRow> rotate_secret(sql::Connection& connection, const vault::Vault& vault,
                                std::string_view id, const Secret& value, std::int64_t now_ms) {
  SecretRow row;
  const Status rotated = sql::in_transaction(connection, [&]() -> Status {
    auto found = read_secret(connection, id);
    if (!found) return std::unexpected(found.error());
    if (!*found) return client_error("not_found", "There is no such secret");
    row = std::move(**found);
    row.rotated_ms = now_ms;
    const auto blob = seal(vault, row, value);
    if (!blob) return std::unexpected(blob.error());
    const Status updated = done(connection.run(
        "UPDATE secret SET blob = $2, key_id = $3, hint = $4, rotated_ms = $5 WHERE id = $1",
        {id, sql::Blob{*blob}, std::string_view(row.key_id), std::string_view(row.hint), now_ms}));
    return updated ? raise_version(connection, kDirectoryVersion) : updated;
  });
  if (!rotated) return std::unexpected(rotated.error());
  return row;
}

Status delete_secret(sql::Connection& connection, std::string_view id) {
  return sql::in_transaction(connection, [&]() -> Status {
    const auto users =
        number_of(connection, "SELECT COUNT(*) FROM integration WHERE secret_id = $1", {id});
    if (!users) return std::unexpected(users.error());
    if (*users != 0) {
      return client_error("in_use", std::to_string(*users) + " integration(s) use this secret");
    }
    const auto removed = connection.run("DELETE FROM secret WHERE id = $1", {id});
    if (!removed) return std::unexpected(removed.error());
    if (*removed == 0) return client_error("not_found", "There is no such secret");
    return raise_version(connection, kDirectoryVersion);
  });
}

}  // namespace capsem::store
