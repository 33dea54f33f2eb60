#include "server/proxy/relay.h"

#include <utility>

#include "server/proxy/forward.h"
#include "server/proxy/session.h"
#include "server/proxy/subject_of.h"
#include "server/proxy/worker.h"

namespace capsem::proxy {

using engine::Step;
using tenant::ApprovalAnswer;

namespace {

// A review is opened by a statement or two; the store has its own clock for each.
std::uint32_t approval_ms_max(const Settings& settings) {
  return 2 * settings.store.call_ms + 500;
}

}  // namespace

Relay::Relay(Session& session, const Route& route, const http::RequestHead& head,
             const http::Target& target, std::shared_ptr<Upstream> upstream)
    : session_(session),
      worker_(session.worker()),
      client_(session.connection()),
      route_(route),
      head_(head),
      target_(target),
      caller_(session.caller()),
      style_(session.error_style()),
      upstream_(std::move(upstream)),
      held_(worker_.shared().ledger, worker_.metrics()),
      commit_(worker_.loop(), worker_.mailbox(), worker_.shared().audit,
              worker_.shared().settings.audit),
      desk_(worker_.loop(), worker_.mailbox(), worker_.shared().approvals,
            approval_ms_max(worker_.shared().settings)),
      request_id_(session.request_id()),
      run_id_(make_run_id(worker_.workspace().ids, worker_.shared().clock.wall_ms())) {
  passage_.began_ns = client_.request_begin_ns();
  passage_.began_wall_ms = worker_.shared().clock.wall_ms();
}

Relay::~Relay() = default;

std::int64_t Relay::now_ns() const {
  return worker_.shared().clock.monotonic_ns();
}

void Relay::begin() {
  const std::uint64_t declared = head_.content_length.value_or(0);
  if (!worker_.shared().ledger.admits(declared)) return refuse(overloaded_answer(style_));
  if (route_.action == Action::Inspect || route_.action == Action::InspectAnswer) {
    begin_exchange();
  }
  if (route_.action != Action::Inspect) {
    if (exchange_) exchange_->skip_request();
    return;
  }
  held_.add(declared);
  if (exchange_->expect_request(declared) == Step::Deny) deny();
}

void Relay::refuse_at_once(LocalAnswer answer) {
  refuse(std::move(answer), true);
}

void Relay::begin_exchange() {
  Shared& shared = worker_.shared();
  const auto& snapshot = worker_.snapshot();
  const policy::KeyRule* key = snapshot->key_rule(caller_.user_id);
  explains_ = key != nullptr && key->explain && asks_to_explain(head_);
  self_ = std::make_shared<Relay*>(this);
  const auto ready = [self = std::weak_ptr<Relay*>(self_)] {
    if (const auto relay = self.lock()) (*relay)->answers_ready();
  };
  limit::CounterStore* counters = shared.counters;
  if (limit::RemoteCounters* remote = worker_.remote_counters()) {
    counters_.emplace(*remote, *shared.counters, shared.settings.store.replicas, ready);
    counters = &*counters_;
  }
  if (snapshot->asks_judges()) judges_.emplace(worker_, ready);
  exchange_.emplace(route_.profile, snapshot, shared.settings.engine, worker_.workspace(),
                    subject_of(route_, target_.path, caller_, upstream_->base),
                    engine::Services{.clock = &shared.clock,
                                     .pins = shared.pins,
                                     .counters = counters,
                                     .redaction_secret = shared.redaction_secret.reveal(),
                                     .redaction_tenant = caller_.tenant(),
                                     .judges = judges_ ? &*judges_ : nullptr},
                    explains_);
  if (session_.keeps_content()) exchange_->keep_texts(shared.settings.audit.content_bytes_max);
}

void Relay::on_body(std::string_view bytes) {
  if (settled_) return;
  passage_.request_bytes += bytes.size();
  held_.raise_to(passage_.request_bytes);
  if (route_.action == Action::Inspect) {
    if (exchange_->on_request_bytes(bytes) == Step::Deny) deny();
    return;
  }
  if (passage_.request_bytes > worker_.shared().settings.engine.limits.request_bytes_max) {
    return refuse(error_answer(style_, 413, "Request body too large", "invalid_request_error",
                               "body_too_large"));
  }
  // Only what is relayed on the operator's word has a body to forward.
  if (route_.action == Action::Unlisted || route_.action == Action::Through) {
    plain_body_.append(bytes);
  }
}

void Relay::on_refused(const http::Refusal& refusal) {
  refuse(
      error_answer(style_, refusal.status, refusal.reason, "invalid_request_error", "bad_request"));
}

void Relay::on_request_end() {
  if (settled_) return;
  passage_.request_end_ns = now_ns();
  if (route_.action == Action::Inspect) return judge_request();
  go_to_provider();
}

// --- What the policies say ----------------------------------------------------------------------

// Shared limits, or judge services: the exchange knows what it waited for.
void Relay::answers_ready() {
  if (settled_) return;
  switch (std::exchange(asked_, Asked::Nothing)) {
    case Asked::OfRequest:
      return judge_request();
    case Asked::OfAnswer:
      return judge_answer_end();
    case Asked::Nothing:
      return;  // nobody waited for this one
  }
}

void Relay::judge_request() {
  const std::int64_t begin_ns = now_ns();
  step_ = exchange_->on_request_end();
  passage_.call_ns = now_ns();
  passage_.inspection_ns += passage_.call_ns - begin_ns;
  if (step_ == Step::Wait) {
    asked_ = Asked::OfRequest;
    return;
  }
  if (step_ == Step::Deny && !exchange_->wants_approval()) return deny();
  // An answer to this very request may have been approved: then the request was, too.
  if (desk_.open() && desk_.may_have_answer(caller_)) return find_kept_answer();
  decide_request();
}

void Relay::find_kept_answer() {
  const Asking asking{.caller = caller_,
                      .path = target_.path,
                      .run_id = run_id_,
                      .model = exchange_->facts().model,
                      .content = session_.keeps_content()};
  desk_.find_answer(question_of(*exchange_, asking, event::Phase::Response),
                    [this](std::optional<ApprovalAnswer> answer) { found(std::move(answer)); });
}

void Relay::found(std::optional<ApprovalAnswer> answer) {
  if (!answer) return decide_request();
  if (answer->kind != ApprovalAnswer::Kind::Granted) {
    return asked(event::Phase::Response, std::move(*answer));
  }
  review_id_ = answer->review_id;
  if (answer->answer) {
    std::string nothing;
    if (step_ == Step::Deny) exchange_->grant(nothing);  // its answer was made after a grant
    return give_kept(*answer->answer);
  }
  std::vector<engine::ReleasedRule> released;
  for (auto& [policy, rule] : answer->released) {
    released.push_back({std::move(policy), std::move(rule)});
  }
  exchange_->release_rules(std::move(released));
  if (step_ != Step::Deny) return decide_request();
  std::string nothing;
  step_ = exchange_->grant(nothing);  // the same: whoever let the answer be made let the request go
  if (step_ != Step::Continue) return deny();
  go_to_provider();
}

void Relay::decide_request() {
  if (step_ == Step::Deny) {
    return desk_.open() ? ask_about(event::Phase::Request) : deny();
  }
  go_to_provider();
}

void Relay::ask_about(event::Phase phase) {
  const Asking asking{.caller = caller_,
                      .path = target_.path,
                      .run_id = run_id_,
                      .model = exchange_->facts().model,
                      .content = session_.keeps_content()};
  tenant::ApprovalQuestion question = question_of(*exchange_, asking, phase);
  const std::string_view withheld =
      phase == event::Phase::Response ? exchange_->withheld_answer() : std::string_view();
  if (!withheld.empty() &&
      withheld.size() <= worker_.shared().settings.approvals.answer_bytes_max) {
    question.answer = tenant::KeptAnswer{.status = status_,
                                         .content_type = answer_type_,
                                         .streamed = passage_.streams,
                                         .body = std::string(withheld)};
  }
  desk_.ask(std::move(question),
            [this, phase](ApprovalAnswer answer) { asked(phase, std::move(answer)); });
}

void Relay::asked(event::Phase phase, ApprovalAnswer answer) {
  using Kind = ApprovalAnswer::Kind;
  if (answer.kind != Kind::Granted || review_id_.empty()) review_id_ = answer.review_id;
  if (begun_) return deny();  // a stream that has partly left ends, whatever becomes of its review
  switch (answer.kind) {
    case Kind::Held: {
      if (!exchange_->denial().code.empty()) return deny();
      // Nothing was denied here: an answer to the same request waits already.
      exchange_->nothing_was_served();
      engine::Denial denial{.message = "Request held for review: its answer waits for a decision",
                            .type = "policy_violation",
                            .code = "approval_required"};
      return refuse(
          denial_answer(
              style_, denial,
              {.run_id = run_id_, .review_id = review_id_, .violations = answer.violations}),
          true);
    }
    case Kind::Granted:
      // Another gateway's review of an answer, which this one had not heard of.
      if (phase == event::Phase::Request && (answer.answer || !answer.released.empty())) {
        return found(std::move(answer));
      }
      break;
    case Kind::Rejected: {
      engine::Denial denial{.message = "Request rejected by a reviewer",
                            .type = "policy_violation",
                            .code = "approval_rejected"};
      return refuse(denial_answer(style_, denial, {.run_id = run_id_, .review_id = review_id_}),
                    true);
    }
    case Kind::Full:
    case Kind::Unavailable: {
      const bool full = answer.kind == Kind::Full;
      LocalAnswer busy =
          error_answer(style_, 503,
                       full ? "Too many requests wait for review, retry later"
                            : "Reviews are not available, retry later",
                       "server_error", full ? "approvals_full" : "approvals_unavailable");
      busy.fields = "retry-after: 5\r\n";
      busy.outcome = "blocked";
      return refuse(std::move(busy), true);
    }
  }
  std::string out;
  switch (exchange_->grant(out)) {
    case Step::Continue:
      step_ = Step::Continue;
      return go_to_provider();
    case Step::Done:
      return give_whole(std::move(out));
    default:
      return phase == event::Phase::Request && exchange_->wants_approval() ? decide_request()
                                                                           : deny();
  }
}

// --- To the provider ----------------------------------------------------------------------------

// What is noteworthy already, or everything if the operator wants it so, is on record before the
// provider has a byte of it.
void Relay::go_to_provider() {
  const bool noted = exchange_ && commit_.decisions_wait() && exchange_->warns();
  if (!noted && !commit_.everything_waits()) return start_call();
  told_decisions_ = exchange_ ? exchange_->decisions().size() : 0;
  commit_.write(opening_record(exchanged(), passage_, exchange_ ? &*exchange_ : nullptr),
                [this](bool kept) {
                  if (kept) return start_call();
                  if (exchange_) exchange_->nothing_was_served();
                  refuse(audit_answer(style_));
                });
}

void Relay::start_call() {
  const bool inspected = route_.action == Action::Inspect;
  const std::string_view body = inspected ? exchange_->request_body() : plain_body_;
  const bool reads = head_.method == "GET" || head_.method == "HEAD";
  upstream::CallRequest request;
  request.head =
      upstream_head(head_, target_, route_.provider, upstream_->base,
                    reads ? -1 : static_cast<std::int64_t>(body.size()),
                    caller_.integration != nullptr ? &caller_.integration->provider_key : nullptr);
  request.body = body;
  request.stream = (exchange_ && exchange_->wants_stream()) || !inspected;
  request.repeatable = reads;
  passage_.call_ns = passage_.last_byte_ns = now_ns();
  call_ = std::make_unique<upstream::Call>(upstream_->pool, *this);
  call_->start(std::move(request));
}

}  // namespace capsem::proxy
