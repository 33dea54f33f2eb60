#include "server/proxy/policy_check.h"

#include <utility>

#include "core/policy/pins.h"
#include "server/http/writer.h"
#include "server/proxy/agent.h"
#include "server/proxy/session.h"
#include "server/proxy/worker.h"

namespace capsem::proxy {

using tenant::ApprovalAnswer;

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
      style_(session.error_style()),
      began_wall_ms_(worker_.shared().clock.wall_ms()),
      agent_(session.caller().agent),
      caller_(session.caller()),
      held_(worker_.shared().ledger, worker_.metrics()),
      commit_(worker_.loop(), worker_.mailbox(), worker_.shared().audit,
              worker_.shared().settings.audit),
      desk_(worker_.loop(), worker_.mailbox(), worker_.shared().approvals,
            2 * worker_.shared().settings.store.call_ms + 500) {}

PolicyCheck::~PolicyCheck() = default;

void PolicyCheck::begin() {
  const std::uint64_t declared = head_.content_length.value_or(0);
  if (declared > worker_.shared().settings.engine.limits.request_bytes_max) {
    return respond(error(413, "Request body too large", "invalid_request_error", "body_too_large"));
  }
  if (!worker_.shared().ledger.admits(declared)) {
    LocalAnswer answer = overloaded_answer(style_);
    if (route_.call == PolicyCall::Evaluate) {
      answer.body = errors_body("Server overloaded, retry later");
    }
    return respond(std::move(answer));
  }
  held_.add(declared);
}

void PolicyCheck::on_body(std::string_view bytes) {
  if (settled_) return;
  if (body_.size() + bytes.size() > worker_.shared().settings.engine.limits.request_bytes_max) {
    return respond(error(413, "Request body too large", "invalid_request_error", "body_too_large"));
  }
  body_ += bytes;
  held_.raise_to(body_.size());
}

void PolicyCheck::on_request_end() {
  if (settled_) return;
  if (auto wrong = judge()) {
    const bool decided = wrong->status == 403;
    return respond(std::move(*wrong), decided);
  }
  const bool held = said_.verdict == policy::Verdict::Confirm;
  if (held && route_.call == PolicyCall::Evaluate && desk_.open()) return ask_for_approval();
  tell();
}

// --- The judgement ------------------------------------------------------------------------------

std::optional<LocalAnswer> PolicyCheck::judge() {
  if (auto wrong = read_body()) return wrong;
  if (auto wrong = name_agent()) return wrong;
  const auto& snapshot = worker_.snapshot();
  const policy::Subject subject = subject_of(question_, target_.path, caller_);
  auto said = worker_.shared().judge(question_, subject, snapshot, worker_.workspace());
  record_.model = subject.model;
  record_.revision = snapshot->revision();
  if (!said) {
    return error(403, "Request blocked by security policy: inspection failed", "policy_violation",
                 "inspection_failed");
  }
  record_.request_inspected = true;
  said_ = std::move(*said);
  return std::nullopt;
}

std::optional<LocalAnswer> PolicyCheck::read_body() {
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
  question_ = std::move(*question);
  question_.run_id = make_run_id(worker_.workspace().ids, began_wall_ms_);
  record_.run_id = question_.run_id;
  record_.correlation_id = question_.correlation_id;
  record_.session_id = question_.session_id;
  record_.target_key = question_.target_key;
  record_.target_metadata = question_.target_metadata;
  const tenant::Approvals* approvals = worker_.shared().approvals;
  if (!question_.callback_url.empty() &&
      (approvals == nullptr || !approvals->callback_allowed(question_.callback_url))) {
    // An answer that did not say so would be waited for.
    return error(400,
                 "callbackUrl: this gateway does not call that host back; leave it out, and poll",
                 "invalid_request_error", "callback_unsupported");
  }
  return std::nullopt;
}

std::optional<LocalAnswer> PolicyCheck::name_agent() {
  using Standing = policy::Snapshot::AgentStanding;
  if (!question_.agent.empty()) {
    // As much one agent as two headers are.
    if (agent_ != default_agent(route_.provider) && question_.agent != agent_) {
      return error(400, "The request names two different agents", "invalid_request_error",
                   "conflicting_agents");
    }
    if (const auto refused = agent_error(question_.agent)) {
      return error(400, refused->message, "invalid_request_error", refused->code);
    }
    agent_ = question_.agent;
  }
  caller_.agent = agent_;
  const Standing standing = agent_standing(*worker_.snapshot(), caller_);
  if (standing == Standing::Refused) return agent_refusal(style_, agent_);
  caller_.agent_bound = standing == Standing::Bound;
  return std::nullopt;
}

// --- Approval -----------------------------------------------------------------------------------

void PolicyCheck::ask_for_approval() {
  tenant::ApprovalQuestion question{
      .tenant = std::string(caller_.tenant()),
      .integration = std::string(caller_.integration_id()),
      .caller = std::string(caller_.user_id),
      .agent = agent_,
      .route = target_.path,
      .model = record_.model,
      .digest =
          approval_digest(target_.path, agent_,
                          policy::canonical_json(body_, worker_.workspace().schema, "stream")),
      .revision = record_.revision,
      .run_id = question_.run_id,
      .decisions = {},
      .texts = {}};
  for (const policy::Decision& decision : said_.decisions) {
    if (decision.enforced && decision.verdict == policy::Verdict::Confirm) {
      question.decisions.push_back(decision);
    }
  }
  if (session_.keeps_content() && !question_.prompt.empty()) question.texts = shown_prompt();
  question.callback_url = question_.callback_url;
  desk_.ask(std::move(question), [this](ApprovalAnswer answer) { asked(std::move(answer)); });
}

// As the prompt of a request would be shown: redacted where policies redact.
std::vector<audit::KeptText> PolicyCheck::shown_prompt() {
  const Shared& shared = worker_.shared();
  engine::Exchange exchange(
      {.dialect = codec::Dialect::OpenAiChat}, worker_.snapshot(), shared.settings.engine,
      worker_.workspace(), subject_of(question_, target_.path, caller_),
      {.redaction_secret = shared.redaction_secret.reveal(), .redaction_tenant = caller_.tenant()});
  exchange.keep_texts(shared.settings.audit.content_bytes_max);
  std::string body = R"({"messages":[{"role":"user","content":)";
  codec::append_json_string(body, question_.prompt);
  exchange.on_request_bytes(body.append("}]}"));
  exchange.on_request_end();
  return exchange.kept_texts();
}

void PolicyCheck::asked(ApprovalAnswer answer) {
  using Kind = ApprovalAnswer::Kind;
  record_.review_id = answer.review_id;
  switch (answer.kind) {
    case Kind::Granted:
      release_approvals(said_);
      return tell();
    case Kind::Held:
      said_.review_id = std::move(answer.review_id);
      return tell();
    case Kind::Rejected:
      said_.verdict = policy::Verdict::Block;
      said_.code = "approval_rejected";
      said_.message = "Request rejected by a reviewer";
      return tell();
    case Kind::Full:
    case Kind::Unavailable:
      break;
  }
  const bool full = answer.kind == Kind::Full;
  LocalAnswer busy = error(503,
                           full ? "Too many requests wait for review, retry later"
                                : "Reviews are not available, retry later",
                           "server_error", full ? "approvals_full" : "approvals_unavailable");
  busy.fields = "retry-after: 5\r\n";
  respond(std::move(busy), true);
}

// --- The answer ---------------------------------------------------------------------------------

void PolicyCheck::tell() {
  LocalAnswer answer;
  answer.status = status_of(route_.call, said_);
  answer.body = render_answer(question_, said_, record_.revision);
  answer.outcome = "evaluated";
  answer.fields = "x-should-retry: false\r\n";
  record_.verdict = said_.verdict;
  record_.decided_by = std::move(said_.decided_by);
  record_.decisions = std::move(said_.decisions);
  record_.evaluated = route_.call == PolicyCall::Evaluate;
  const bool decided = weighty(record_.decisions);
  respond(std::move(answer), decided);
}

LocalAnswer PolicyCheck::error(int status, std::string_view message, std::string_view type,
                               std::string_view code) const {
  LocalAnswer answer = error_answer(style_, status, message, type, code);
  if (route_.call == PolicyCall::Evaluate) answer.body = errors_body(message);
  return answer;
}

void PolicyCheck::on_refused(const http::Refusal& refusal) {
  respond(error(refusal.status, refusal.reason, "invalid_request_error", "bad_request"));
}

void PolicyCheck::respond(LocalAnswer answer, bool decided) {
  if (settled_) return;
  settled_ = true;
  if (!decided || !commit_.decisions_wait()) {
    write(answer);
    if (finished_) return;
    desk_.told();
    fill_record(answer.status, answer.outcome, answer.code, session_.connection().answer_bytes());
    commit_.write(record_);
    return finish();
  }
  fill_record(answer.status, answer.outcome, answer.code, answer.body.size());
  commit_.write(record_, [this, answer = std::move(answer)](bool kept) {
    if (kept) {
      desk_.told();
      write(answer);
    } else {
      desk_.leave();
      write(audit_answer(style_));
    }
    finish();
  });
}

void PolicyCheck::write(const LocalAnswer& answer) {
  std::string head;
  head.reserve(256);
  http::append_status_line(head, answer.status);
  http::append_field(head, "content-type", answer.type);
  http::append_field(head, "x-request-id", session_.request_id());
  http::append_field(head, "request-id", session_.request_id());
  head.append(answer.fields);
  append_cors_fields(head, head_);
  session_.connection().respond(head, answer.body);
}

void PolicyCheck::fill_record(int status, std::string_view outcome, std::string_view code,
                              std::uint64_t response_bytes) {
  record_.request_id = session_.request_id();
  record_.user_id = caller_.user_id;
  record_.tenant = caller_.tenant();
  record_.integration = caller_.integration_id();
  record_.key_id = caller_.key_id();
  record_.agent = agent_;
  record_.method = head_.method;
  record_.path = target_.raw_path;
  record_.status = status;
  record_.outcome = outcome;
  record_.error_code = code;
  record_.request_bytes = body_.size();
  record_.response_bytes = response_bytes;
  record_.started_wall_ms = began_wall_ms_;
  record_.duration_us =
      (worker_.shared().clock.monotonic_ns() - session_.connection().request_begin_ns()) / 1'000;
  for (const policy::Decision& decision : record_.decisions) {
    worker_.metrics()
        .verdicts[static_cast<std::size_t>(decision.point)]
                 [static_cast<std::size_t>(decision.verdict)]
        .add();
  }
}

// --- Before its time ----------------------------------------------------------------------------

void PolicyCheck::end_for_drain() {
  if (finished_) return;
  desk_.leave();
  LocalAnswer answer = draining_answer(style_);
  if (route_.call == PolicyCall::Evaluate)
    answer.body = errors_body("The gateway is shutting down");
  if (!commit_.waiting()) return respond(std::move(answer));
  // Its record was not kept in time: what it tells of may not be told.
  commit_.forget();
  write(answer);
  finish();
}

void PolicyCheck::on_gone() {
  if (finished_) return;
  worker_.metrics().client_gone.add();
  desk_.leave();
  const bool on_record = commit_.waiting();
  commit_.forget();
  if (!on_record) {
    settled_ = true;
    fill_record(499, "client_gone", {}, session_.connection().answer_bytes());
    commit_.write(record_);
  }
  finish();
}

void PolicyCheck::finish() {
  if (finished_) return;
  finished_ = true;
  session_.work_done();
}

}  // namespace capsem::proxy
