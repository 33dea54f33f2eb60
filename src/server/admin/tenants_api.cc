#include "server/admin/fields.h"
#include "server/admin/routes.h"
#include "server/admin/show.h"
#include "server/store/tenants.h"

namespace capsem::admin {
namespace {

using store::TenantRow;

std::string show(const TenantRow& row) {
  return Shown()
      .text("id", row.id)
      .text("name", row.name)
      .text("content_level", row.content_level)
      .number_or_null("evaluations_per_month", row.evaluations_per_month)
      .time("created_at", row.created_ms)
      .take();
}

AdminReply list(Call& call) {
  const auto page = page_of(call);
  if (!page) return error_reply(page.error());
  const auto rows = store::list_tenants(*call.connection, call.who.tenant, slice_of(*page));
  if (!rows) return error_reply(rows.error());
  return page_reply(*rows, *page, show,
                    [](const TenantRow& row) { return cursor_of(row.created_ms, row.id); });
}

AdminReply create(Call& call) {
  Fields fields(call.body);
  TenantRow row;
  row.id = fields.optional_text("id", {.min = 1, .max = kIdBytesMax}).value_or("");
  row.name = fields.text("name", {.min = 1, .max = kNameBytesMax});
  row.content_level = fields.optional_word("content_level", {"none", "hash", "redacted", "full"})
                          .value_or(row.content_level);
  if (const auto quota = fields.optional_number("evaluations_per_month", 0, kQuotaMax)) {
    row.evaluations_per_month = static_cast<std::uint64_t>(*quota);
  }
  if (!row.id.empty() && !store::is_tenant_id(row.id)) {
    fields.wrong("id", "must have lower-case letters, digits and dashes only, at most 63");
  }
  if (auto sound = fields.done(); !sound) return error_reply(sound.error());
  const auto made = store::create_tenant(*call.connection, std::move(row), call.now_ms);
  if (!made) return error_reply(made.error());
  call.about(made->id, made->id);
  call.changes(Changed::Directory);
  return data_reply(show(*made), 201);
}

Result<TenantRow> find(Call& call) {
  if (!call.sees(call.ids[0])) return client_error("not_found", "");
  auto row = store::read_tenant(*call.connection, call.ids[0]);
  if (!row) return std::unexpected(row.error());
  if (!*row) return client_error("not_found", "");
  return std::move(**row);
}

AdminReply read(Call& call) {
  const auto row = find(call);
  if (!row) return error_reply(row.error());
  return data_reply(show(*row));
}

AdminReply update(Call& call) {
  auto row = find(call);
  if (!row) return error_reply(row.error());
  Fields fields(call.body);
  row->name =
      fields.optional_text("name", {.min = 1, .max = kNameBytesMax}).value_or(std::move(row->name));
  row->content_level = fields.optional_word("content_level", {"none", "hash", "redacted", "full"})
                           .value_or(std::move(row->content_level));
  if (const auto quota = fields.optional_number("evaluations_per_month", 0, kQuotaMax)) {
    row->evaluations_per_month = static_cast<std::uint64_t>(*quota);
  } else if (fields.is_null("evaluations_per_month")) {
    row->evaluations_per_month.reset();
  }
  if (auto sound = fields.done(); !sound) return error_reply(sound.error());
  if (auto updated = store::update_tenant(*call.connection, *row); !updated) {
    return error_reply(updated.error());
  }
  call.about(row->id, row->id);
  call.changes(Changed::Policies);
  return data_reply(show(*row));
}

}  // namespace

void add_tenant_routes(Router& router) {
  router.add({.method = "GET",
              .pattern = "/v1/tenants",
              .right = Right::Read,
              .handler = list,
              .parameters = {"limit", "cursor"}});
  router.add({.method = "POST",
              .pattern = "/v1/tenants",
              .right = Right::Manage,
              .handler = create,
              .all_tenants = true});
  router.add(
      {.method = "GET", .pattern = "/v1/tenants/{id}", .right = Right::Read, .handler = read});
  router.add({.method = "PATCH",
              .pattern = "/v1/tenants/{id}",
              .right = Right::Manage,
              .handler = update});
}

}  // namespace capsem::admin
