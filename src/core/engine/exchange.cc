#include "core/engine/exchange.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/engine/body_inspector.h"
#include "core/engine/ledger.h"
#include "core/engine/stream_inspector.h"
#include "core/engine/units.h"
#include "core/engine/verdict.h"
#include "core/limit/estimate.h"
#include "core/limit/ledger.h"

namespace capsem::engine {

using event::Phase;

struct Exchange::Impl {
  Impl(const RouteProfile& route_in, std::shared_ptr<const policy::Snapshot> snapshot_in,
       const EngineSettings& settings_in, Workspace& workspace_in,
       const policy::Subject& subject_in, const Services& services_in, bool explain_in)
      : route(route_in),
        codec(codec::codec_for(route_in.dialect)),
        snapshot(std::move(snapshot_in)),
        settings(settings_in),
        workspace(workspace_in),
        services(services_in),
        scratch(workspace_in.scratch_for(snapshot)),
        subject(subject_in),
        hearing(snapshot, workspace_in.ids, services_in.pins),
        explain(explain_in) {}

  const RouteProfile route;
  const codec::Codec& codec;
  const std::shared_ptr<const policy::Snapshot> snapshot;
  const EngineSettings& settings;
  Workspace& workspace;
  const Services services;
  detect::CatalogScratch& scratch;

  policy::Subject subject;
  std::string model;  // what subject.model views, where the body names it
  policy::Hearing hearing;
  const bool explain;
  policy::Trace trace;
  limit::Holding holding, shadow_holding;
  limit::Standing standing;
  std::uint64_t answer_bytes = 0;  // of unstreamed answers, for what reports no usage
  bool hides_usage = false;        // usage was asked for on the client's behalf (R64)
  bool replaced = false;           // a refused call was replaced by a text (R84)

  std::string request;  // with JsonReader::kPadding spare bytes reserved behind it
  event::RequestFacts facts;
  UnitBook request_units{Phase::Request};
  bool request_inspected = false;

  std::string answer;  // of an unstreamed answer
  bool answer_ok = true, opaque = false;
  bool answer_inspected = false;
  event::ResponseFacts answer_facts;
  UnitBook answer_units{Phase::Response};
  std::optional<StreamInspector> stream;

  InspectionLedger ledger;
  std::vector<policy::Decision> decisions;
  std::string decided_by, error_code;
  policy::Verdict verdict = policy::Verdict::Allow;
  Denial denial;

  Step deny(const Error& error, Phase phase);
  Step deny(const policy::Decision& decision);
  Step settle();
  void open_hearing();
  Status read_request();
  Status check_counts() const;
  bool admitted();
  void refuse_by_limit(const limit::Refusal& refusal);
  void ask_for_usage();
  limit::Usage usage_now(bool whole) const;
  void settle_usage(bool whole);
  bool replaces() const;
  Status judge_request(BodyInspector& inspector);
  Status read_answer();
  Status scan(BodyInspector& inspector);
  Status forgive(detect::DetectorMask failed, Phase phase);
  Status scan_plain(std::string_view text);
  void judge_answer(bool finished);
  Step end_stream(bool going_on, bool last, std::string& out);
};

namespace {

// Readers look a little past the end of a text; those bytes must exist, not be zero.
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

// The same of a request: its prompt, the calls and the results in its history.
bool looks_at_all_requests(const policy::Hearing& hearing) {
  using event::Point;
  return hearing.detectors_at(Point::Prompt) != 0 && hearing.detectors_at(Point::ToolCall) != 0 &&
         hearing.detectors_at(Point::ToolResult) != 0;
}

// The strictest verdict that was enforced: what the record shows when nothing settled the exchange.
policy::Verdict strictest(std::span<const policy::Decision> decisions) {
  auto verdict = policy::Verdict::Allow;
  for (const policy::Decision& decision : decisions) {
    if (decision.enforced && policy::strictness(decision.verdict) > policy::strictness(verdict)) {
      verdict = decision.verdict;
    }
  }
  return verdict;
}

}  // namespace

Exchange::Exchange(const RouteProfile& route, std::shared_ptr<const policy::Snapshot> snapshot,
                   const EngineSettings& settings, Workspace& workspace,
                   const policy::Subject& subject, const Services& services, bool explain)
    : impl_(std::make_unique<Impl>(route, std::move(snapshot), settings, workspace, subject,
                                   services, explain)) {}
Exchange::~Exchange() = default;
Exchange::Exchange(Exchange&&) noexcept = default;

// --- The request -------------------------------------------------------------------------------

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
  if (const Status status = impl_->read_request(); !status) {
    return impl_->deny(status.error(), Phase::Request);
  }
  if (impl_->settle() == Step::Deny) {
    impl_->holding.release();
    impl_->shadow_holding.release();
    return Step::Deny;
  }
  impl_->ask_for_usage();
  return Step::Continue;
}

