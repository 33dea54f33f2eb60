#include "server/store/reviews.h"

#include <array>

#include "server/store/meta.h"

namespace capsem::store {
namespace {

constexpr std::array<std::string_view, 6> kStatusWords = {"PENDING", "APPROVED", "REJECTED",
                                                          "EXPIRED", "CONSUMED", "WITHDRAWN"};

// In the order in which read() takes them.
#define CAPSEM_REVIEW_COLUMNS                                                                     \
  "id, tenant_id, integration_id, caller, agent, route, model, phase, status, digest, revision, " \
  "run_id, attached, violations, callbacks, answer_head, created_ms, expires_ms, decided_ms, "    \
  "decided_by, note, consumed_ms, consumed_run_id "

std::string_view phase_word(event::Phase phase) {
  return phase == event::Phase::Request ? "input" : "output";
}

std::string join_lines(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) {
    if (!text.empty()) text += '\n';
    text += line;
  }
  return text;
}

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

Review read(const sql::Row& row) {
  int column = 0;
  const auto text = [&] { return std::string(row.text(column++)); };
  const auto number = [&] { return row.number(column++); };
  Review review;
  review.id = text();
  review.tenant = text();
  review.integration = text();
  review.caller = text();
  review.agent = text();
  review.route = text();
  review.model = text();
  review.phase = text() == "input" ? event::Phase::Request : event::Phase::Response;
  review.status = review_status_from(text()).value_or(ReviewStatus::Withdrawn);
  review.digest = text();
  review.revision = text();
  review.run_id = text();
  review.attached = number();
  review.violations = text();
  review.callbacks = split_lines(text());
  review.has_answer = !text().empty();
  review.created_ms = number();
  review.expires_ms = number();
  review.decided_ms = number();
  review.decided_by = text();
  review.note = text();
  review.consumed_ms = number();
  review.consumed_run_id = text();
  return review;
}

sql::OnRow collect(std::vector<Review>& into) {
  return [&into](const sql::Row& row) { into.push_back(read(row)); };
}

sql::Value blob_or_null(const std::string& bytes) {
  if (bytes.empty()) return std::monostate{};
  return sql::Blob{bytes};
}

Result<bool> one(const Result<std::uint64_t>& changed) {
  if (!changed) return std::unexpected(changed.error());
  return *changed == 1;
}

Result<std::vector<Review>> all(const Result<std::uint64_t>& read, std::vector<Review>& rows) {
  if (!read) return std::unexpected(read.error());
  return std::move(rows);
}

}  // namespace

std::string_view to_string(ReviewStatus status) {
  return kStatusWords[static_cast<std::size_t>(status)];
}

std::optional<ReviewStatus> review_status_from(std::string_view word) {
  for (std::size_t i = 0; i < kStatusWords.size(); ++i) {
    if (kStatusWords[i] == word) return static_cast<ReviewStatus>(i);
  }
  return std::nullopt;
}

Status lock_reviews(sql::Connection& connection) {
  return raise_version(connection, kReviewVersion);
}

Result<bool> insert_review(sql::Connection& connection, const Review& review,
                           const ReviewContent& content) {
  const std::string callbacks = join_lines(review.callbacks);
  return one(connection.run(
      "INSERT INTO review (id, tenant_id, integration_id, caller, agent, route, model, phase, "
      "status, digest, revision, run_id, attached, violations, callbacks, preview, preview_sealed, "
      "answer, answer_head, created_ms, expires_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, "
      "'PENDING', $9, $10, $11, 0, $12, $13, $14, $15, $16, $17, $18, $19) "
      "ON CONFLICT DO NOTHING",
      {review.id, review.tenant, review.integration, review.caller, review.agent, review.route,
       review.model, phase_word(review.phase), review.digest, review.revision, review.run_id,
       review.violations, callbacks, blob_or_null(content.preview),
       std::int64_t{content.preview_sealed}, blob_or_null(content.answer), content.answer_head,
       review.created_ms, review.expires_ms}));
}

Result<bool> attach_to_review(sql::Connection& connection, std::string_view id,
                              const std::vector<std::string>& callbacks) {
  const std::string joined = join_lines(callbacks);
  return one(
      connection.run("UPDATE review SET attached = attached + 1, callbacks = $2 "
                     "WHERE id = $1 AND status = 'PENDING'",
                     {id, joined}));
}

Result<bool> decide_review(sql::Connection& connection, std::string_view id, bool approved,
                           std::string_view by, std::string_view note, std::int64_t now_ms) {
  if (approved) {
    return one(connection.run(
        "UPDATE review SET status = 'APPROVED', decided_by = $2, note = $3, decided_ms = $4 "
        "WHERE id = $1 AND status = 'PENDING'",
        {id, by, note, now_ms}));
  }
  return one(connection.run(
      "UPDATE review SET status = 'REJECTED', decided_by = $2, note = $3, decided_ms = $4, "
      "answer = NULL, preview = NULL WHERE id = $1 AND status = 'PENDING'",
      {id, by, note, now_ms}));
}

