// The request's half of an exchange.
#include <algorithm>
#include <utility>

#include "core/base/sha256.h"
#include "core/engine/body_rewriter.h"
#include "core/engine/exchange_impl.h"
#include "core/limit/headers.h"
#include "core/policy/pins.h"

namespace capsem::engine {

using event::Phase;

namespace {

// Readers look a little past the end of a text; those bytes must exist, not be zero.
void pad(std::string& text) {
  text.reserve(text.size() + wire::JsonReader::kPadding);
}

// Some detector looks at every point a request's texts can stand at: its prompt, the calls and the
// results in its history.
bool looks_at_all_requests(const policy::Hearing& hearing) {
  using event::Point;
  return hearing.detectors_at(Point::Prompt) != 0 && hearing.detectors_at(Point::ToolCall) != 0 &&
         hearing.detectors_at(Point::ToolResult) != 0;
}

}  // namespace

Step Exchange::expect_request(std::uint64_t content_length) {
  if (content_length > impl_->settings.limits.request_bytes_max) {
    return impl_->deny(
        Error{Fault::Client, "body_too_large", "the declared length passes request_bytes_max"},
        Phase::Request);
  }
  impl_->request.reserve(content_length + wire::JsonReader::kPadding);
  return Step::Continue;
}

Step Exchange::on_request_bytes(std::string_view bytes) {
  if (impl_->request.size() + bytes.size() > impl_->settings.limits.request_bytes_max) {
    return impl_->deny(Error{Fault::Client, "body_too_large", "the body passes request_bytes_max"},
                       Phase::Request);
  }
  impl_->request += bytes;
  return Step::Continue;
}

Step Exchange::on_request_end() {
  Impl& x = *impl_;
  const Status status = x.judges_wait ? x.hear_judges(Phase::Request)
                        : x.waits     ? x.resume_request()
                                      : x.read_request();
  if (!status) {
    x.refused_early = true;
    x.release_unserved();
    return x.deny(status.error(), Phase::Request);
  }
  return x.waits || x.judges_wait ? Step::Wait : x.forward();
}

// All is decided: on to the provider, or not.
Step Exchange::Impl::forward() {
  refused_early = settle() == Step::Deny;
  if (refused_early) {
    if (!held) release_unserved();
    return Step::Deny;
  }
  ask_for_usage();
  if (!request_edits.empty()) {
    digest_before = sha256_hex(policy::canonical_json(request, workspace.schema, "stream"));
    if (const Status s = splice(request, request_edits); !s) return deny(s.error(), Phase::Request);
    redactor->avoid_placeholders_of(request);
  }
  return Step::Continue;
}

// Nobody is charged for what was refused before its provider was called.
void Exchange::Impl::release_unserved() {
  if (!refused_early) return;
  holding.release();
  shadow_holding.release();
}

void Exchange::skip_request() {
  impl_->open_hearing();
}

Status Exchange::Impl::read_request() {
  pad(request);
  if (Status s = workspace.json.parse(request); !s) return s;
  if (subject.model.empty()) {
    const wire::JsonNode* named = workspace.json.find(0, "model");
    if (named != nullptr && named->kind == wire::JsonKind::String) model = named->text;
    subject.model = model;
  }
  open_hearing();
  if (route.unread) {
    hearing.judge_subject(decisions);
    ledger.unchecked("request", "relayed unread");
    return {};
  }
  request_inspector.emplace(hearing, request_units, ledger, workspace.body, value_key());
  if (Status s = read_facts(); !s) return s;
  const bool limited = services.counters != nullptr && services.clock != nullptr &&
                       !(hearing.limits().empty() && hearing.shadow_limits().empty());
  // What a person may still release is charged like what goes on.
  const policy::Decision* settled_by = settling(decisions, settings.confirm_allows);
  const bool refused = settled_by != nullptr && settled_by->verdict == policy::Verdict::Block;
  if (!limited || refused) return judge_request();
  usage_edit = codec.ask_for_usage(workspace.json);
  return go_on_if(ask_limits());
}

Status Exchange::Impl::go_on_if(Admission admission) {
  if (admission == Admission::Yes) return judge_request();
  if (admission == Admission::Waiting && !waits) {
    // Another exchange of this loop may use the workspace meanwhile.
    waits = true;
    std::swap(workspace.body, parked_body);
  }
  return {};
}

Status Exchange::Impl::read_facts() {
  if (Status s = codec.read_request(workspace.json, facts, *request_inspector); !s) return s;
  if (Status s = check_counts(); !s) return s;
  subject.stream = route.stream_by_path || facts.stream;
  subject.has_images = facts.has_images;
  subject.has_files = facts.has_files;
  subject.file_types = facts.file_types;
  hearing.judge_subject(decisions);
  return {};
}

Status Exchange::Impl::resume_request() {
  const Admission admission = ask_limits();
  if (admission != Admission::Waiting) {
    waits = false;
    std::swap(workspace.body, parked_body);
  }
  return go_on_if(admission);
}

// What needs no text has been judged: now the tools' names, then the texts (policy-format
// section 2).
Status Exchange::Impl::judge_request() {
  request_judged = true;
  request_units.set_turn_begin(facts.turn_begin);
  request_units.judge_definitions(hearing, workspace.schema, decisions);
  if (Status s = scan(*request_inspector); !s) return s;
  if (Status s = redact_request(); !s) return s;
  request_inspected = looks_at_all_requests(hearing);
  request_units.resolve_tools(facts.tool_names);
  if (hearing.follows_values()) hearing.learn_values(request_units.sightings());
  request_units.judge_all(hearing, nullptr, true, decisions);
  return hear_judges(Phase::Request);
}

// The edits are made when the request goes on.
Status Exchange::Impl::redact_request() {
  request_redacted = true;
  if (workspace.body.found.empty()) return {};
  // Another exchange may have used the reader while limits were asked.
  if (workspace.json.text().data() != request.data()) {
    if (Status s = workspace.json.parse(request); !s) return s;
  }
  redactor->avoid_placeholders_of(request);
  RewrittenBody body = rewrite_body(workspace.body, workspace.json, Phase::Request, *redactor);
  workspace.body.found.clear();
  request_edits = std::move(body.edits);
  request_units.redact_kept_texts(patches_in(body.redactions));
  return {};
}

// R57: whoever is refused already costs no slot. Both kinds of limits are asked before any of them
// waits, so that there is one round trip to wait for.
Exchange::Impl::Admission Exchange::Impl::ask_limits() {
  const limit::Caller caller{.user_id = subject.key,
                             .agent = subject.agent,
                             .integration = subject.integration,
                             .integration_id = subject.integration_id};
  limit::Ask ask{.model = subject.model,
                 .input_bytes = request.size(),
                 .max_tokens = {},
                 .choices = facts.choices};
  if (facts.output_tokens_max != 0) ask.max_tokens = facts.output_tokens_max;
  const auto take = [&](std::span<const limit::LimitRule* const> rules, std::optional<Take>& into) {
    if (into) return true;
    Take result = limit::Holding::take(*services.counters, *services.clock, rules, caller, ask,
                                       snapshot->prices());
    if (!result && result.error().waiting) return false;
    into.emplace(std::move(result));
    return true;
  };
  const bool shadows_known = take(hearing.shadow_limits(), shadow_taken);
  const bool known = take(hearing.limits(), taken);
  if (!shadows_known || !known) return Admission::Waiting;
  if (*shadow_taken) {
    shadow_holding = std::move(**shadow_taken);
  } else {
    decisions.push_back(hearing.limit_decision(shadow_taken->error(), Phase::Request));
  }
  if (!*taken) {
    refuse_by_limit(taken->error());
    ledger.unchecked("request", "refused by a limit before its texts were read");
    return Admission::No;
  }
  holding = std::move(**taken);
  standing = holding.standing();
  return Admission::Yes;
}

void Exchange::Impl::refuse_by_limit(const limit::Refusal& refusal) {
  standing = refusal.standing;
  limit::append_retry_fields(denial.fields, refusal.retry_after_ns);
  decisions.push_back(hearing.limit_decision(refusal, Phase::Request));
}

// R64: without it nobody would know what a stream has cost.
void Exchange::Impl::ask_for_usage() {
  if (!holding.counts_usage() && !shadow_holding.counts_usage()) return;
  if (!usage_edit) return;
  if (request_edits.empty()) {
    request.replace(usage_edit->offset, usage_edit->size, usage_edit->text);
  } else {
    request_edits.push_back(*usage_edit);
  }
  hides_usage = true;
}

Status Exchange::Impl::check_counts() const {
  const EngineLimits& limits = settings.limits;
  if (facts.messages > limits.messages_max) {
    return client_error("too_many_messages", "more messages than messages_max");
  }
  if (facts.tools > limits.tools_max) {
    return client_error("too_many_tools", "more tools than tools_max");
  }
  if (facts.choices > limits.choices_max) {
    return client_error("too_many_choices", "more choices than choices_max");
  }
  if (facts.has_token_arrays && !settings.allow_token_arrays) {
    return client_error("token_arrays",
                        "a prompt is given as token ids, which cannot be inspected; send text, or "
                        "set [engine] allow_token_arrays = true");
  }
  return {};
}

}  // namespace capsem::engine
