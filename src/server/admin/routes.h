// The rows of the admin API's table, group by group. Each function adds its own.
#pragma once

#include "server/admin/api.h"
#include "server/admin/background.h"
#include "server/admin/router.h"

namespace capsem::admin {

// All below. All three outlive the router.
void add_own_routes(Router& router, const Options& options, const Hooks& hooks,
                    Background& background);

void add_tenant_routes(Router& router);
void add_integration_routes(Router& router, const Options& options, const Hooks& hooks);
void add_key_routes(Router& router);
void add_secret_routes(Router& router, const Hooks& hooks);
void add_binding_routes(Router& router, const Hooks& hooks);
void add_policy_routes(Router& router, const Hooks& hooks);
void add_token_routes(Router& router);
void add_audit_routes(Router& router, const Hooks& hooks, Background& background);
void add_vault_routes(Router& router, const Hooks& hooks);
void add_status_routes(Router& router, const Hooks& hooks);

}  // namespace capsem::admin