// Who is concerned is known now; which policies are in force follows from it.
void Exchange::Impl::open_hearing() {
  hearing.open(subject, explain ? &trace : nullptr);
  request_units.keep({.prompt_text = hearing.wants_prompt_text(),
                      .result_text = hearing.wants_result_text(),
                      .turns = hearing.wants_turn_text(),
                      .arguments = hearing.wants_arguments(),
                      .definitions = hearing.pins_tools()});
  UnitBook::Keep answers{.answer_text = hearing.wants_answer_text(),
                         .result_text = hearing.wants_result_text(),
                         .arguments = hearing.wants_arguments()};
  if (hearing.needs_whole_answer()) answers.answer_bytes_max = settings.limits.answer_bytes_max;
  answer_units.keep(answers);
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
  BodyInspector inspector(hearing, request_units, ledger, workspace.body,
                          workspace.fingerprint_key);
  if (Status s = codec.read_request(workspace.json, facts, inspector); !s) return s;
  if (Status s = check_counts(); !s) return s;
  subject.stream = route.stream_by_path || facts.stream;
  subject.has_images = facts.has_images;
  subject.has_files = facts.has_files;
  subject.file_types = facts.file_types;
  return judge_request(inspector);
}

// First what needs no text, then the tools' names, then the texts (policy-format section 2).
Status Exchange::Impl::judge_request(BodyInspector& inspector) {
  hearing.judge_subject(decisions);
  if (!admitted()) {
    ledger.unchecked("request", "refused by a limit before its texts were read");
    return {};
  }
  request_units.set_turn_begin(facts.turn_begin);
  request_units.judge_definitions(hearing, workspace.schema, decisions);
  if (Status s = scan(inspector); !s) return s;
  request_inspected = looks_at_all_requests(hearing);
  request_units.resolve_tools(facts.tool_names);
  if (hearing.follows_values()) hearing.learn_values(request_units.sightings());
  request_units.judge_all(hearing, nullptr, true, decisions);
  return {};
}

// R57: whoever is refused already costs no slot.
bool Exchange::Impl::admitted() {
  if (services.counters == nullptr || services.clock == nullptr) return true;
  if (settling(decisions, settings.confirm_allows) != nullptr) return true;
  const limit::Caller caller{
      .user_id = subject.key, .agent = subject.agent, .integration = subject.integration};
  limit::Ask ask{.model = subject.model,
                 .input_bytes = request.size(),
                 .max_tokens = {},
                 .choices = facts.choices};
  if (facts.output_tokens_max != 0) ask.max_tokens = facts.output_tokens_max;
  if (!hearing.shadow_limits().empty()) {
    auto taken = limit::Holding::take(*services.counters, *services.clock, hearing.shadow_limits(),
                                      caller, ask, snapshot->prices());
    if (taken) {
      shadow_holding = std::move(*taken);
    } else {
      decisions.push_back(hearing.limit_decision(taken.error(), Phase::Request));
    }
  }
  if (hearing.limits().empty()) return true;
  auto taken = limit::Holding::take(*services.counters, *services.clock, hearing.limits(), caller,
                                    ask, snapshot->prices());
  if (!taken) {
    refuse_by_limit(taken.error());
    return false;
  }
  holding = std::move(*taken);
  standing = holding.standing();
  return true;
}

void Exchange::Impl::refuse_by_limit(const limit::Refusal& refusal) {
  standing = refusal.standing;
  limit::append_retry_fields(denial.fields, refusal.retry_after_ns);
  decisions.push_back(hearing.limit_decision(refusal, Phase::Request));
}

