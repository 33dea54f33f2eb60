// What is written of reviews: the list of violations that is kept with one, the body a caller polls
// (R49), and the bodies of webhooks. None holds content.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/audit/record.h"
#include "core/policy/decision.h"
#include "server/store/reviews.h"
#include "server/tenant/approvals.h"

namespace capsem::store {

// [{"id","policy","rule","severity","message","enforcement","phase"}]. Of one rule many may
// be left out, never all: what was approved is told by this list.
std::string violations_json(std::span<const policy::Decision> decisions);

// (policy, rule) of each, sorted, once each.
using Rules = std::vector<std::pair<std::string, std::string>>;
Rules rules_of(std::span<const policy::Decision> decisions);
Rules rules_of_json(std::string_view violations);  // as violations_json() wrote them

// {"data":{"id","status","created_at","expires_at","run_id","violations":[...]}}
std::string poll_body(const Review& review, ReviewStatus status);
// R42's error object.
std::string poll_error(std::string_view message, std::string_view type, std::string_view code);

// {"event":"review.decided","data":{...}}
std::string review_event(std::string_view event, const Review& review);

// What a reviewer may see of the texts: [{"point","phase","tool","text"}], of at most `bytes_max`
// bytes together; masked at Redacted, which needs `mask`. Empty at the other levels: digests tell a
// reviewer nothing.
std::string preview_json(std::span<const audit::KeptText> texts, audit::ContentLevel level,
                         const std::function<std::string(std::string_view)>& mask,
                         std::size_t bytes_max);

// What has to be known of a kept answer besides its body, and back. An answer that is unreadable
// reads as status 0.
std::string answer_head_json(const tenant::KeptAnswer& answer);
tenant::KeptAnswer answer_from(std::string_view head, std::string body);

}  // namespace capsem::store
