// Reviews in the database: what a person is asked to decide, and where it is in its life.
//
//   PENDING --approve--> APPROVED --consume--> CONSUMED
//      |--reject--> REJECTED    |--expire--> EXPIRED
//      |--expire--> EXPIRED     |--supersede--> WITHDRAWN
//      |--withdraw, supersede--> WITHDRAWN
//
// Every step is one conditional UPDATE: true when this call made it, false when the review was no
// longer where the step begins. Several gateways may try the same step; one makes it.
//
// Blocking; on the thread of the connection. Steps that belong together stand in one transaction of
// the caller's, which begins with lock_reviews(). Errors are the connection's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/event/event.h"
#include "server/sql/database.h"

namespace capsem::store {

enum class ReviewStatus : std::uint8_t {
  Pending,
  Approved,
  Rejected,
  Expired,
  Consumed,
  Withdrawn
};
std::string_view to_string(ReviewStatus status);  // "PENDING", ...
std::optional<ReviewStatus> review_status_from(std::string_view word);
inline bool is_open(ReviewStatus status) {
  return status == ReviewStatus::Pending || status == ReviewStatus::Approved;
}

struct Review {
  std::string id, tenant, integration, caller, agent, route, model;
  event::Phase phase = event::Phase::Request;
  ReviewStatus status = ReviewStatus::Pending;
  std::string digest, revision, run_id;
  std::int64_t attached = 0;
  std::string violations;              // a JSON list
  std::vector<std::string> callbacks;  // URLs
  bool has_answer = false;             // an answer is kept for the approved retry
  std::int64_t created_ms = 0, expires_ms = 0;
  std::int64_t decided_ms = 0, consumed_ms = 0;  // 0: not yet
  std::string decided_by, note, consumed_run_id;
};

// What is kept with a review while it may be needed; gone when its life ends.
struct ReviewContent {
  std::string preview;          // empty: nothing may be shown
  bool preview_sealed = false;  // false: a JSON text
  std::string answer;           // sealed; empty: none is kept
  std::string answer_head;      // of the kept answer, a JSON text; empty without one
};

inline constexpr std::string_view kReviewVersion = "review_version";

// Nobody else changes reviews until the transaction ends; and others will see that something did.
// REQUIRES: a transaction is open.
Status lock_reviews(sql::Connection& connection);

// False: a review of this digest, revision and phase is open already.
Result<bool> insert_review(sql::Connection& connection, const Review& review,
                           const ReviewContent& content);
Result<bool> attach_to_review(sql::Connection& connection, std::string_view id,
                              const std::vector<std::string>& callbacks);
Result<bool> decide_review(sql::Connection& connection, std::string_view id, bool approved,
                           std::string_view by, std::string_view note, std::int64_t now_ms);
Result<bool> consume_review(sql::Connection& connection, std::string_view id, std::int64_t now_ms,
                            std::string_view run_id);
Result<bool> expire_review(sql::Connection& connection, std::string_view id);
// Only one that nobody has attached to (T12).
Result<bool> withdraw_review(sql::Connection& connection, std::string_view id);
// Another one takes its place, because other rules than those it shows want approval now.
Result<bool> supersede_review(sql::Connection& connection, std::string_view id);

Result<std::optional<Review>> find_review(sql::Connection& connection, std::string_view id);
Result<ReviewContent> content_of_review(sql::Connection& connection, std::string_view id);
// PENDING, APPROVED and REJECTED ones, newest first, a hundred at most.
Result<std::vector<Review>> matching_reviews(sql::Connection& connection, std::string_view digest,
                                             std::string_view revision);
// PENDING and APPROVED ones.
Result<std::vector<Review>> open_reviews(sql::Connection& connection);
Result<std::uint64_t> count_pending(sql::Connection& connection, std::string_view tenant);

// Empty members: anything. Newest first, those behind (before_ms, before_id).
struct ReviewFilter {
  std::string tenant{}, status{}, integration{}, run_id{};
  std::int64_t limit = 50;
  std::int64_t before_ms = INT64_MAX;
  std::string before_id{};
};
Result<std::vector<Review>> list_reviews(sql::Connection& connection, const ReviewFilter& filter);

}  // namespace capsem::store
