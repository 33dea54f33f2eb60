// The relay's second half: what comes from the provider, and what of it may leave.
#include <algorithm>
#include <utility>

#include "server/http/writer.h"
#include "server/proxy/forward.h"
#include "server/proxy/relay.h"
#include "server/proxy/session.h"
#include "server/proxy/worker.h"

namespace capsem::proxy {

using engine::Answer;
using engine::Step;

namespace {

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

Answer Relay::kind_of(const http::ResponseHead& head) const {
  const std::string_view type = head.get(http::FieldId::content_type);
  if (has_media_type(type, "text/event-stream")) return Answer::Sse;
  if (!is_json(type)) return Answer::Opaque;
  const bool array =
      route_.profile.stream_by_path && head.status < 300 && !asks_for_sse(target_.query);
  return array ? Answer::JsonArray : Answer::Body;
}

void Relay::on_answer_head(const http::ResponseHead& head) {
  status_ = passage_.upstream_status = head.status;
  const bool ok = head.status >= 200 && head.status < 300;
  kind_ = kind_of(head);
  key_refused_ = caller_.integration != nullptr && head.status == 401;
  masked_ =
      key_refused_ || (!ok && head.status >= 400 && worker_.shared().settings.mask_upstream_errors);
  passage_.streams = kind_ == Answer::Sse || kind_ == Answer::JsonArray;
  if (desk_.open()) answer_type_ = head.get(http::FieldId::content_type);
  write_answer_head(head);
  if (exchange_ && exchange_->on_answer_head(kind_, ok) == Step::Deny) return deny_answer();
  direct_ = !masked_ && (!exchange_ || exchange_->relays_answer());
  if (passage_.streams && !masked_) {
    passage_.counted_stream = true;
    worker_.metrics().streams_open.add();
  }
  if (!direct_) return;
  if (head.status == 204 || head.status == 304) {
    direct_ = false;  // no body: answered as a whole in on_answer_end()
    return;
  }
  append_late_fields();
  if (!passage_.streams && head.content_length && !head.has(http::FieldId::content_encoding)) {
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
  if (passage_.streams && !masked_) {
    if (!head.has(http::FieldId::cache_control)) answer_head_.append("cache-control: no-cache\r\n");
    answer_head_.append("x-accel-buffering: no\r\n");
  }
  if (!session_.bare()) append_cors_fields(answer_head_, head_);
}

// Just before the head leaves, so that it tells all that is decided: what was warned of (R44), and
// for callers who asked and may, why.
void Relay::append_late_fields() {
  if (!exchange_ || masked_) return;
  if (route_.integration) {
    const std::size_t count = count_violations(exchange_->decisions());
    if (count != 0) http::append_field(answer_head_, "x-capsem-violations", count);
  }
  if (explains_) http::append_field(answer_head_, "x-capsem-explain", explain(status_, true));
}

void Relay::on_answer_body(std::string_view bytes) {
  passage_.last_byte_ns = now_ns();
  if (masked_) return;
  if (direct_) {
    if (passage_.first_byte_ns == 0) passage_.first_byte_ns = passage_.last_byte_ns;
    client_.stream(bytes);
    if (client_.unsent() > worker_.shared().settings.upstream.watermark_high) call_->pause();
    return;
  }
  if (!exchange_) return;
  if (!passage_.streams) held_.add(bytes.size());
  std::string out;
  const Step step = exchange_->on_answer_bytes(bytes, out);
  if (passage_.streams) passage_.inspection_ns += now_ns() - passage_.last_byte_ns;
  follow(step, out);
}

void Relay::on_answer_end() {
  if (settled_) return;
  if (key_refused_) {
    // Neither is it the caller's key that is wrong, nor may an error quote ours.
    LocalAnswer answer = error_answer(style_, 502, "The provider refused the stored key",
                                      "server_error", "provider_key_refused");
    answer.fields = "x-should-retry: false\r\n";
    answer.outcome = "upstream_error";
    return refuse(std::move(answer));
  }
  if (masked_) {
    client_.respond(answer_head_, kMaskedBody);
    return complete(status_, "upstream_error", {});
  }
  if (direct_) {
    client_.end_stream();
    return complete(status_, "complete", {});
  }
  passage_.last_byte_ns = now_ns();
  if (!exchange_) {  // a relayed answer without a body
    client_.respond(answer_head_, {});
    return complete(status_, "complete", {});
  }
  judge_answer_end();
}

void Relay::judge_answer_end() {
  const std::int64_t begin_ns = now_ns();
  const Step step = exchange_->on_answer_end(out_);
  passage_.inspection_ns += now_ns() - begin_ns;
  if (step == Step::Wait) {
    asked_ = Asked::OfAnswer;
    return release(out_);
  }
  std::string out = std::exchange(out_, {});
  if (step != Step::Done || passage_.streams) return follow(step, out);
  give_whole(std::move(out));
}

// The answer was judged as a whole and may leave.
void Relay::give_whole(std::string out) {
  if (passage_.first_byte_ns == 0) passage_.first_byte_ns = passage_.last_byte_ns;
  append_late_fields();
  if (!news_waits()) {
    client_.respond(answer_head_, out);
    return complete(status_, "complete", {});
  }
  const std::uint64_t size = out.size();
  settle(status_, "complete", {}, size, [this, out = std::move(out)](bool kept) {
    if (!kept) return respond(audit_answer(style_));
    client_.respond(answer_head_, out);
  });
}

// An answer that was withheld from an earlier request, and approved since.
void Relay::give_kept(const tenant::KeptAnswer& answer) {
  if (exchange_) exchange_->nothing_was_served();
  status_ = answer.status;
  passage_.streams = false;
  passage_.first_byte_ns = passage_.last_byte_ns = now_ns();
  http::append_status_line(answer_head_, status_);
  http::append_field(answer_head_, "content-type",
                     answer.content_type.empty() ? std::string_view("application/json")
                                                 : std::string_view(answer.content_type));
  http::append_field(answer_head_, "x-request-id", request_id_);
  if (answer.streamed) answer_head_.append("cache-control: no-cache\r\n");
  if (!session_.bare()) append_cors_fields(answer_head_, head_);
  settle(status_, "complete", {}, answer.body.size(), [this, body = answer.body](bool kept) {
    if (!kept) return respond(audit_answer(style_));
    client_.respond(answer_head_, body);
  });
}

void Relay::follow(Step step, std::string& out) {
  switch (step) {
    case Step::Continue:
    case Step::Wait:
      return release(out);
    case Step::Deny:
      return deny_answer();
    case Step::Cut:
      worker_.metrics().stream_cuts.add();
      call_->cancel();
      if (desk_.open() && exchange_->wants_approval()) {
        out_ = std::move(out);
        return ask_about(event::Phase::Response);
      }
      return end_stream(std::move(out), "cut", exchange_->denial().code);
    case Step::Done:
      return end_stream(std::move(out), "complete", {});
  }
}

void Relay::release(std::string& out) {
  if (out.empty() || settled_) return;
  if (!begun_) {
    begun_ = true;
    passage_.first_byte_ns = now_ns();
    append_late_fields();
    client_.begin_stream(answer_head_);
  }
  client_.stream(out);
  out.clear();
  if (!settled_ && client_.unsent() > worker_.shared().settings.upstream.watermark_high) {
    call_->pause();
  }
}

void Relay::on_drained() {
  if (call_ && !settled_) call_->resume();
}

void Relay::on_call_failed(upstream::CallFault fault) {
  using upstream::CallFault;
  if (settled_) return;
  passage_.last_byte_ns = now_ns();
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
  auto answer = error_answer(style_, late ? 504 : 502, late ? "Gateway timeout" : "Bad gateway",
                             "server_error", code);
  answer.outcome = "upstream_error";
  refuse(std::move(answer));
}

// Something of the answer has left: the dialect's own error frame says that the rest will not come.
void Relay::end_with_fault(std::string_view message, std::string_view code,
                           std::string_view outcome) {
  if (!passage_.streams || !exchange_) {
    complete(status_, outcome, code);
    client_.break_off();
    return;
  }
  std::string out;
  // Bytes that were relayed as they came may have ended in the middle of an event.
  if (direct_ && kind_ == Answer::Sse) out = "\n\n";
  exchange_->write_fault_frame(message, code, out);
  client_.stream(out);
  if (settled_) return;
  client_.end_stream();
  complete(status_, outcome, code);
}

}  // namespace capsem::proxy
