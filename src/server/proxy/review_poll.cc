#include "server/proxy/review_poll.h"

#include <utility>

#include "server/http/writer.h"
#include "server/proxy/routes.h"
#include "server/proxy/session.h"
#include "server/proxy/worker.h"

namespace capsem::proxy {

ReviewPoll::ReviewPoll(Session& session, const http::RequestHead& head, const http::Target& target)
    : session_(session),
      worker_(session.worker()),
      head_(head),
      target_(target),
      began_wall_ms_(worker_.shared().clock.wall_ms()),
      reply_(worker_.loop(), worker_.mailbox()) {}

void ReviewPoll::on_request_end() {
  if (finished_) return;
  const Caller& caller = session_.caller();
  const std::string_view id = std::string_view(target_.path).substr(kReviewPrefix.size());
  reply_.ask(
      2 * worker_.shared().settings.store.call_ms,
      [&](Awaited<Reply>::Reply reply) {
        worker_.shared().approvals->poll(
            std::string(id), std::string(caller.tenant()), std::string(caller.integration_id()),
            std::string(caller.user_id), [reply = std::move(reply)](int status, std::string body) {
              reply({.status = status, .body = std::move(body)});
            });
      },
      [this](std::optional<Reply> reply) { answered(std::move(reply)); });
}

void ReviewPoll::answered(std::optional<Reply> reply) {
  if (!reply || reply->status >= 500) {
    LocalAnswer busy =
        error_answer(session_.error_style(), 503, "Reviews are not available, retry later",
                     "server_error", "approvals_unavailable");
    busy.fields = "retry-after: 1\r\n";
    return respond(busy);
  }
  LocalAnswer answer;
  if (reply->status == 404) {
    answer = error_answer(session_.error_style(), 404, "There is no such review",
                          "invalid_request_error", "unknown_review");
  } else {
    answer.status = reply->status;
    answer.body = std::move(reply->body);
    answer.outcome = "complete";
  }
  respond(answer);
}

void ReviewPoll::on_refused(const http::Refusal& refusal) {
  if (finished_) return;
  respond(error_answer(session_.error_style(), refusal.status, refusal.reason,
                       "invalid_request_error", "bad_request"));
}

void ReviewPoll::end_for_drain() {
  if (finished_) return;
  reply_.forget();
  respond(draining_answer(session_.error_style()));
}

void ReviewPoll::on_gone() {
  if (finished_) return;
  reply_.forget();
  worker_.metrics().client_gone.add();
  finish(499, "client_gone", {});
}

void ReviewPoll::respond(const LocalAnswer& answer) {
  std::string head;
  http::append_status_line(head, answer.status);
  http::append_field(head, "content-type", answer.type);
  http::append_field(head, "cache-control", "no-store");
  http::append_field(head, "x-request-id", session_.request_id());
  head.append(answer.fields);
  session_.connection().respond(head, answer.body);
  finish(answer.status, answer.outcome, answer.code);
}

void ReviewPoll::finish(int status, std::string_view outcome, std::string_view code) {
  if (finished_) return;
  finished_ = true;
  const Caller& caller = session_.caller();
  audit::Record record;
  record.request_id = session_.request_id();
  record.user_id = caller.user_id;
  record.tenant = caller.tenant();
  record.integration = caller.integration_id();
  record.key_id = caller.key_id();
  record.review_id = std::string_view(target_.path).substr(kReviewPrefix.size());
  record.method = head_.method;
  record.path = target_.raw_path;
  record.agent = caller.agent;
  record.status = status;
  record.outcome = outcome;
  record.error_code = code;
  record.response_bytes = session_.connection().answer_bytes();
  record.started_wall_ms = began_wall_ms_;
  record.duration_us =
      (worker_.shared().clock.monotonic_ns() - session_.connection().request_begin_ns()) / 1'000;
  worker_.shared().audit.write(record);
  session_.work_done();
}

}  // namespace capsem::proxy
