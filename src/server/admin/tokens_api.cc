#include "server/admin/fields.h"
#include "server/admin/routes.h"
#include "server/admin/show.h"
#include "server/store/tenants.h"
#include "server/store/tokens.h"

namespace capsem::admin {
namespace {

using store::AdminToken;

std::string show(const AdminToken& row, const Secret* token = nullptr) {
  Shown shown;
  shown.text("id", row.id)
      .text("name", row.name)
      .text("role", row.role)
      .text_or_null("tenant", row.tenant)
      .text("prefix", row.prefix)
      .time("created_at", row.created_ms)
      .time_or_null("expires_at", row.expires_ms)
      .time_or_null("revoked_at", row.revoked_ms);
  if (token != nullptr) shown.text("token", token->reveal());
  return shown.take();
}

AdminReply list(Call& call) {
  const auto page = page_of(call);
  if (!page) return error_reply(page.error());
  const auto rows = store::list_tokens(*call.connection, call.tenant_filter(), slice_of(*page));
  if (!rows) return error_reply(rows.error());
  return page_reply(
      *rows, *page, [](const AdminToken& row) { return show(row); },
      [](const AdminToken& row) { return cursor_of(row.created_ms, row.id); });
}

AdminReply create(Call& call) {
  Fields fields(call.body);
  AdminToken row;
  row.name = fields.text("name", {.min = 1, .max = kNameBytesMax});
  row.role = fields.word("role", {"admin", "reviewer", "auditor", "read-only"});
  row.tenant = fields.optional_text("tenant", {.min = 1, .max = kIdBytesMax}).value_or("");
  if (const auto text = fields.optional_text("expires_at", {.min = 1, .max = 40})) {
    const auto time = time_from(*text);
    if (!time || *time <= call.now_ms) {
      fields.wrong("expires_at", "must be a time to come, as 2030-01-31T00:00:00Z");
    }
    row.expires_ms = time.value_or(0);
  }
  if (auto sound = fields.done(); !sound) return error_reply(sound.error());
  // Nobody makes a token that reaches further than their own.
  if (row.tenant.empty()) row.tenant = call.who.tenant;
  if (!row.tenant.empty()) {
    if (!call.sees(row.tenant)) return not_found();
    const auto known = store::read_tenant(*call.connection, row.tenant);
    if (!known) return error_reply(known.error());
    if (!*known) return not_found();
  }
  const auto made = store::create_token(*call.connection, std::move(row), call.now_ms);
  if (!made) return error_reply(made.error());
  call.about(made->row.id, made->row.tenant);
  return data_reply(show(made->row, &made->token), 201);
}

AdminReply revoke(Call& call) {
  auto row = store::read_token(*call.connection, call.ids[0]);
  if (!row) return error_reply(row.error());
  if (!*row || !call.sees((*row)->tenant)) return not_found();
  AdminToken& token = **row;
  call.about(token.id, token.tenant);
  const auto revoked = store::revoke_token(*call.connection, token.id, call.now_ms);
  if (!revoked) return error_reply(revoked.error());
  if (*revoked) token.revoked_ms = call.now_ms;
  return data_reply(show(token));
}

}  // namespace

void add_token_routes(Router& router) {
  router.add({.method = "GET",
              .pattern = "/v1/admin-tokens",
              .right = Right::Audit,
              .handler = list,
              .parameters = {"limit", "cursor", "tenant"}});
  router.add(
      {.method = "POST", .pattern = "/v1/admin-tokens", .right = Right::Manage, .handler = create});
  router.add({.method = "DELETE",
              .pattern = "/v1/admin-tokens/{id}",
              .right = Right::Manage,
              .handler = revoke});
}

}  // namespace capsem::admin
