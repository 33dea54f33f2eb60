#include "server/proxy/policy_check.h"

#include <utility>

#include "server/http/writer.h"
#include "server/proxy/agent.h"
#include "server/proxy/session.h"
#include "server/proxy/worker.h"

namespace capsem::proxy {
namespace {

// The envelope of R53's product; the other two speak as the root routes do.
std::string errors_body(std::string_view message) {
  std::string body = "{\"errors\":[{\"message\":";
  codec::append_json_string(body, message);
  return body + "}]}";
}

}  // namespace

PolicyCheck::PolicyCheck(Session& session, const Route& route, const http::RequestHead& head,
                         const http::Target& target)
    : session_(session),
      worker_(session.worker()),
      route_(route),
      head_(head),
      target_(target),
      error_shape_(error_body_for(worker_.shared().settings.error_body, head)),
      began_wall_ms_(worker_.shared().clock.wall_ms()),
      request_id_(request_id_for(head, worker_.workspace().ids)),
      agent_(session.agent()) {}

PolicyCheck::~PolicyCheck() {
  worker_.shared().ledger.sub(held_);
  worker_.metrics().buffered_bytes.sub(held_);
}

void PolicyCheck::hold(std::uint64_t bytes) {
  held_ += bytes;
  worker_.shared().ledger.add(bytes);
  worker_.metrics().buffered_bytes.add(bytes);
}

void PolicyCheck::begin() {
  const std::uint64_t declared = head_.content_length.value_or(0);
  if (declared > worker_.shared().settings.engine.limits.request_bytes_max) {
    return respond(error(413, "Request body too large", "invalid_request_error", "body_too_large"));
  }
  if (!worker_.shared().ledger.admits(declared)) {
    LocalAnswer answer = error(503, "Server overloaded, retry later", "server_error", "overloaded");
    answer.fields = "retry-after: 1\r\n";
    return respond(answer);
  }
  hold(declared);
}

void PolicyCheck::on_body(std::string_view bytes) {
  if (finished_) return;
  if (body_.size() + bytes.size() > worker_.shared().settings.engine.limits.request_bytes_max) {
    return respond(error(413, "Request body too large", "invalid_request_error", "body_too_large"));
  }
  body_ += bytes;
  if (body_.size() > held_) hold(body_.size() - held_);
}

void PolicyCheck::on_request_end() {
  if (!finished_) respond(judge());
}

LocalAnswer PolicyCheck::judge() {
  using Standing = policy::Snapshot::AgentStanding;
  body_.reserve(body_.size() + wire::JsonReader::kPadding);
  wire::JsonReader& json = worker_.workspace().json;
  if (const Status parsed = json.parse(body_); !parsed) {
    return error(400, "Invalid JSON in request body: " + parsed.error().detail,
                 "invalid_request_error", "invalid_json");
  }
  auto question = read_question(route_.call, json);
  if (!question) {
    return error(400, question.error().detail, "invalid_request_error", question.error().code);
  }
  question->run_id = make_run_id(worker_.workspace().ids, began_wall_ms_);

  record_.run_id = question->run_id;
  record_.correlation_id = question->correlation_id;
  record_.session_id = question->session_id;
  record_.target_key = question->target_key;
  record_.target_metadata = question->target_metadata;

  const auto& snapshot = worker_.snapshot();
  if (!question->agent.empty()) {
    // As much one agent as two headers are.
    if (agent_ != default_agent(route_.provider) && question->agent != agent_) {
      return error(400, "The request names two different agents", "invalid_request_error",
                   "conflicting_agents");
    }
    if (const auto refused = agent_error(question->agent)) {
      return error(400, refused->message, "invalid_request_error", refused->code);
    }
    agent_ = question->agent;
  }
  const Standing standing = snapshot->agent_standing(session_.user_id(), agent_);
  if (standing == Standing::Refused) return agent_refusal(error_shape_, agent_);

  const policy::Subject subject =
      subject_of(*question, target_.path, session_.user_id(), agent_, standing == Standing::Bound);
  auto said = worker_.shared().judge(*question, subject, snapshot, worker_.workspace());
  record_.model = subject.model;
  record_.revision = snapshot->revision();
  if (!said) {
    return error(403, "Request blocked by security policy: inspection failed", "policy_violation",
                 "inspection_failed");
  }
  LocalAnswer answer;
  answer.status = status_of(route_.call, *said);
  answer.body = render_answer(*question, *said, snapshot->revision());
  answer.outcome = "evaluated";
  answer.fields = "x-should-retry: false\r\n";
  record_.verdict = said->verdict;
  record_.decided_by = std::move(said->decided_by);
  record_.decisions = std::move(said->decisions);
  record_.request_inspected = true;
  return answer;
}

LocalAnswer PolicyCheck::error(int status, std::string_view message, std::string_view type,
                               std::string_view code) const {
  LocalAnswer answer = error_answer(error_shape_, status, message, type, code);
  if (route_.call == PolicyCall::Evaluate) answer.body = errors_body(message);
  return answer;
}

void PolicyCheck::on_refused(const http::Refusal& refusal) {
  if (finished_) return;
  respond(error(refusal.status, refusal.reason, "invalid_request_error", "bad_request"));
}

void PolicyCheck::end_for_drain() {
  if (finished_) return;
  LocalAnswer answer =
      error(503, "The gateway is shutting down", "server_error", "gateway_draining");
  answer.fields = "retry-after: 1\r\n";
  answer.outcome = "drained";
  respond(answer);
}

void PolicyCheck::on_gone() {
  if (finished_) return;
  worker_.metrics().client_gone.add();
  finish(499, "client_gone", {});
}

void PolicyCheck::respond(const LocalAnswer& answer) {
  std::string head;
  head.reserve(256);
  http::append_status_line(head, answer.status);
  http::append_field(head, "content-type", answer.type);
  http::append_field(head, "x-request-id", request_id_);
  http::append_field(head, "request-id", request_id_);
  head.append(answer.fields);
  append_cors_fields(head, head_);
  session_.connection().respond(head, answer.body);
  finish(answer.status, answer.outcome, answer.code);
}

void PolicyCheck::finish(int status, std::string_view outcome, std::string_view code) {
  if (finished_) return;
  finished_ = true;
  record_.request_id = request_id_;
  record_.user_id = session_.user_id();
  record_.agent = agent_;
  record_.method = head_.method;
  record_.path = target_.raw_path;
  record_.status = status;
  record_.outcome = outcome;
  record_.error_code = code;
  record_.request_bytes = body_.size();
  record_.response_bytes = session_.connection().answer_bytes();
  record_.started_wall_ms = began_wall_ms_;
  record_.duration_us =
      (worker_.shared().clock.monotonic_ns() - session_.connection().request_begin_ns()) / 1'000;
  for (const policy::Decision& decision : record_.decisions) {
    worker_.metrics()
        .verdicts[static_cast<std::size_t>(decision.point)]
                 [static_cast<std::size_t>(decision.verdict)]
        .add();
  }
  worker_.shared().audit.write(record_);
  session_.work_done();
}

}  // namespace capsem::proxy
