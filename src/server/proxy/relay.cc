#include "server/proxy/relay.h"

#include <utility>

#include "core/audit/explanation.h"
#include "server/http/writer.h"
#include "server/proxy/forward.h"
#include "server/proxy/session.h"
#include "server/proxy/subject_of.h"
#include "server/proxy/worker.h"

namespace capsem::proxy {
namespace {

using engine::Answer;
using engine::Step;

constexpr std::string_view kMaskedBody = R"({"detail":"Upstream provider error"})";

bool has_media_type(std::string_view value, std::string_view type) {
  return http::starts_with_ignoring_case(value, type) &&
         (value.size() == type.size() || value[type.size()] == ';' || value[type.size()] == ' ');
}

bool is_json(std::string_view value) {
  const std::string_view type = http::trim(value.substr(0, value.find(';')));
  return http::equals_ignoring_case(type, "application/json") ||
         (type.size() > 5 && http::equals_ignoring_case(type.substr(type.size() - 5), "+json"));
}

bool asks_for_sse(std::string_view query) {
  int count = 0;
  return query.find("alt") != std::string_view::npos &&
         http::query_value(query, "alt", count) == "sse";
}

}  // namespace

Relay::Relay(Session& session, const Route& route, const http::RequestHead& head,
             const http::Target& target)
    : session_(session),
      worker_(session.worker()),
      client_(session.connection()),
      route_(route),
      head_(head),
      target_(target),
      error_shape_(error_body_for(worker_.shared().settings.error_body, head)),
      began_ns_(client_.request_begin_ns()),
      began_wall_ms_(worker_.shared().clock.wall_ms()) {
  request_id_ = request_id_for(head, worker_.workspace().ids);
  run_id_ = make_run_id(worker_.workspace().ids, began_wall_ms_);
}

Relay::~Relay() {
  worker_.shared().ledger.sub(held_);
  worker_.metrics().buffered_bytes.sub(held_);
}

std::int64_t Relay::now_ns() const {
  return worker_.shared().clock.monotonic_ns();
}

void Relay::hold(std::uint64_t bytes) {
  held_ += bytes;
  worker_.shared().ledger.add(bytes);
  worker_.metrics().buffered_bytes.add(bytes);
}

// --- The request --------------------------------------------------------------------------------

void Relay::begin() {
  const std::uint64_t declared = head_.content_length.value_or(0);
  if (!worker_.shared().ledger.admits(declared)) {
    auto answer = error_answer(error_shape_, 503, "Server overloaded, retry later", "server_error",
                               "overloaded");
    answer.fields = "retry-after: 1\r\n";
    return refuse(std::move(answer));
  }
  if (route_.action == Action::Inspect || route_.action == Action::InspectAnswer) {
    begin_exchange();
  }
  if (route_.action != Action::Inspect) {
    if (exchange_) exchange_->skip_request();
    return;
  }
  hold(declared);
  if (exchange_->expect_request(declared) == Step::Deny) {
    deny();
  }
}

void Relay::begin_exchange() {
  Shared& shared = worker_.shared();
  const auto& snapshot = worker_.snapshot();
  const Caller caller{.user_id = session_.user_id(),
                      .agent = session_.agent(),
                      .agent_bound = session_.agent_bound()};
  const policy::KeyRule* key = snapshot->key_rule(caller.user_id);
  explains_ = key != nullptr && key->explain && asks_to_explain(head_);
  exchange_.emplace(
      route_.profile, snapshot, shared.settings.engine, worker_.workspace(),
      subject_of(route_, target_.path, caller, shared.settings),
      engine::Services{.clock = &shared.clock, .pins = shared.pins, .counters = &shared.counters},
      explains_);
}

// The caller's own limits, in its provider's spelling. False: none apply.
bool Relay::append_limit_fields(std::string& out) const {
  if (!exchange_) return false;
  const limit::Standing standing = exchange_->standing();
  if (!standing.requests && !standing.tokens) return false;
  const auto style = route_.provider == Provider::Anthropic ? limit::FieldStyle::Anthropic
                                                            : limit::FieldStyle::OpenAi;
  limit::append_rate_limit_fields(out, style, standing, worker_.shared().clock.wall_ms());
  return true;
}

void Relay::on_body(std::string_view bytes) {
  if (finished_) return;
  request_bytes_ += bytes.size();
  if (request_bytes_ > held_) hold(request_bytes_ - held_);
  if (route_.action == Action::Inspect) {
    if (exchange_->on_request_bytes(bytes) == Step::Deny) {
      deny();
    }
    return;
  }
  if (request_bytes_ > worker_.shared().settings.engine.limits.request_bytes_max) {
    return refuse(error_answer(error_shape_, 413, "Request body too large", "invalid_request_error",
                               "body_too_large"));
  }
  // Only an unlisted path that is relayed on the operator's word has a body to forward.
  if (route_.action == Action::Unlisted) plain_body_.append(bytes);
}

void Relay::on_request_end() {
  if (finished_) return;
  request_end_ns_ = now_ns();
  if (route_.action == Action::Inspect) {
    const Step step = exchange_->on_request_end();
    call_ns_ = now_ns();
    inspection_ns_ += call_ns_ - request_end_ns_;
    if (step == Step::Deny) return deny();
  }
  start_call();
}

void Relay::on_refused(const http::Refusal& refusal) {
  refuse(error_answer(error_shape_, refusal.status, refusal.reason, "invalid_request_error",
                      "bad_request"));
}

void Relay::start_call() {
  const bool inspected = route_.action == Action::Inspect;
  const std::string_view body = inspected ? exchange_->request_body() : plain_body_;
  const bool reads = head_.method == "GET" || head_.method == "HEAD";
  upstream::CallRequest request;
  request.head =
      upstream_head(head_, target_, route_.provider,
                    worker_.shared().settings.base_urls[static_cast<std::size_t>(route_.provider)],
                    reads ? -1 : static_cast<std::int64_t>(body.size()));
  request.body = body;
  request.stream = (exchange_ && exchange_->wants_stream()) || !inspected;
  request.repeatable = reads;
  call_ns_ = last_byte_ns_ = now_ns();
  call_ = std::make_unique<upstream::Call>(worker_.provider(route_.provider), *this);
  call_->start(std::move(request));
}

// --- The answer ---------------------------------------------------------------------------------

Answer Relay::kind_of(const http::ResponseHead& head) const {
  const std::string_view type = head.get(http::FieldId::content_type);
  if (has_media_type(type, "text/event-stream")) return Answer::Sse;
  if (!is_json(type)) return Answer::Opaque;
  const bool array =
      route_.profile.stream_by_path && head.status < 300 && !asks_for_sse(target_.query);
  return array ? Answer::JsonArray : Answer::Body;
}

void Relay::on_answer_head(const http::ResponseHead& head) {
  status_ = upstream_status_ = head.status;
  const bool ok = head.status >= 200 && head.status < 300;
  kind_ = kind_of(head);
  masked_ = !ok && head.status >= 400 && worker_.shared().settings.mask_upstream_errors;
  streams_ = kind_ == Answer::Sse || kind_ == Answer::JsonArray;
  write_answer_head(head);
  if (exchange_ && exchange_->on_answer_head(kind_, ok) == Step::Deny) {
    return deny();
  }
  direct_ = !masked_ && (!exchange_ || exchange_->relays_answer());
  if (streams_ && !masked_) {
    counted_stream_ = true;
    worker_.metrics().streams_open.add();
  }
  if (!direct_) return;
  if (head.status == 204 || head.status == 304) {
    direct_ = false;  // no body: answered as a whole in on_answer_end()
    return;
  }
  append_explanation();
  if (!streams_ && head.content_length && !head.has(http::FieldId::content_encoding)) {
    client_.begin_sized(answer_head_, *head.content_length);
  } else {
    client_.begin_stream(answer_head_);
  }
  begun_ = true;
}

void Relay::write_answer_head(const http::ResponseHead& head) {
  answer_head_.reserve(512);
  http::append_status_line(answer_head_, head.status);
  if (masked_) {
    answer_head_.append("content-type: application/json\r\n");
    const auto retry_after = head.get(http::FieldId::retry_after);
    if (!retry_after.empty()) http::append_field(answer_head_, "retry-after", retry_after);
    http::append_field(answer_head_, "x-request-id", request_id_);
  } else if (append_answer_fields(answer_head_, head, append_limit_fields(answer_head_))) {
    request_id_ = head.get("x-request-id");
  } else {
    http::append_field(answer_head_, "x-request-id", request_id_);
  }
  if (streams_ && !masked_) {
    if (!head.has(http::FieldId::cache_control)) answer_head_.append("cache-control: no-cache\r\n");
    answer_head_.append("x-accel-buffering: no\r\n");
  }
  append_cors_fields(answer_head_, head_);
}

void Relay::on_answer_body(std::string_view bytes) {
  last_byte_ns_ = now_ns();
  if (masked_) return;
  if (direct_) {
    if (first_byte_ns_ == 0) first_byte_ns_ = last_byte_ns_;
    client_.stream(bytes);
    if (client_.unsent() > worker_.shared().settings.upstream.watermark_high) call_->pause();
    return;
  }
  if (!exchange_) return;
  if (!streams_) hold(bytes.size());
  std::string out;
  const Step step = exchange_->on_answer_bytes(bytes, out);
  if (streams_) inspection_ns_ += now_ns() - last_byte_ns_;
  follow(step, out);
}

void Relay::on_answer_end() {
  if (finished_) return;
  if (masked_) {
    client_.respond(answer_head_, kMaskedBody);
    return complete(status_, "upstream_error", {});
  }
  if (direct_) {
    client_.end_stream();
    return complete(status_, "complete", {});
  }
  last_byte_ns_ = now_ns();
  std::string out;
  if (!exchange_) {  // a relayed answer without a body
    client_.respond(answer_head_, {});
    return complete(status_, "complete", {});
  }
  const Step step = exchange_->on_answer_end(out);
  inspection_ns_ += now_ns() - last_byte_ns_;
  if (step != Step::Done || streams_) return follow(step, out);
  if (first_byte_ns_ == 0) first_byte_ns_ = last_byte_ns_;
  append_explanation();
  client_.respond(answer_head_, out);
  complete(status_, "complete", {});
}

void Relay::follow(Step step, std::string& out) {
  switch (step) {
    case Step::Wait:  // only with counters that answer later
    case Step::Continue:
      return release(out);
    case Step::Deny:
      return deny();
    case Step::Cut:
      worker_.metrics().stream_cuts.add();
      call_->cancel();
      release(out);
      if (finished_) return;
      client_.end_stream();
      return complete(status_, "cut", exchange_->denial().code);
    case Step::Done:
      release(out);
      if (finished_) return;
      if (!begun_) {
        append_explanation();
        client_.begin_stream(answer_head_);
      }
      client_.end_stream();
      return complete(status_, "complete", {});
  }
}

void Relay::release(std::string& out) {
  if (out.empty() || finished_) return;
  if (!begun_) {
    begun_ = true;
    first_byte_ns_ = now_ns();
    append_explanation();
    client_.begin_stream(answer_head_);
  }
  client_.stream(out);
  out.clear();
  if (!finished_ && client_.unsent() > worker_.shared().settings.upstream.watermark_high) {
    call_->pause();
  }
}

void Relay::on_drained() {
  if (call_ && !finished_) call_->resume();
}

void Relay::on_call_failed(upstream::CallFault fault) {
  using upstream::CallFault;
  if (finished_) return;
  last_byte_ns_ = now_ns();
  if (exchange_ && !call_->contacted()) exchange_->nothing_was_served();
  worker_.metrics().providers[static_cast<std::size_t>(route_.provider)].upstream_errors.add();
  const bool late = fault == CallFault::FirstByteTimeout || fault == CallFault::GapTimeout ||
                    fault == CallFault::TotalTimeout;
  const std::string_view code = upstream::code_of(fault);
  if (begun_) {
    return end_with_fault(
        late ? "Upstream provider stopped responding" : "Upstream provider connection failed", code,
        "upstream_error");
  }
  auto answer = error_answer(error_shape_, late ? 504 : 502,
                             late ? "Gateway timeout" : "Bad gateway", "server_error", code);
  answer.outcome = "upstream_error";
  refuse(std::move(answer));
}

// Something of the answer has left: the dialect's own error frame says that the rest will not come.
void Relay::end_with_fault(std::string_view message, std::string_view code,
                           std::string_view outcome) {
  if (!streams_ || !exchange_) {
    complete(status_, outcome, code);
    client_.break_off();
    return;
  }
  std::string out;
  // Bytes that were relayed as they came may have ended in the middle of an event.
  if (direct_ && kind_ == Answer::Sse) out = "\n\n";
  exchange_->write_fault_frame(message, code, out);
  client_.stream(out);
  if (finished_) return;
  client_.end_stream();
  complete(status_, outcome, code);
}

void Relay::on_gone() {
  if (finished_) return;
  worker_.metrics().client_gone.add();
  complete(begun_ ? status_ : 499, "client_gone", {});
}

void Relay::end_for_drain() {
  if (finished_) return;
  if (call_) call_->cancel();
  if (begun_) return end_with_fault("The gateway is shutting down", "gateway_draining", "drained");
  auto answer = error_answer(error_shape_, 503, "The gateway is shutting down", "server_error",
                             "gateway_draining");
  answer.fields = "retry-after: 1\r\n";
  answer.outcome = "drained";
  refuse(std::move(answer));
}

// --- The end ------------------------------------------------------------------------------------

void Relay::refuse(LocalAnswer answer) {
  if (finished_) return;
  std::string head;
  head.reserve(256);
  http::append_status_line(head, answer.status);
  http::append_field(head, "content-type", answer.type);
  http::append_field(head, "x-request-id", request_id_);
  http::append_field(head, "request-id", request_id_);
  head.append(answer.fields);
  append_cors_fields(head, head_);
  client_.respond(head, answer.body);
  complete(answer.status, answer.outcome, answer.code);
}

void Relay::deny() {
  const engine::Denial& denial = exchange_->denial();
  const std::string explanation = explains_ ? explain(denial.status, false) : std::string();
  LocalAnswer answer = denial_answer(error_shape_, denial, run_id_, explanation);
  append_limit_fields(answer.fields);
  refuse(std::move(answer));
}

std::string Relay::explain(int status, bool as_field) const {
  const std::pair<std::string_view, std::int64_t> us[] = {{"inspection", inspection_ns_ / 1'000}};
  const policy::Verdict verdict = exchange_->verdict();
  const audit::Explanation explanation{
      .run_id = run_id_,
      .revision = exchange_->snapshot().revision(),
      .verdict = verdict,
      .http = status,
      .phase = upstream_status_ == 0 ? event::Phase::Request : event::Phase::Response,
      .decisions = exchange_->decisions(),
      .decided = audit::deciding(exchange_->decisions(), verdict),
      .trace = &exchange_->trace(),
      .not_checked = exchange_->not_checked(),
      .us = us,
      .hides_directories = true};
  return as_field ? audit::explanation_field(explanation) : audit::explanation_json(explanation);
}

// For callers who asked and may; just before the head leaves, so that it tells all that is decided.
void Relay::append_explanation() {
  if (!explains_ || masked_) return;
  http::append_field(answer_head_, "x-capsem-explain", explain(status_, true));
}

void Relay::complete(int status, std::string_view outcome, std::string_view code) {
  if (finished_) return;
  finished_ = true;
  if (call_) call_->cancel();
  write_record(status, outcome, code);
  session_.work_done();
}

void Relay::write_record(int status, std::string_view outcome, std::string_view code) {
  const std::int64_t end_ns = now_ns();
  audit::Record record;
  if (exchange_) record = exchange_->take_record();
  if (record.model.empty()) record.model = route_.model;
  if (record.error_code.empty()) record.error_code = code;
  record.request_id = request_id_;
  record.run_id = run_id_;
  record.user_id = session_.user_id();
  record.method = head_.method;
  record.path = target_.raw_path;
  record.provider = to_string(route_.provider);
  record.agent = session_.agent();
  record.status = status;
  record.upstream_status = upstream_status_;
  record.outcome = outcome;
  record.request_bytes = request_bytes_;
  record.response_bytes = client_.answer_bytes();
  record.started_wall_ms = began_wall_ms_;
  record.duration_us = (end_ns - began_ns_) / 1'000;
  record.upstream_us = call_ns_ != 0 && call_ ? (last_byte_ns_ - call_ns_) / 1'000 : 0;
  record.inspection_us = inspection_ns_ / 1'000;
  record.first_byte_us = first_byte_ns_ == 0 ? 0 : (first_byte_ns_ - began_ns_) / 1'000;

  MetricShard& metrics = worker_.metrics();
  ProviderMetrics& provider = metrics.providers[static_cast<std::size_t>(route_.provider)];
  const auto status_class = static_cast<std::size_t>(status / 100);
  if (status_class < provider.status.size()) provider.status[status_class].add();
  provider.duration_ms.observe(static_cast<std::uint64_t>(record.duration_us / 1'000),
                               kDurationBoundsMs);
  if (first_byte_ns_ != 0 && streams_) {
    provider.first_token_ms.observe(static_cast<std::uint64_t>(record.first_byte_us / 1'000),
                                    kDurationBoundsMs);
  }
  if (record.usage.known) {
    provider.input_tokens.observe(record.usage.input_tokens, kTokenBounds);
    provider.output_tokens.observe(record.usage.output_tokens, kTokenBounds);
  }
  if (call_) {
    if (call_->contacted()) {
      (call_->reused_connection() ? provider.upstream_reuses : provider.upstream_connects).add();
    }
    provider.upstream_retries.add(call_->retries());
  }
  // From the request's last byte to the provider, and from the answer's last byte to the client.
  const std::int64_t ready_ns = request_end_ns_ == 0 ? began_ns_ : request_end_ns_;
  const std::int64_t own_ns =
      call_ ? (call_ns_ - ready_ns) + (end_ns - last_byte_ns_) : end_ns - ready_ns;
  metrics.overhead_us.observe(static_cast<std::uint64_t>(own_ns / 1'000), kOverheadBoundsUs);
  metrics.inspection_us.observe(static_cast<std::uint64_t>(record.inspection_us),
                                kOverheadBoundsUs);
  for (std::size_t i = 0; i < record.inspected.size(); ++i) {
    metrics.inspected_bytes[i].add(record.inspected[i].bytes);
  }
  for (const policy::Decision& decision : record.decisions) {
    metrics
        .verdicts[static_cast<std::size_t>(decision.point)]
                 [static_cast<std::size_t>(decision.verdict)]
        .add();
  }
  if (record.error_code == "inspection_failed") metrics.inspection_failed.add();
  if (counted_stream_) metrics.streams_open.sub();
  worker_.shared().audit.write(record);
}

}  // namespace capsem::proxy