Result<bool> consume_review(sql::Connection& connection, std::string_view id, std::int64_t now_ms,
                            std::string_view run_id) {
  return one(connection.run(
      "UPDATE review SET status = 'CONSUMED', consumed_ms = $2, consumed_run_id = $3, "
      "answer = NULL, preview = NULL WHERE id = $1 AND status = 'APPROVED'",
      {id, now_ms, run_id}));
}

Result<bool> expire_review(sql::Connection& connection, std::string_view id) {
  return one(
      connection.run("UPDATE review SET status = 'EXPIRED', answer = NULL, preview = NULL "
                     "WHERE id = $1 AND status IN ('PENDING', 'APPROVED')",
                     {id}));
}

Result<bool> withdraw_review(sql::Connection& connection, std::string_view id) {
  return one(
      connection.run("UPDATE review SET status = 'WITHDRAWN', answer = NULL, preview = NULL "
                     "WHERE id = $1 AND status = 'PENDING' AND attached = 0",
                     {id}));
}

Result<bool> supersede_review(sql::Connection& connection, std::string_view id) {
  return one(
      connection.run("UPDATE review SET status = 'WITHDRAWN', answer = NULL, preview = NULL "
                     "WHERE id = $1 AND status IN ('PENDING', 'APPROVED')",
                     {id}));
}

Result<std::optional<Review>> find_review(sql::Connection& connection, std::string_view id) {
  std::optional<Review> review;
  const auto found = connection.run("SELECT " CAPSEM_REVIEW_COLUMNS "FROM review WHERE id = $1",
                                    {id}, [&](const sql::Row& row) { review = read(row); });
  if (!found) return std::unexpected(found.error());
  return review;
}

Result<ReviewContent> content_of_review(sql::Connection& connection, std::string_view id) {
  ReviewContent content;
  const auto found = connection.run(
      "SELECT preview, preview_sealed, answer, answer_head FROM review WHERE id = $1", {id},
      [&](const sql::Row& row) {
        content.preview = row.blob(0);
        content.preview_sealed = row.number(1) != 0;
        content.answer = row.blob(2);
        content.answer_head = row.text(3);
      });
  if (!found) return std::unexpected(found.error());
  return content;
}

Result<std::vector<Review>> matching_reviews(sql::Connection& connection, std::string_view digest,
                                             std::string_view revision) {
  std::vector<Review> rows;
  return all(connection.run("SELECT " CAPSEM_REVIEW_COLUMNS
                            "FROM review WHERE digest = $1 AND revision = $2 "
                            "AND status IN ('PENDING', 'APPROVED', 'REJECTED') "
                            "ORDER BY created_ms DESC LIMIT 100",
                            {digest, revision}, collect(rows)),
             rows);
}

Result<std::vector<Review>> open_reviews(sql::Connection& connection) {
  std::vector<Review> rows;
  return all(connection.run("SELECT " CAPSEM_REVIEW_COLUMNS
                            "FROM review WHERE status IN ('PENDING', 'APPROVED')",
                            {}, collect(rows)),
             rows);
}

Result<std::uint64_t> count_pending(sql::Connection& connection, std::string_view tenant) {
  std::int64_t count = 0;
  const auto read =
      connection.run("SELECT count(*) FROM review WHERE tenant_id = $1 AND status = 'PENDING'",
                     {tenant}, [&](const sql::Row& row) { count = row.number(0); });
  if (!read) return std::unexpected(read.error());
  return static_cast<std::uint64_t>(count);
}

Result<std::vector<Review>> list_reviews(sql::Connection& connection, const ReviewFilter& filter) {
  std::vector<Review> rows;
  return all(connection.run("SELECT " CAPSEM_REVIEW_COLUMNS
                            "FROM review WHERE ($1 = '' OR tenant_id = $1) "
                            "AND ($2 = '' OR status = $2) AND ($3 = '' OR integration_id = $3) "
                            "AND ($4 = '' OR run_id = $4) "
                            "AND (created_ms < $5 OR (created_ms = $5 AND id < $6)) "
                            "ORDER BY created_ms DESC, id DESC LIMIT $7",
                            {filter.tenant, filter.status, filter.integration, filter.run_id,
                             filter.before_ms, filter.before_id, filter.limit},
                            collect(rows)),
             rows);
}

#undef CAPSEM_REVIEW_COLUMNS

}  // namespace capsem::store
