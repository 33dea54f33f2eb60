#include "server/admin/reviews_api.h"

#include "server/admin/fields.h"
#include "server/admin/show.h"

namespace capsem::admin {
namespace {

using store::Review;
using store::StoredApprovals;

void show_members(Shown& shown, const Review& row, store::ReviewStatus status) {
  shown.text("id", row.id)
      .text("status", store::to_string(status))
      .text("tenant", row.tenant)
      .text_or_null("integration_id", row.integration)
      .text("caller", row.caller)
      .text_or_null("agent", row.agent)
      .text("route", row.route)
      .text("model", row.model)
      .text("phase", row.phase == event::Phase::Request ? "input" : "output")
      .text("revision", row.revision)
      .text("run_id", row.run_id)
      .number("attached", row.attached)
      .raw("violations", row.violations)
      .flag("has_answer", row.has_answer)
      .time("created_at", row.created_ms)
      .time("expires_at", row.expires_ms)
      .time_or_null("decided_at", row.decided_ms)
      .text_or_null("decided_by", row.decided_by)
      .text_or_null("note", row.note)
      .time_or_null("consumed_at", row.consumed_ms)
      .text_or_null("consumed_run_id", row.consumed_run_id);
}

std::string show(const Review& row, store::ReviewStatus status) {
  Shown shown;
  show_members(shown, row, status);
  return shown.take();
}

AdminReply list(Call& call, StoredApprovals& reviews) {
  const auto page = page_of(call);
  if (!page) return error_reply(page.error());
  store::ReviewFilter filter;
  filter.tenant = call.tenant_filter();
  filter.status = call.query("status").value_or("");
  filter.integration = call.query("integration").value_or("");
  filter.run_id = call.query("run_id").value_or("");
  if (!filter.status.empty() && !store::review_status_from(filter.status)) {
    return error_reply(400, "invalid_request",
                       "`status` must be PENDING, APPROVED, REJECTED, EXPIRED, CONSUMED or "
                       "WITHDRAWN");
  }
  filter.limit = std::int64_t{page->limit} + 1;
  filter.before_ms = page->before_ms;
  filter.before_id = page->before_id;
  const auto rows = store::list_reviews(*call.connection, filter);
  if (!rows) return error_reply(rows.error());
  return page_reply(
      *rows, *page, [&](const Review& row) { return show(row, reviews.status_now(row)); },
      [](const Review& row) { return cursor_of(row.created_ms, row.id); });
}

// The review that the path names, if the caller may see it; else the reply.
Result<Review> review_of(Call& call) {
  auto found = store::find_review(*call.connection, call.ids[0]);
  if (!found) return std::unexpected(found.error());
  if (!*found || !call.sees((*found)->tenant)) {
    return client_error("not_found", "there is no such review");
  }
  return std::move(**found);
}

AdminReply get(Call& call, StoredApprovals& reviews) {
  const auto review = review_of(call);
  if (!review) return error_reply(review.error());
  Shown shown;
  show_members(shown, *review, reviews.status_now(*review));
  if (may(call.who.role, Right::Review) || may(call.who.role, Right::Audit)) {
    const auto preview = reviews.preview_of(*call.connection, *review);
    if (!preview) return error_reply(preview.error());
    shown.raw("preview", *preview);
  }
  return data_reply(shown.take());
}

AdminReply decide(Call& call, StoredApprovals& reviews, bool approved) {
  Fields fields(call.body);
  const std::string note =
      fields.optional_text("note", {.min = 0, .max = kNoteBytesMax, .lines = true}).value_or("");
  if (auto sound = fields.done(); !sound) return error_reply(sound.error());
  const auto review = review_of(call);
  if (!review) return error_reply(review.error());
  call.about(review->id, review->tenant);
  const auto decided = reviews.decide(*call.connection, review->id, approved, call.who.name, note);
  if (!decided) return error_reply(decided.error());
  return data_reply(show(*decided, decided->status));
}

}  // namespace

void add_review_routes(Router& router, StoredApprovals& reviews) {
  router.add({.method = "GET",
              .pattern = "/v1/reviews",
              .right = Right::Read,
              .handler = [&reviews](Call& call) { return list(call, reviews); },
              .parameters = {"status", "integration", "run_id", "tenant", "limit", "cursor"}});
  router.add({.method = "GET",
              .pattern = "/v1/reviews/{id}",
              .right = Right::Read,
              .handler = [&reviews](Call& call) { return get(call, reviews); }});
  router.add({.method = "POST",
              .pattern = "/v1/reviews/{id}/approve",
              .right = Right::Review,
              .handler = [&reviews](Call& call) { return decide(call, reviews, true); },
              .optional_body = true});
  router.add({.method = "POST",
              .pattern = "/v1/reviews/{id}/reject",
              .right = Right::Review,
              .handler = [&reviews](Call& call) { return decide(call, reviews, false); },
              .optional_body = true});
}

}  // namespace capsem::admin
