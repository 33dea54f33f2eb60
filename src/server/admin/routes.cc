#include "server/admin/routes.h"

namespace capsem::admin {

void add_own_routes(Router& router, const Options& options, const Hooks& hooks,
                    Background& background) {
  add_status_routes(router, hooks);
  add_tenant_routes(router);
  add_integration_routes(router, options, hooks);
  add_key_routes(router);
  add_secret_routes(router, hooks);
  add_binding_routes(router, hooks);
  add_policy_routes(router, hooks);
  add_token_routes(router);
  add_audit_routes(router, hooks, background);
  add_vault_routes(router, hooks);
}

}  // namespace capsem::admin
