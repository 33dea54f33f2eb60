// What the policies found, and where it is in its life (R51).
//
//   GET  /v1/violations?status=&severity=&enforcement=&integration=&policy=&run_id=&from=&until=
//                       &tenant=&limit=&cursor=
//   GET  /v1/violations/{id}
//   POST /v1/violations/{id}/acknowledge
//   POST /v1/violations/{id}/resolve   {type, note}
//   POST /v1/violations/{id}/dismiss   {reason}
#pragma once

#include "server/admin/router.h"

namespace capsem::admin {

void add_violation_routes(Router& router);

}  // namespace capsem::admin
