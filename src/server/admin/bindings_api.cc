#include <algorithm>

#include "core/base/glob.h"
#include "server/admin/fields.h"
#include "server/admin/routes.h"
#include "server/admin/show.h"
#include "server/store/bindings.h"
#include "server/store/integrations.h"

namespace capsem::admin {
namespace {

using store::BindingRow;

constexpr TextBounds kPolicyBounds{.min = 1, .max = kGlobTextBytesMax};
constexpr TextBounds kTargetBounds{.min = 1, .max = kIdBytesMax};

Shown shown(const BindingRow& row) {
  Shown shown;
  shown.text("policy", row.policy)
      .text("target", row.target)
      .text("tenant", row.tenant)
      .time("created_at", row.created_ms);
  return shown;
}

AdminReply list(Call& call) {
  const auto page = page_of(call);
  if (!page) return error_reply(page.error());
  const auto rows = store::list_bindings(*call.connection, call.tenant_filter(),
                                         call.query("policy").value_or(""),
                                         call.query("target").value_or(""), slice_of(*page));
  if (!rows) return error_reply(rows.error());
  return page_reply(
      *rows, *page, [](const BindingRow& row) { return shown(row).take(); },
      [](const BindingRow& row) { return cursor_of(row.created_ms, store::slice_id(row)); });
}

// Whose binding this is: the integration's tenant. What acts beyond one integration is for those
// who answer for all tenants.
Result<std::string> tenant_of(Call& call, std::string_view target) {
  if (target == store::kRootTarget || target == store::kEveryTarget) {
    if (call.who.all_tenants()) return call.tenant_for("");
    return client_error("forbidden", "This token may bind policies to its own integrations only");
  }
  const auto row = store::read_integration(*call.connection, target);
  if (!row) return std::unexpected(row.error());
  if (!*row || !call.sees((*row)->tenant)) return client_error("not_found", "");
  return (*row)->tenant;
}

std::vector<std::string> warnings_for(const Hooks& hooks, const Glob& policy) {
  if (!hooks.policies) return {};
  const PolicyView view = hooks.policies();
  const bool any = std::ranges::any_of(
      view.policies, [&](const ListedPolicy& listed) { return policy.matches(listed.id); });
  if (any) return {};
  return {"No policy that is loaded has such an id: the binding acts once there is one"};
}

AdminReply create(Call& call, const Hooks& hooks) {
  Fields fields(call.body);
  BindingRow row;
  row.policy = fields.text("policy", kPolicyBounds);
  row.target = fields.text("target", kTargetBounds);
  const auto glob = Glob::parse(row.policy);
  if (!glob) fields.wrong("policy", "has a pattern that cannot be read");
  if (auto sound = fields.done(); !sound) return error_reply(sound.error());
  const auto tenant = tenant_of(call, row.target);
  if (!tenant && tenant.error().code == "forbidden") {
    return error_reply(403, "forbidden", tenant.error().detail);
  }
  if (!tenant) return error_reply(tenant.error());
  row.tenant = *tenant;
  row.created_ms = call.now_ms;
  const auto made = store::create_binding(*call.connection, row, call.now_ms);
  if (!made) return error_reply(made.error());
  call.about(store::slice_id(row), row.tenant);
  if (*made) call.changes(Changed::Policies);
  return data_reply(shown(row).list("warnings", warnings_for(hooks, *glob)).take(),
                    *made ? 201 : 200);
}

// Named in the query or in the body.
AdminReply remove(Call& call, const Hooks& hooks) {
  std::string policy(call.query("policy").value_or(""));
  std::string target(call.query("target").value_or(""));
  if (policy.empty() && target.empty()) {
    Fields fields(call.body);
    policy = fields.text("policy", kPolicyBounds);
    target = fields.text("target", kTargetBounds);
    if (auto sound = fields.done(); !sound) return error_reply(sound.error());
  } else if (policy.empty() || target.empty() || call.body != nullptr) {
    return error_reply(400, "invalid_request", "Name `policy` and `target`, both in one place");
  }
  const auto rows =
      store::list_bindings(*call.connection, "", policy, target, store::Slice{.limit = 1});
  if (!rows) return error_reply(rows.error());
  if (rows->empty() || !call.sees(rows->front().tenant)) return not_found();
  call.about(store::slice_id(rows->front()), rows->front().tenant);
  const auto gone = store::delete_binding(
      *call.connection, rows->front().tenant, policy, target, [&]() -> Status {
        return hooks.check_bindings ? hooks.check_bindings(*call.connection) : Status();
      });
  if (!gone && gone.error().code == "policies_loosened") {
    return error_reply(409, gone.error().code, gone.error().detail);
  }
  if (!gone) return error_reply(gone.error());
  if (!*gone) return not_found();
  call.changes(Changed::Policies);
  return data_reply(
      Shown().text("policy", policy).text("target", target).flag("deleted", true).take());
}

}  // namespace

void add_binding_routes(Router& router, const Hooks& hooks) {
  router.add({.method = "GET",
              .pattern = "/v1/bindings",
              .right = Right::Read,
              .handler = list,
              .parameters = {"limit", "cursor", "tenant", "policy", "target"}});
  router.add({.method = "POST",
              .pattern = "/v1/bindings",
              .right = Right::Manage,
              .handler = [&hooks](Call& call) { return create(call, hooks); }});
  router.add({.method = "DELETE",
              .pattern = "/v1/bindings",
              .right = Right::Manage,
              .handler = [&hooks](Call& call) { return remove(call, hooks); },
              .parameters = {"policy", "target"}});
}

}  // namespace capsem::admin
