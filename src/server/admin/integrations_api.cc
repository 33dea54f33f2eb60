#include "server/admin/fields.h"
#include "server/admin/key_fields.h"
#include "server/admin/routes.h"
#include "server/admin/show.h"
#include "server/store/bindings.h"
#include "server/store/integrations.h"
#include "server/store/secrets.h"
#include "server/store/tenants.h"

namespace capsem::admin {
namespace {

using store::IntegrationRow;

class Integrations {
 public:
  Integrations(const Options& options, const Hooks& hooks) : options_(options), hooks_(hooks) {}

  AdminReply list(Call& call) const;
  AdminReply create(Call& call) const;
  AdminReply read(Call& call) const;
  AdminReply update(Call& call) const;
  AdminReply remove(Call& call) const;

 private:
  Result<IntegrationRow> find(Call& call) const;
  // `warnings`: counts its bindings, which lists do not.
  Shown shown(const IntegrationRow& row) const;
  Result<std::string> show_with_warnings(Call& call, const IntegrationRow& row,
                                         const store::NewKey* key = nullptr) const;

  const Options& options_;
  const Hooks& hooks_;
};

Shown Integrations::shown(const IntegrationRow& row) const {
  Shown shown;
  shown.text("id", row.id)
      .text("tenant", row.tenant)
      .text("name", row.name)
      .text("provider", row.provider)
      .text("secret_id", row.secret)
      .text_or_null("base_url", row.base_url)
      .flag("allow_private", row.allow_private)
      .number_or_null("evaluations_per_month", row.evaluations_per_month)
      .text("state", row.state)
      .text("proxy_url",
            options_.base_url + "/v1/integrations/" + row.provider + "/proxy/" + row.id)
      .time("created_at", row.created_ms);
  return shown;
}

Result<std::string> Integrations::show_with_warnings(Call& call, const IntegrationRow& row,
                                                     const store::NewKey* key) const {
  const auto bound = store::count_bindings(*call.connection, row.id);
  if (!bound) return std::unexpected(bound.error());
  std::vector<std::string> warnings;
  if (*bound == 0) {
    warnings.emplace_back(
        "No binding names this integration: only policies whose own `bind.integrations` does act "
        "on its requests");
  }
  Shown out = shown(row);
  if (key != nullptr) {
    out.text("key", key->key.reveal()).raw("gateway_key", show_key(key->row, call.now_ms));
  }
  out.list("warnings", warnings);
  return out.take();
}

Result<IntegrationRow> Integrations::find(Call& call) const {
  auto row = store::read_integration(*call.connection, call.ids[0]);
  if (!row) return std::unexpected(row.error());
  if (!*row || !call.sees((*row)->tenant)) return client_error("not_found", "");
  return std::move(**row);
}

AdminReply Integrations::list(Call& call) const {
  const auto page = page_of(call);
  if (!page) return error_reply(page.error());
  const auto rows =
      store::list_integrations(*call.connection, call.tenant_filter(), slice_of(*page));
  if (!rows) return error_reply(rows.error());
  return page_reply(
      *rows, *page, [&](const IntegrationRow& row) { return shown(row).take(); },
      [](const IntegrationRow& row) { return cursor_of(row.created_ms, row.id); });
}

AdminReply Integrations::create(Call& call) const {
  Fields fields(call.body);
  IntegrationRow row;
  const auto tenant =
      call.tenant_for(fields.optional_text("tenant", {.min = 1, .max = kIdBytesMax}).value_or(""));
  row.name = fields.text("name", {.min = 1, .max = kNameBytesMax});
  row.provider = fields.word("provider", {"openai", "gemini", "anthropic"});
  const Secret provider_key =
      fields.optional_secret("provider_key", {.min = 1, .max = store::kSecretBytesMax});
  row.secret = fields.optional_text("secret_id", {.min = 1, .max = kIdBytesMax}).value_or("");
  row.base_url =
      fields.optional_text("base_url", {.min = 1, .max = store::kBaseUrlBytesMax}).value_or("");
  row.allow_private = fields.optional_flag("allow_private").value_or(false);
  if (const auto quota = fields.optional_number("evaluations_per_month", 0, kQuotaMax)) {
    row.evaluations_per_month = static_cast<std::uint64_t>(*quota);
  }
  store::KeyRow key = read_key_fields(fields, "key_name", call.body, call.now_ms);
  if (provider_key.empty() == row.secret.empty()) {
    fields.wrong("provider_key", "or `secret_id` must be given, and not both");
  }
  if (auto sound = fields.done(); !sound) return error_reply(sound.error());
  if (!tenant) return error_reply(tenant.error());
  row.tenant = *tenant;
  if (!row.base_url.empty()) {
    if (auto sound = store::check_base_url(row.base_url, row.allow_private); !sound) {
      return error_reply(sound.error());
    }
  }
  const auto known = store::read_tenant(*call.connection, row.tenant);
  if (!known) return error_reply(known.error());
  if (!*known) return not_found();

  const auto vault = hooks_.vault ? hooks_.vault() : nullptr;
  const auto made = store::create_integration(*call.connection, vault.get(), std::move(row),
                                              provider_key, std::move(key), call.now_ms);
  if (!made) return error_reply(made.error());
  call.about(made->row.id, made->row.tenant);
  call.changes(Changed::Policies);
  const auto text = show_with_warnings(call, made->row, &made->key);
  return text ? data_reply(*text, 201) : error_reply(text.error());
}

AdminReply Integrations::read(Call& call) const {
  const auto row = find(call);
  if (!row) return error_reply(row.error());
  const auto text = show_with_warnings(call, *row);
  return text ? data_reply(*text) : error_reply(text.error());
}

AdminReply Integrations::update(Call& call) const {
  auto row = find(call);
  if (!row) return error_reply(row.error());
  Fields fields(call.body);
  const auto change = [&](std::string& member, std::optional<std::string> value) {
    if (value) member = std::move(*value);
  };
  change(row->name, fields.optional_text("name", {.min = 1, .max = kNameBytesMax}));
  change(row->secret, fields.optional_text("secret_id", {.min = 1, .max = kIdBytesMax}));
  change(row->base_url,
         fields.optional_text("base_url", {.min = 1, .max = store::kBaseUrlBytesMax}));
  if (fields.is_null("base_url")) row->base_url.clear();
  row->allow_private = fields.optional_flag("allow_private").value_or(row->allow_private);
  change(row->state, fields.optional_word("state", {"active", "disabled"}));
  if (const auto quota = fields.optional_number("evaluations_per_month", 0, kQuotaMax)) {
    row->evaluations_per_month = static_cast<std::uint64_t>(*quota);
  } else if (fields.is_null("evaluations_per_month")) {
    row->evaluations_per_month.reset();
  }
  if (auto sound = fields.done(); !sound) return error_reply(sound.error());
  if (!row->base_url.empty()) {
    if (auto sound = store::check_base_url(row->base_url, row->allow_private); !sound) {
      return error_reply(sound.error());
    }
  }
  if (auto updated = store::update_integration(*call.connection, *row); !updated) {
    return error_reply(updated.error());
  }
  call.about(row->id, row->tenant);
  call.changes(Changed::Policies);
  const auto text = show_with_warnings(call, *row);
  return text ? data_reply(*text) : error_reply(text.error());
}

AdminReply Integrations::remove(Call& call) const {
  const auto row = find(call);
  if (!row) return error_reply(row.error());
  call.about(row->id, row->tenant);
  if (auto removed = store::delete_integration(*call.connection, *row); !removed) {
    return error_reply(removed.error());
  }
  call.changes(Changed::Policies);
  return data_reply(Shown().text("id", row->id).flag("deleted", true).take());
}

}  // namespace

void add_integration_routes(Router& router, const Options& options, const Hooks& hooks) {
  const auto group = std::make_shared<const Integrations>(options, hooks);
  const auto add = [&](std::string_view method, std::string_view pattern, Right right,
                       AdminReply (Integrations::*handler)(Call&) const,
                       std::vector<std::string_view> parameters = {}) {
    router.add({.method = method,
                .pattern = pattern,
                .right = right,
                .handler = [group, handler](Call& call) { return (group.get()->*handler)(call); },
                .parameters = std::move(parameters)});
  };
  add("GET", "/v1/integrations", Right::Read, &Integrations::list, {"limit", "cursor", "tenant"});
  add("POST", "/v1/integrations", Right::Manage, &Integrations::create);
  add("GET", "/v1/integrations/{id}", Right::Read, &Integrations::read);
  add("PATCH", "/v1/integrations/{id}", Right::Manage, &Integrations::update);
  add("DELETE", "/v1/integrations/{id}", Right::Manage, &Integrations::remove);
}

}  // namespace capsem::admin
