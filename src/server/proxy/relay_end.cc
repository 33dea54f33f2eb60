// How an exchange ends: refused, given, cut, or left by its client; and its one record, which for
// some of these has to be kept first (promise 3).
#include <utility>

#include "core/audit/explanation.h"
#include "server/http/writer.h"
#include "server/proxy/relay.h"
#include "server/proxy/session.h"
#include "server/proxy/worker.h"

namespace capsem::proxy {

Exchanged Relay::exchanged() const {
  return {.route = route_,
          .head = head_,
          .public_path = session_.public_path(),
          .caller = caller_,
          .request_id = request_id_,
          .run_id = run_id_,
          .review_id = review_id_,
          .content = session_.content()};
}

// Has something been decided that is not on record yet, and must be before its answer leaves?
bool Relay::news_waits() const {
  return exchange_ && commit_.decisions_wait() && exchange_->warns(told_decisions_);
}

// --- Refusals -----------------------------------------------------------------------------------

// `decided`: on a policy's or a person's word, which is on record before it is told.
void Relay::refuse(LocalAnswer answer, bool decided) {
  if (settled_) return;
  if (!decided || !commit_.decisions_wait()) {
    respond(answer);
    desk_.told();
    return complete(answer.status, answer.outcome, answer.code);
  }
  const int status = answer.status;
  const std::string code = answer.code;
  const std::string_view outcome = answer.outcome;
  const std::uint64_t size = answer.body.size();
  settle(status, outcome, code, size, [this, answer = std::move(answer)](bool kept) {
    if (kept) {
      desk_.told();
      respond(answer);
    } else {
      desk_.leave();
      respond(audit_answer(style_));
    }
  });
}

void Relay::respond(const LocalAnswer& answer) {
  std::string head;
  head.reserve(256);
  http::append_status_line(head, answer.status);
  http::append_field(head, "content-type", answer.type);
  http::append_field(head, "x-request-id", request_id_);
  http::append_field(head, "request-id", request_id_);
  head.append(answer.fields);
  if (!session_.bare()) append_cors_fields(head, head_);
  client_.respond(head, answer.body);
}

void Relay::deny() {
  if (settled_) return;
  if (begun_) return end_stream(std::exchange(out_, {}), "cut", exchange_->denial().code);
  const engine::Denial& denial = exchange_->denial();
  const std::string explanation = explains_ ? explain(denial.status, false) : std::string();
  LocalAnswer answer = denial_answer(
      style_, denial,
      {.run_id = run_id_,
       .explain = explanation,
       .review_id = exchange_->wants_approval() ? std::string_view(review_id_) : std::string_view(),
       .violations = count_violations(exchange_->decisions())});
  append_limit_fields(answer.fields);
  refuse(std::move(answer), denial.type == "policy_violation" || denial.status == 429);
}

void Relay::deny_answer() {
  if (call_) call_->cancel();
  if (desk_.open() && route_.action == Action::Inspect && exchange_->wants_approval()) {
    return ask_about(event::Phase::Response);
  }
  deny();
}

// --- Streams ------------------------------------------------------------------------------------

// `last`: what is left to send. It waits for the record when it has something new to tell.
void Relay::end_stream(std::string last, std::string_view outcome, std::string_view code) {
  if (settled_) return;
  const bool waits = outcome == "cut" ? commit_.decisions_wait() : news_waits();
  if (!begun_) append_late_fields();
  const auto send = [this](std::string_view bytes) {
    if (!begun_) {
      begun_ = true;
      if (passage_.first_byte_ns == 0) passage_.first_byte_ns = now_ns();
      client_.begin_stream(answer_head_);
    }
    if (!bytes.empty()) client_.stream(bytes);
  };
  if (!waits) {
    send(last);
    if (settled_) return;
    client_.end_stream();
    return complete(status_, outcome, code);
  }
  const std::uint64_t size = client_.answer_bytes() + last.size();
  settle(status_, outcome, code, size, [this, send, last = std::move(last)](bool kept) {
    if (!kept && !begun_) return respond(audit_answer(style_));
    std::string fault;
    if (!kept) {
      exchange_->write_fault_frame("The audit cannot be written", "audit_unavailable", fault);
    }
    send(kept ? last : fault);
    if (!finished_) client_.end_stream();
  });
}

// --- The record ---------------------------------------------------------------------------------

std::string Relay::explain(int status, bool as_field) const {
  const std::pair<std::string_view, std::int64_t> us[] = {
      {"inspection", passage_.inspection_ns / 1'000}};
  const policy::Verdict verdict = exchange_->verdict();
  const audit::Explanation explanation{
      .run_id = run_id_,
      .revision = exchange_->snapshot().revision(),
      .verdict = verdict,
      .http = status,
      .phase = passage_.upstream_status == 0 ? event::Phase::Request : event::Phase::Response,
      .decisions = exchange_->decisions(),
      .decided = audit::deciding(exchange_->decisions(), verdict),
      .trace = &exchange_->trace(),
      .not_checked = exchange_->not_checked(),
      .us = us,
      .hides_directories = true};
  return as_field ? audit::explanation_field(explanation) : audit::explanation_json(explanation);
}

audit::Record Relay::take_record(const Ending& ending) {
  audit::Record record;
  if (exchange_) record = exchange_->take_record();
  fill_record(record, exchanged(), passage_, ending, call_.get());
  count(worker_.metrics(), record, exchanged(), passage_, ending, call_.get());
  return record;
}

// Writes the record, and then(kept) before the end. then() answers the client; what follows from
// an answer that fails, or from a client that leaves, has happened when it returns.
void Relay::settle(int status, std::string_view outcome, std::string_view code,
                   std::uint64_t response_bytes, Commit::Then then) {
  settled_ = true;
  if (call_) call_->cancel();
  const audit::Record record = take_record({.status = status,
                                            .outcome = outcome,
                                            .code = code,
                                            .response_bytes = response_bytes,
                                            .end_ns = now_ns()});
  commit_.write(record, [this, then = std::move(then)](bool kept) {
    then(kept);
    finish();
  });
}

// Without waiting; the client has been told.
void Relay::complete(int status, std::string_view outcome, std::string_view code) {
  if (settled_) return;
  settled_ = true;
  if (call_) call_->cancel();
  commit_.write(take_record({.status = status,
                             .outcome = outcome,
                             .code = code,
                             .response_bytes = client_.answer_bytes(),
                             .end_ns = now_ns()}));
  finish();
}

void Relay::finish() {
  if (finished_) return;
  finished_ = true;
  // Shared limits and judges are the worker's, which may be gone before a loop's last retired
  // objects are.
  if (counters_ || judges_) {
    exchange_.reset();
    counters_.reset();
    judges_.reset();
  }
  session_.work_done();
}

void Relay::on_gone() {
  if (finished_) return;
  worker_.metrics().client_gone.add();
  desk_.leave();
  commit_.forget();
  if (settled_) return finish();
  complete(begun_ ? status_ : 499, "client_gone", {});
}

void Relay::end_for_drain() {
  if (finished_) return;
  desk_.leave();
  const bool waited = commit_.waiting();
  commit_.forget();
  if (call_) call_->cancel();
  if (settled_) {
    // Its record was not kept in time: what it tells of may not be told.
    if (!waited) return;
    if (!begun_) respond(draining_answer(style_));
    finish();
    if (begun_) client_.break_off();
    return;
  }
  if (begun_) return end_with_fault("The gateway is shutting down", "gateway_draining", "drained");
  refuse(draining_answer(style_));
}

}  // namespace capsem::proxy
