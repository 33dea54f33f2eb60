// The answer's half of an exchange.
#include <algorithm>
#include <utility>

#include "core/engine/body_rewriter.h"
#include "core/engine/exchange_impl.h"
#include "core/limit/estimate.h"
#include "core/limit/headers.h"

namespace capsem::engine {

using event::Phase;

namespace {

void pad(std::string& text) {
  text.reserve(text.size() + wire::JsonReader::kPadding);
}

// Some detector looks at every point an answer's text can stand at. Where a policy covers only
// some, the record does not call the answer inspected; its counts per point say what was.
bool looks_at_all_answers(const policy::Hearing& hearing) {
  using event::Point;
  return hearing.detectors_at(Point::ModelOutput) != 0 &&
         hearing.detectors_at(Point::Thought) != 0 && hearing.detectors_at(Point::ToolCall) != 0 &&
         hearing.detectors_at(Point::ToolResult) != 0;
}

}  // namespace

Step Exchange::on_answer_head(Answer kind, bool ok) {
  impl_->answer_ok = ok;
  if (!ok) nothing_was_served();  // errors cost nothing
  impl_->opaque = kind == Answer::Opaque;
  if (relays_answer()) return Step::Continue;
  impl_->keep_answer_texts();
  impl_->answer_inspected = looks_at_all_answers(impl_->hearing);
  if (kind == Answer::Sse || kind == Answer::JsonArray) {
    impl_->stream.emplace(StreamInspector::Context{.codec = impl_->codec,
                                                   .hearing = impl_->hearing,
                                                   .settings = impl_->settings,
                                                   .workspace = impl_->workspace,
                                                   .scratch = impl_->scratch,
                                                   .units = impl_->answer_units,
                                                   .ledger = impl_->ledger,
                                                   .facts = impl_->answer_facts,
                                                   .holding = impl_->holding,
                                                   .input_bytes = impl_->request.size(),
                                                   .redactor = impl_->stream_redactor(),
                                                   .value_key = impl_->value_key(),
                                                   .hides_usage = impl_->hides_usage},
                          kind == Answer::Sse ? codec::Framing::Sse : codec::Framing::JsonArray);
  }
  return Step::Continue;
}

void Exchange::Impl::keep_answer_texts() {
  if (texts_bytes_max == 0) return;
  const std::size_t used = std::min(texts_bytes_max, request_units.kept_text_bytes());
  answer_units.keep_texts(texts_bytes_max - used);
}

void Exchange::nothing_was_served() {
  impl_->holding.release();
  impl_->shadow_holding.release();
}

bool Exchange::relays_answer() const {
  const Impl& x = *impl_;
  if (x.route.unread) return x.hearing.opened();
  const bool counted = x.holding.counts_usage() || x.shadow_holding.counts_usage();
  return x.hearing.opened() && !x.hearing.judges_answers() && x.restored() == nullptr &&
         ((!counted && x.texts_bytes_max == 0) || x.opaque);
}

Step Exchange::on_answer_bytes(std::string_view bytes, std::string& out) {
  if (impl_->stream) {
    return impl_->stream->feed(bytes, out) ? Step::Continue : impl_->stop_stream(out);
  }
  if (impl_->answer.size() + bytes.size() > impl_->settings.limits.answer_bytes_max) {
    return impl_->deny(
        Error{Fault::Upstream, "answer_too_large", "the answer passes answer_bytes_max"},
        Phase::Response);
  }
  impl_->answer += bytes;
  return Step::Continue;
}

Step Exchange::on_answer_end(std::string& out) {
  Impl& x = *impl_;
  if (!x.stream) return x.end_body(out);
  if (!x.stream_ended) x.stream_ended = x.stream->finish(out);
  return *x.stream_ended ? x.end_stream(out) : x.stop_stream(out);
}

// ---- Unstreamed ----

Step Exchange::Impl::end_body(std::string& out) {
  const bool again = answer_read;
  if (!again) {
    if (const Status status = read_answer(); !status) return deny(status.error(), Phase::Response);
    answer_read = true;
    answer_bytes = answer.size();
  }
  if (!settle_usage(true)) return Step::Wait;
  if (!answer_judged) judge_answer(true);
  if (const Status status = hear_judges(Phase::Response); !status) {
    return deny(status.error(), Phase::Response);
  }
  if (judges_wait) return Step::Wait;
  const bool denied = settle() == Step::Deny;
  if (denied && replace_body(again, out)) {
    replaced = true;
    return Step::Done;
  }
  // What a person may release is what would have left.
  if (!answer_edits.empty()) {
    if (const Status s = splice(answer, answer_edits); !s) return deny(s.error(), Phase::Response);
  }
  if (denied) return Step::Deny;
  give_body(out);
  return Step::Done;
}

void Exchange::Impl::give_body(std::string& out) {
  if (out.empty()) {
    out.swap(answer);
  } else {
    out += answer;
  }
}

// `again`: another exchange may have used the reader since this answer was read.
bool Exchange::Impl::replace_body(bool again, std::string& out) {
  if (!replaces()) return false;
  if (again && !workspace.json.parse(answer)) return false;
  return codec.write_replacement(workspace.json, denial.message, out);
}

Status Exchange::Impl::read_answer() {
  if (answer.empty()) return {};
  pad(answer);
  if (Status s = workspace.json.parse(answer); !s) {
    // An error page need not be JSON; it is looked at as plain text.
    if (!answer_ok) return scan_plain(answer);
    return upstream_error("invalid_answer", s.error().detail);
  }
  BodyInspector inspector(hearing, answer_units, ledger, workspace.body, value_key(), restored());
  if (Status s = codec.read_response(workspace.json, answer_facts, inspector); !s) return s;
  if (hearing.judges_calls() && answer_units.any_unclear()) {
    return upstream_error("inspection_failed",
                          "a tool call is too long, or contradicts itself, and cannot be judged");
  }
  if (Status s = scan(inspector); !s) return s;
  if (!workspace.body.found.empty()) {
    RewrittenBody body = rewrite_body(workspace.body, workspace.json, Phase::Response, *redactor);
    workspace.body.found.clear();
    answer_edits = std::move(body.edits);
    answer_units.redact_kept_texts(patches_in(body.redactions));
  }
  answer_redacted = true;
  return {};
}

Status Exchange::Impl::scan_plain(std::string_view text) {
  BodyInspector inspector(hearing, answer_units, ledger, workspace.body, value_key());
  event::Text plain;
  plain.form = event::Form::Derived;  // an answer that is no JSON is not rewritten
  plain.point = event::Point::ModelOutput;
  plain.text = text;
  inspector.on_text(plain);
  if (Status s = scan(inspector); !s) return s;
  answer_redacted = true;
  if (!redactor) return {};
  const Redactions redactions = redactions_of_plain(workspace.body, *redactor);
  answer_units.redact_kept_texts(patches_in(redactions));
  return {};
}

Status Exchange::Impl::scan(BodyInspector& inspector) {
  detect::ScanGuard guard;
  if (services.clock != nullptr && snapshot->deadline_ms() != 0) {
    guard.clock = services.clock;
    guard.until_ns = services.clock->monotonic_ns() + snapshot->deadline_ms() * 1'000'000LL;
  }
  inspector.scan(scratch, workspace.findings, guard);
  return forgive(guard.failed, inspector.phase());
}

// Detectors that failed or took too long: an error, unless every policy that relies on them says
// otherwise; the record tells in any case that they did not look (promise 18).
Status Exchange::Impl::forgive(detect::DetectorMask failed, Phase phase) {
  if (failed == 0) return {};
  return forgive(hearing.on_error(failed), phase, "a detector failed or passed its deadline");
}

Status Exchange::Impl::forgive(policy::OnError wanted, Phase phase, std::string_view what) {
  if (wanted == policy::OnError::Block) {
    return gateway_error("inspection_failed", std::string(what));
  }
  ledger.unchecked(phase == Phase::Request ? "request" : "answer", what);
  if (wanted == policy::OnError::Warn) {
    policy::Decision warning;
    warning.id = workspace.ids.hex(12);
    warning.policy = "engine";
    warning.rule = warning.code = "inspection_failed";
    warning.verdict = policy::Verdict::Log;
    warning.details = std::string(what) + "; on_error = \"warn\"";
    warning.phase = phase;
    decisions.push_back(std::move(warning));
  }
  return {};
}

// ---- Streamed ----

// The stream has come to its end, and nothing has stopped it.
Step Exchange::Impl::end_stream(std::string& out) {
  if (!settle_usage(true)) return Step::Wait;
  if (!answer_judged) judge_answer(true);
  const Status heard = hear_judges(Phase::Response);
  if (judges_wait) return Step::Wait;
  if (!heard) {
    deny(heard.error(), Phase::Response);
  } else if (const Status s = forgive(stream->failed_detectors(), Phase::Response); !s) {
    deny(s.error(), Phase::Response);
  } else if (settle() != Step::Deny) {
    stream->release_rest(out);
    return Step::Done;
  }
  return refuse_stream(out);
}

// Something stopped it before, or at, its end. What is settled now is not waited for: the answer is
// refused already.
Step Exchange::Impl::stop_stream(std::string& out) {
  if (stream->over_budget() != nullptr) {
    decisions.push_back(hearing.limit_decision(*stream->over_budget(), Phase::Response));
  }
  settle_usage(false);
  if (const Error* error = stream->error()) {
    deny(*error, Phase::Response);
  } else {
    judge_answer(false);
    if (settle() != Step::Deny) {
      deny(Error{Fault::Gateway, "inspection_failed", "a hit blocked that its unit does not"},
           Phase::Response);
    }
  }
  return refuse_stream(out);
}

Step Exchange::Impl::refuse_stream(std::string& out) {
  if (replaces() && stream->write_replacement(denial.message, out)) {
    replaced = true;
    return Step::Done;
  }
  if (!stream->any_left()) return Step::Deny;
  stream->write_end(denial.message, denial.code, out);
  return Step::Cut;
}

void Exchange::Impl::judge_answer(bool finished) {
  answer_judged = true;
  if (answer_units.overflowed()) ledger.unchecked("answer", "too_large");
  answer_units.judge_all(hearing, &answer_facts.usage, finished, decisions);
}

// A refused call, and nothing else, is replaced by a text (R84).
bool Exchange::Impl::replaces() const {
  if (!hearing.replaces_calls()) return false;
  const policy::Decision* decision = settling(decisions, settings.confirm_allows);
  return decision != nullptr && decision->point == event::Point::ToolCall &&
         decision->phase == Phase::Response && !decision->code.empty();
}

void Exchange::write_fault_frame(std::string_view message, std::string_view code,
                                 std::string& out) {
  if (impl_->stream) {
    impl_->stream->write_end(message, code, out);
  } else {
    impl_->codec.write_stream_error(message, code, codec::Framing::Sse, false, 0, out);
  }
  impl_->error_code = code;
}

// ---- What was used ----

// What the provider reports, or else what its bytes come to. A stream that was cut has not come to
// its last report: Anthropic's first, for one, counts a single token of output.
limit::Usage Exchange::Impl::usage_now(bool whole) const {
  const std::uint64_t bytes = stream ? stream->output_bytes() : answer_bytes;
  const limit::Usage read = {.input_tokens = limit::tokens_from_bytes(request.size()),
                             .output_tokens = limit::tokens_from_bytes(bytes)};
  const event::Usage& told = answer_facts.usage;
  if (!told.known) return read;
  limit::Usage usage = {.input_tokens = told.input_tokens,
                        .output_tokens = told.output_tokens,
                        .total_tokens = told.total_tokens};
  if (!whole) {
    if (usage.input_tokens == 0) usage.input_tokens = read.input_tokens;
    usage.output_tokens = std::max(usage.output_tokens, read.output_tokens);
  }
  return usage;
}

// The call that crosses a budget is refused after it was made, or delivered all the same (R63).
// False: shared limits are asked, and what they say is not known yet.
bool Exchange::Impl::settle_usage(bool whole) {
  const limit::Usage usage = usage_now(whole);
  const auto settle_one = [&](limit::Holding& held_limits, bool& known, auto&& tell) {
    if (known) return;
    const auto refusal = held_limits.settle(usage);
    known = !held_limits.settles_later();
    if (known && refusal) tell(*refusal);
  };
  settle_one(shadow_holding, shadow_settled, [this](const limit::Refusal& refusal) {
    decisions.push_back(hearing.limit_decision(refusal, Phase::Response));
  });
  settle_one(holding, settled, [this](const limit::Refusal& refusal) { tell_overrun(refusal); });
  standing = holding.standing();
  return shadow_settled && settled;
}

void Exchange::Impl::tell_overrun(const limit::Refusal& refusal) {
  policy::Decision decision = hearing.limit_decision(refusal, Phase::Response);
  if (refusal.overrun == limit::Overrun::Deliver) {
    decision.verdict = policy::Verdict::Log;
  } else {
    limit::append_retry_fields(denial.fields, refusal.retry_after_ns);
  }
  decisions.push_back(std::move(decision));
}

}  // namespace capsem::engine