// R64: without it nobody would know what a stream has cost. `workspace.json` still holds the
// request.
void Exchange::Impl::ask_for_usage() {
  if (!holding.counts_usage() && !shadow_holding.counts_usage()) return;
  const auto edit = codec.ask_for_usage(workspace.json);
  if (!edit) return;
  request.replace(edit->offset, edit->size, edit->text);
  hides_usage = true;
}

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
void Exchange::Impl::settle_usage(bool whole) {
  if (const auto refusal = shadow_holding.settle(usage_now(whole))) {
    decisions.push_back(hearing.limit_decision(*refusal, Phase::Response));
  }
  const auto refusal = holding.settle(usage_now(whole));
  standing = holding.standing();
  if (!refusal) return;
  policy::Decision decision = hearing.limit_decision(*refusal, Phase::Response);
  if (refusal->overrun == limit::Overrun::Deliver) {
    decision.verdict = policy::Verdict::Log;
  } else {
    limit::append_retry_fields(denial.fields, refusal->retry_after_ns);
  }
  decisions.push_back(std::move(decision));
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
  const policy::OnError wanted = hearing.on_error(failed);
  if (wanted == policy::OnError::Block) {
    return gateway_error("inspection_failed", "a detector failed or passed its deadline");
  }
  ledger.unchecked(phase == Phase::Request ? "request" : "answer",
                   "a detector failed or passed its deadline");
  if (wanted == policy::OnError::Warn) {
    policy::Decision warning;
    warning.id = workspace.ids.hex(12);
    warning.policy = "engine";
    warning.rule = warning.code = "inspection_failed";
    warning.verdict = policy::Verdict::Log;
    warning.details = "a detector failed or passed its deadline; on_error = \"warn\"";
    warning.phase = phase;
    decisions.push_back(std::move(warning));
  }
  return {};
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

// The exchange is denied when a decision so far forbids it.
Step Exchange::Impl::settle() {
  verdict = strictest(decisions);
  if (const auto* decision = settling(decisions, settings.confirm_allows)) return deny(*decision);
  return Step::Continue;
}

Step Exchange::Impl::deny(const policy::Decision& decision) {
  verdict = decision.verdict;
  decided_by = decision.policy + "/" + decision.rule;
  std::string fields = std::move(denial.fields);
  denial = denial_of(decision, route.tool_prefix);
  if (decision.status != 403) denial.fields = std::move(fields);
  return Step::Deny;
}

Step Exchange::Impl::deny(const Error& error, Phase phase) {
  verdict = policy::Verdict::Block;
  error_code = error.code;
  denial = denial_of(error, phase);
  return Step::Deny;
}

std::string_view Exchange::request_body() const {
  return impl_->request;
}
const event::RequestFacts& Exchange::facts() const {
  return impl_->facts;
}
bool Exchange::wants_stream() const {
  return impl_->route.stream_by_path || impl_->facts.stream;
}
void Exchange::skip_request() {
  impl_->open_hearing();
}

// --- The answer --------------------------------------------------------------------------------

Step Exchange::on_answer_head(Answer kind, bool ok) {
  impl_->answer_ok = ok;
  if (!ok) nothing_was_served();  // errors cost nothing
  impl_->opaque = kind == Answer::Opaque;
  if (relays_answer()) return Step::Continue;
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
                                                   .hides_usage = impl_->hides_usage},
                          kind == Answer::Sse ? codec::Framing::Sse : codec::Framing::JsonArray);
  }
  return Step::Continue;
}

void Exchange::nothing_was_served() {
  impl_->holding.release();
  impl_->shadow_holding.release();
}

bool Exchange::relays_answer() const {
  const Impl& x = *impl_;
  const bool counted = x.holding.counts_usage() || x.shadow_holding.counts_usage();
  return x.hearing.opened() && !x.hearing.judges_answers() && (!counted || x.opaque);
}

Step Exchange::on_answer_bytes(std::string_view bytes, std::string& out) {
  if (impl_->stream) return impl_->end_stream(impl_->stream->feed(bytes, out), false, out);
  if (impl_->answer.size() + bytes.size() > impl_->settings.limits.answer_bytes_max) {
    return impl_->deny(
        Error{Fault::Upstream, "answer_too_large", "the answer passes answer_bytes_max"},
        Phase::Response);
  }
  impl_->answer += bytes;
  return Step::Continue;
}

Step Exchange::on_answer_end(std::string& out) {
  if (impl_->stream) return impl_->end_stream(impl_->stream->finish(out), true, out);
  if (const Status status = impl_->read_answer(); !status) {
    return impl_->deny(status.error(), Phase::Response);
  }
  impl_->answer_bytes = impl_->answer.size();
  impl_->settle_usage(true);
  impl_->judge_answer(true);
  if (impl_->settle() == Step::Deny) {
    if (!impl_->replaces() ||
        !impl_->codec.write_replacement(impl_->workspace.json, impl_->denial.message, out)) {
      return Step::Deny;
    }
    impl_->replaced = true;
    return Step::Done;
  }
  if (out.empty()) {
    out.swap(impl_->answer);
  } else {
    out += impl_->answer;
  }
  return Step::Done;
}

