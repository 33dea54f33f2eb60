// What a reviewer sees and decides.
//
//   GET  /v1/reviews?status=&integration=&run_id=&tenant=&limit=&cursor=
//   GET  /v1/reviews/{id}             with the preview, for those who may see content
//   POST /v1/reviews/{id}/approve     {note}
//   POST /v1/reviews/{id}/reject      {note}
#pragma once

#include "server/admin/router.h"
#include "server/store/approvals.h"

namespace capsem::admin {

// `reviews` outlives the router.
void add_review_routes(Router& router, store::StoredApprovals& reviews);

}  // namespace capsem::admin
