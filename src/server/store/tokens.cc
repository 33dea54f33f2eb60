#include "server/store/tokens.h"

#include "server/store/meta.h"

namespace capsem::store {
namespace {

AdminToken read(const sql::Row& row) {
  return {.id = std::string(row.text(0)),
          .name = std::string(row.text(1)),
          .role = std::string(row.text(2)),
          .tenant = std::string(row.text(3)),
          .prefix = std::string(row.text(4)),
          .created_ms = row.number(5),
          .expires_ms = row.number(6),
          .revoked_ms = row.number(7)};
}

std::string_view bytes_of(const tenant::Mac& mac) {
  return {reinterpret_cast<const char*>(mac.data()), mac.size()};
}

Result<NewToken> insert(sql::Connection& connection, AdminToken row, std::int64_t now_ms) {
  const auto pepper = pepper_of(connection);
  if (!pepper) return std::unexpected(pepper.error());
  NewToken made{.row = std::move(row), .token = tenant::make_token(tenant::kAdminPrefix)};
  made.row.prefix = tenant::shown_prefix(made.token);
  made.row.created_ms = now_ms;
  const tenant::Mac mac = tenant::mac_of(made.token.reveal(), *pepper);
  const AdminToken& r = made.row;
  const auto inserted = connection.run(
      "INSERT INTO admin_token (id, tenant_id, name, role, prefix, mac, created_ms, expires_ms) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
      {std::string_view(r.id), null_if_empty(r.tenant), std::string_view(r.name),
       std::string_view(r.role), std::string_view(r.prefix), sql::Blob{bytes_of(mac)}, now_ms,
       null_if_zero(r.expires_ms)});
  if (!inserted) return std::unexpected(inserted.error());
  return made;
}

Result<std::optional<AdminToken>> one(sql::Connection& connection, std::string_view statement,
                                      const sql::Value& key) {
  std::optional<AdminToken> found;
  const auto done =
      connection.run(statement, {key}, [&](const sql::Row& row) { found = read(row); });
  if (!done) return std::unexpected(done.error());
  return found;
}

}  // namespace

Result<NewToken> create_token(sql::Connection& connection, AdminToken row, std::int64_t now_ms) {
  const auto count =
      number_of(connection, "SELECT COUNT(*) FROM admin_token WHERE revoked_ms IS NULL", {});
  if (!count) return std::unexpected(count.error());
  if (*count >= static_cast<std::int64_t>(kAdminTokensMax)) {
    return client_error("conflict", "There are " + std::to_string(kAdminTokensMax) +
                                        " admin tokens already: revoke some");
  }
  row.id = new_id();
  return insert(connection, std::move(row), now_ms);
}

Result<std::optional<Secret>> create_bootstrap_token(sql::Connection& connection,
                                                     std::int64_t now_ms) {
  const auto count = number_of(connection, "SELECT COUNT(*) FROM admin_token", {});
  if (!count) return std::unexpected(count.error());
  if (*count != 0) return std::optional<Secret>();
  auto made = insert(
      connection,
      {.id = std::string(kBootstrapToken), .name = std::string(kBootstrapToken), .role = "admin"},
      now_ms);
  // Another gateway was first: its token is the one.
  if (!made && made.error().code == "store_conflict") return std::optional<Secret>();
  if (!made) return std::unexpected(made.error());
  return std::optional<Secret>(std::move(made->token));
}

Result<std::optional<AdminToken>> find_token(sql::Connection& connection, const tenant::Mac& mac) {
  return one(connection,
             "SELECT id, name, role, tenant_id, prefix, created_ms, expires_ms, revoked_ms "
             "FROM admin_token WHERE mac = $1",
             sql::Blob{bytes_of(mac)});
}

Result<std::optional<AdminToken>> read_token(sql::Connection& connection, std::string_view id) {
  return one(connection,
             "SELECT id, name, role, tenant_id, prefix, created_ms, expires_ms, revoked_ms "
             "FROM admin_token WHERE id = $1",
             id);
}

Result<std::vector<AdminToken>> list_tokens(sql::Connection& connection, std::string_view tenant,
                                            const Slice& slice) {
  std::vector<AdminToken> list;
  const auto done = connection.run(
      "SELECT id, name, role, tenant_id, prefix, created_ms, expires_ms, revoked_ms "
      "FROM admin_token WHERE ($1 = '' OR tenant_id = $1) "
      "AND (created_ms < $2 OR (created_ms = $2 AND id < $3)) "
      "ORDER BY created_ms DESC, id DESC LIMIT $4",
      {tenant, slice.before_ms, std::string_view(slice.before_id), slice.limit},
      [&](const sql::Row& row) { list.push_back(read(row)); });
  if (!done) return std::unexpected(done.error());
  return list;
}

Result<bool> revoke_token(sql::Connection& connection, std::string_view id, std::int64_t now_ms) {
  bool was_good = false;
  const Status revoked = sql::in_transaction(connection, [&]() -> Status {
    const auto changed = connection.run(
        "UPDATE admin_token SET revoked_ms = $2 WHERE id = $1 AND revoked_ms IS NULL",
        {id, now_ms});
    if (!changed) return std::unexpected(changed.error());
    was_good = *changed != 0;
    const auto left = number_of(
        connection,
        "SELECT COUNT(*) FROM admin_token WHERE role = 'admin' AND tenant_id IS NULL "
        "AND revoked_ms IS NULL AND (expires_ms IS NULL OR expires_ms > $1)",
        {now_ms});
    if (!left) return std::unexpected(left.error());
    if (was_good && *left == 0) {
      return client_error("conflict",
                          "This is the last token that may do everything: make another one first");
    }
    return {};
  });
  if (!revoked) return std::unexpected(revoked.error());
  return was_good;
}

}  // namespace capsem::store