Status Exchange::Impl::read_answer() {
  if (answer.empty()) return {};
  pad(answer);
  if (Status s = workspace.json.parse(answer); !s) {
    // An error page need not be JSON; it is looked at as plain text.
    if (!answer_ok) return scan_plain(answer);
    return upstream_error("invalid_answer", s.error().detail);
  }
  BodyInspector inspector(hearing, answer_units, ledger, workspace.body, workspace.fingerprint_key);
  if (Status s = codec.read_response(workspace.json, answer_facts, inspector); !s) return s;
  if (hearing.judges_calls() && answer_units.any_unclear()) {
    return upstream_error("inspection_failed",
                          "a tool call is too long, or contradicts itself, and cannot be judged");
  }
  return scan(inspector);
}

Status Exchange::Impl::scan_plain(std::string_view text) {
  BodyInspector inspector(hearing, answer_units, ledger, workspace.body, workspace.fingerprint_key);
  event::Text plain;
  plain.point = event::Point::ModelOutput;
  plain.text = text;
  inspector.on_text(plain);
  return scan(inspector);
}

void Exchange::Impl::judge_answer(bool finished) {
  if (answer_units.overflowed()) ledger.unchecked("answer", "too_large");
  answer_units.judge_all(hearing, &answer_facts.usage, finished, decisions);
}

Step Exchange::Impl::end_stream(bool going_on, bool last, std::string& out) {
  if (going_on && !last) return Step::Continue;
  if (stream->over_budget() != nullptr) {
    decisions.push_back(hearing.limit_decision(*stream->over_budget(), Phase::Response));
  }
  settle_usage(going_on);
  if (going_on) {
    judge_answer(true);
    if (const Status s = forgive(stream->failed_detectors(), Phase::Response); !s) {
      deny(s.error(), Phase::Response);
    } else if (settle() != Step::Deny) {
      stream->release_rest(out);
      return Step::Done;
    }
  } else if (const Error* error = stream->error()) {
    deny(*error, Phase::Response);
  } else {
    judge_answer(false);
    if (settle() != Step::Deny) {
      deny(Error{Fault::Gateway, "inspection_failed", "a hit blocked that its unit does not"},
           Phase::Response);
    }
  }
  if (replaces() && stream->write_replacement(denial.message, out)) {
    replaced = true;
    return Step::Done;
  }
  if (!stream->any_left()) return Step::Deny;
  stream->write_end(denial.message, denial.code, out);
  return Step::Cut;
}

// A refused call, and nothing else, is replaced by a text (R84).
bool Exchange::Impl::replaces() const {
  if (!hearing.replaces_calls()) return false;
  const policy::Decision* decision = settling(decisions, settings.confirm_allows);
  return decision != nullptr && decision->point == event::Point::ToolCall &&
         decision->phase == Phase::Response && !decision->code.empty();
}

limit::Standing Exchange::standing() const {
  return impl_->standing;
}

const Denial& Exchange::denial() const {
  return impl_->denial;
}

std::span<const policy::Decision> Exchange::decisions() const {
  return impl_->decisions;
}
const policy::Trace& Exchange::trace() const {
  return impl_->trace;
}
std::span<const audit::NotChecked> Exchange::not_checked() const {
  return impl_->ledger.not_checked;
}
policy::Verdict Exchange::verdict() const {
  return impl_->verdict;
}
const policy::Snapshot& Exchange::snapshot() const {
  return *impl_->snapshot;
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

std::size_t Exchange::held_bytes() const {
  return impl_->stream ? impl_->stream->held_bytes() : impl_->answer.size();
}

// --- The record --------------------------------------------------------------------------------

audit::Record Exchange::take_record() {
  Impl& x = *impl_;
  audit::Record record;
  record.dialect = codec::to_string(x.route.dialect);
  record.model = x.facts.model.empty() ? std::string(x.subject.model) : std::move(x.facts.model);
  record.stream = x.facts.stream || x.route.stream_by_path;
  record.revision = x.snapshot->revision();
  record.verdict = x.verdict;
  record.decisions = std::move(x.decisions);
  record.trace = std::move(x.trace);
  record.replaced = x.replaced;
  record.decided_by = std::move(x.decided_by);
  record.error_code = std::move(x.error_code);
  record.inspected = x.ledger.inspected;
  record.request_inspected = x.request_inspected;
  record.answer_inspected = x.answer_inspected;
  record.not_checked = std::move(x.ledger.not_checked);
  record.usage = x.answer_facts.usage;
  if (const auto price = x.snapshot->prices().price_of(record.model);
      price && record.usage.known) {
    record.cost_nano =
        limit::cost_nano(*price, record.usage.input_tokens, record.usage.output_tokens);
  }
  record.finish_reason = std::move(x.answer_facts.finish_reason);
  return record;
}

}  // namespace capsem::engine
