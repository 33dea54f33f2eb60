#include "server/admin/fields.h"
#include "server/admin/routes.h"
#include "server/admin/show.h"
#include "server/store/secrets.h"
#include "server/store/tenants.h"

namespace capsem::admin {
namespace {

using store::SecretRow;

constexpr TextBounds kValueBounds{.min = 1, .max = store::kSecretBytesMax};

std::string show(const SecretRow& row) {
  return Shown()
      .text("id", row.id)
      .text("tenant", row.tenant)
      .text("name", row.name)
      .text("provider", row.provider)
      .text("hint", row.hint)
      .text("sealed_under", row.key_id)
      .time("created_at", row.created_ms)
      .time_or_null("rotated_at", row.rotated_ms)
      .take();
}

AdminReply no_vault() {
  return error_reply(503, "no_master_key", "There is no master key: nothing can be sealed");
}

Result<SecretRow> find(Call& call) {
  auto row = store::read_secret(*call.connection, call.ids[0]);
  if (!row) return std::unexpected(row.error());
  if (!*row || !call.sees((*row)->tenant)) return client_error("not_found", "");
  return std::move(**row);
}

AdminReply list(Call& call) {
  const auto page = page_of(call);
  if (!page) return error_reply(page.error());
  const auto rows = store::list_secrets(*call.connection, call.tenant_filter(), slice_of(*page));
  if (!rows) return error_reply(rows.error());
  return page_reply(*rows, *page, show,
                    [](const SecretRow& row) { return cursor_of(row.created_ms, row.id); });
}

AdminReply create(Call& call, const Hooks& hooks) {
  Fields fields(call.body);
  SecretRow row;
  const auto tenant =
      call.tenant_for(fields.optional_text("tenant", {.min = 1, .max = kIdBytesMax}).value_or(""));
  row.name = fields.text("name", {.min = 1, .max = kNameBytesMax});
  row.provider = fields.word("provider", {"openai", "gemini", "anthropic"});
  const Secret value = fields.secret("value", kValueBounds);
  if (auto sound = fields.done(); !sound) return error_reply(sound.error());
  if (!tenant) return error_reply(tenant.error());
  row.tenant = *tenant;
  const auto known = store::read_tenant(*call.connection, row.tenant);
  if (!known) return error_reply(known.error());
  if (!*known) return not_found();
  const auto vault = hooks.vault ? hooks.vault() : nullptr;
  if (vault == nullptr) return no_vault();
  const auto made =
      store::create_secret(*call.connection, *vault, std::move(row), value, call.now_ms);
  if (!made) return error_reply(made.error());
  call.about(made->id, made->tenant);
  call.changes(Changed::Directory);
  return data_reply(show(*made), 201);
}

AdminReply rotate(Call& call, const Hooks& hooks) {
  const auto row = find(call);
  if (!row) return error_reply(row.error());
  Fields fields(call.body);
  const Secret value = fields.secret("value", kValueBounds);
  if (auto sound = fields.done(); !sound) return error_reply(sound.error());
  const auto vault = hooks.vault ? hooks.vault() : nullptr;
  if (vault == nullptr) return no_vault();
  const auto rotated = store::rotate_secret(*call.connection, *vault, row->id, value, call.now_ms);
  if (!rotated) return error_reply(rotated.error());
  call.about(row->id, row->tenant);
  call.changes(Changed::Directory);
  return data_reply(show(*rotated));
}

AdminReply remove(Call& call) {
  const auto row = find(call);
  if (!row) return error_reply(row.error());
  call.about(row->id, row->tenant);
  if (auto removed = store::delete_secret(*call.connection, row->id); !removed) {
    return error_reply(removed.error());
  }
  call.changes(Changed::Directory);
  return data_reply(Shown().text("id", row->id).flag("deleted", true).take());
}

}  // namespace

void add_secret_routes(Router& router, const Hooks& hooks) {
  router.add({.method = "GET",
              .pattern = "/v1/secrets",
              .right = Right::Read,
              .handler = list,
              .parameters = {"limit", "cursor", "tenant"}});
  router.add({.method = "POST",
              .pattern = "/v1/secrets",
              .right = Right::Manage,
              .handler = [&hooks](Call& call) { return create(call, hooks); }});
  router.add({.method = "PUT",
              .pattern = "/v1/secrets/{id}",
              .right = Right::Manage,
              .handler = [&hooks](Call& call) { return rotate(call, hooks); }});
  router.add({.method = "DELETE",
              .pattern = "/v1/secrets/{id}",
              .right = Right::Manage,
              .handler = remove});
}

}  // namespace capsem::admin
