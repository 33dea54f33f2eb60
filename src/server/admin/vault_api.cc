#include "server/admin/fields.h"
#include "server/admin/routes.h"
#include "server/admin/show.h"

namespace capsem::admin {
namespace {

AdminReply not_here() {
  return error_reply(501, "not_available", "This gateway has no vault");
}

// Takes no members, so that nobody believes a master key could be sent this way.
std::optional<AdminReply> refusal_of(Call& call) {
  Fields fields(call.body);
  if (auto sound = fields.done(); !sound) return error_reply(sound.error());
  return std::nullopt;
}

AdminReply seal(Call& call, const Hooks& hooks, bool sealed) {
  if (auto refusal = refusal_of(call)) return *refusal;
  const auto& act = sealed ? hooks.seal : hooks.unseal;
  if (!act) return not_here();
  if (auto done = act(); !done) return error_reply(done.error());
  call.about("vault");
  call.changes(Changed::Directory);
  return data_reply(Shown().flag("sealed", sealed).take());
}

AdminReply rewrap(Call& call, const Hooks& hooks) {
  if (auto refusal = refusal_of(call)) return *refusal;
  if (!hooks.rewrap) return not_here();
  const auto changed = hooks.rewrap(*call.connection);
  if (!changed) return error_reply(changed.error());
  call.about("vault");
  call.changes(Changed::Directory);
  return data_reply(Shown().number("rewrapped", static_cast<std::int64_t>(*changed)).take());
}

}  // namespace

void add_vault_routes(Router& router, const Hooks& hooks) {
  const auto add = [&](std::string_view pattern, Handler handler, bool without_database) {
    router.add({.method = "POST",
                .pattern = pattern,
                .right = Right::Manage,
                .handler = std::move(handler),
                .all_tenants = true,
                .optional_body = true,
                .without_database = without_database});
  };
  // Keys are wiped from memory whatever else is broken.
  add("/v1/vault/seal", [&hooks](Call& call) { return seal(call, hooks, true); }, true);
  add("/v1/vault/unseal", [&hooks](Call& call) { return seal(call, hooks, false); }, false);
  add("/v1/vault/rewrap", [&hooks](Call& call) { return rewrap(call, hooks); }, false);
}

}  // namespace capsem::admin
