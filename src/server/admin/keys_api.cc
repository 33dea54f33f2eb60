#include "server/admin/fields.h"
#include "server/admin/key_fields.h"
#include "server/admin/routes.h"
#include "server/admin/show.h"
#include "server/store/integrations.h"
#include "server/store/keys.h"

namespace capsem::admin {
namespace {

using store::KeyRow;

constexpr std::int64_t kOverlapSMax = store::kKeyOverlapMsMax / 1'000;

Result<store::IntegrationRow> find_integration(Call& call) {
  auto row = store::read_integration(*call.connection, call.ids[0]);
  if (!row) return std::unexpected(row.error());
  if (!*row || !call.sees((*row)->tenant)) return client_error("not_found", "");
  return std::move(**row);
}

Result<KeyRow> find(Call& call) {
  auto row = store::read_key(*call.connection, call.ids[0]);
  if (!row) return std::unexpected(row.error());
  if (!*row || !call.sees((*row)->tenant)) return client_error("not_found", "");
  return std::move(**row);
}

AdminReply list(Call& call) {
  const auto page = page_of(call);
  if (!page) return error_reply(page.error());
  const auto integration = find_integration(call);
  if (!integration) return error_reply(integration.error());
  const auto rows = store::list_keys(*call.connection, integration->id, slice_of(*page));
  if (!rows) return error_reply(rows.error());
  return page_reply(
      *rows, *page, [&](const KeyRow& row) { return show_key(row, call.now_ms); },
      [](const KeyRow& row) { return cursor_of(row.created_ms, row.id); });
}

AdminReply create(Call& call) {
  const auto integration = find_integration(call);
  if (!integration) return error_reply(integration.error());
  Fields fields(call.body);
  KeyRow row = read_key_fields(fields, "name", call.body, call.now_ms);
  if (auto sound = fields.done(); !sound) return error_reply(sound.error());
  row.integration = integration->id;
  row.tenant = integration->tenant;
  const auto made = store::create_key(*call.connection, std::move(row), call.now_ms);
  if (!made) return error_reply(made.error());
  call.about(made->row.id, made->row.tenant);
  call.changes(Changed::Policies);
  return data_reply(show_key(made->row, call.now_ms, &made->key), 201);
}

AdminReply read(Call& call) {
  const auto row = find(call);
  if (!row) return error_reply(row.error());
  return data_reply(show_key(*row, call.now_ms));
}

AdminReply rotate(Call& call) {
  const auto row = find(call);
  if (!row) return error_reply(row.error());
  Fields fields(call.body);
  const std::int64_t overlap_s = fields.optional_number("overlap_s", 0, kOverlapSMax).value_or(0);
  if (auto sound = fields.done(); !sound) return error_reply(sound.error());
  const auto made = store::rotate_key(*call.connection, row->id, overlap_s * 1'000, call.now_ms);
  if (!made) return error_reply(made.error());
  call.about(row->id, row->tenant);
  call.changes(Changed::Policies);
  return data_reply(show_key(made->row, call.now_ms, &made->key), 201);
}

AdminReply revoke(Call& call) {
  auto row = find(call);
  if (!row) return error_reply(row.error());
  Fields fields(call.body);
  if (auto sound = fields.done(); !sound) return error_reply(sound.error());
  const auto revoked = store::revoke_key(*call.connection, row->id, call.now_ms);
  if (!revoked) return error_reply(revoked.error());
  if (*revoked) row->revoked_ms = call.now_ms;
  call.about(row->id, row->tenant);
  call.changes(Changed::Directory);
  return data_reply(show_key(*row, call.now_ms));
}

}  // namespace

void add_key_routes(Router& router) {
  router.add({.method = "GET",
              .pattern = "/v1/integrations/{id}/keys",
              .right = Right::Read,
              .handler = list,
              .parameters = {"limit", "cursor"}});
  router.add({.method = "POST",
              .pattern = "/v1/integrations/{id}/keys",
              .right = Right::Manage,
              .handler = create,
              .optional_body = true});
  router.add({.method = "GET", .pattern = "/v1/keys/{id}", .right = Right::Read, .handler = read});
  router.add({.method = "POST",
              .pattern = "/v1/keys/{id}/rotate",
              .right = Right::Manage,
              .handler = rotate,
              .optional_body = true});
  router.add({.method = "POST",
              .pattern = "/v1/keys/{id}/revoke",
              .right = Right::Manage,
              .handler = revoke,
              .optional_body = true});
}

}  // namespace capsem::admin
