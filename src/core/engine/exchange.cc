#include "core/engine/exchange.h"

#include <optional>
#include <utility>

#include "core/engine/body_inspector.h"
#include "core/engine/ledger.h"
#include "core/engine/stream_inspector.h"
#include "core/engine/units.h"
#include "core/engine/verdict.h"

namespace capsem::engine {

using event::Phase;

struct Exchange::Impl {
  Impl(const RouteProfile& route_in, std::shared_ptr<const policy::Snapshot> snapshot_in,
       const EngineSettings& settings_in, Workspace& workspace_in)
      : route(route_in),
        codec(codec::codec_for(route_in.dialect)),
        snapshot(std::move(snapshot_in)),
        settings(settings_in),
        workspace(workspace_in),
        scratch(workspace_in.scratch_for(snapshot)) {}

  const RouteProfile route;
  const codec::Codec& codec;
  const std::shared_ptr<const policy::Snapshot> snapshot;
  const EngineSettings& settings;
  Workspace& workspace;
  detect::CatalogScratch& scratch;

  std::string request;  // with JsonReader::kPadding spare bytes reserved behind it
  event::RequestFacts facts;
  UnitBook request_units{Phase::Request};
  bool request_inspected = false;

  std::string answer;  // of an unstreamed answer
  bool answer_ok = true;
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
  Step settle(const UnitBook& units);
  Status read_request();
  Status check_counts() const;
  Status read_answer();
  Status scan_plain(std::string_view text);
  Step end_stream(bool going_on, bool last, std::string& out);
};

namespace {

// Readers look a little past the end of a text; those bytes must exist, not be zero.
void pad(std::string& text) {
  text.reserve(text.size() + wire::JsonReader::kPadding);
}

// Some detector looks at every point an answer's text can stand at. Where a policy covers only
// some, the record does not call the answer inspected; its counts per point say what was.
bool looks_at_all_answers(const policy::Snapshot& snapshot) {
  using event::Point;
  return snapshot.detectors_at(Point::ModelOutput) != 0 &&
         snapshot.detectors_at(Point::Thought) != 0 &&
         snapshot.detectors_at(Point::ToolCall) != 0 &&
         snapshot.detectors_at(Point::ToolResult) != 0;
}

// The strictest verdict of all decisions: what the record shows when nothing settled the exchange.
policy::Verdict strictest(std::span<const policy::Decision> decisions) {
  auto verdict = policy::Verdict::Allow;
  for (const policy::Decision& decision : decisions) {
    if (policy::strictness(decision.verdict) > policy::strictness(verdict)) {
      verdict = decision.verdict;
    }
  }
  return verdict;
}

}  // namespace

Exchange::Exchange(const RouteProfile& route, std::shared_ptr<const policy::Snapshot> snapshot,
                   const EngineSettings& settings, Workspace& workspace)
    : impl_(std::make_unique<Impl>(route, std::move(snapshot), settings, workspace)) {}
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
  impl_->request_inspected = true;
  return impl_->settle(impl_->request_units);
}

Status Exchange::Impl::read_request() {
  pad(request);
  if (Status s = workspace.json.parse(request); !s) return s;
  BodyInspector inspector(*snapshot, request_units, ledger, workspace.body);
  if (Status s = codec.read_request(workspace.json, facts, inspector); !s) return s;
  if (Status s = check_counts(); !s) return s;
  if (Status s = inspector.scan(scratch, workspace.findings); !s) return s;
  request_units.resolve_tools(facts.tool_names);
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

// Judges the units of one phase; the exchange is denied when a policy forbids it.
Step Exchange::Impl::settle(const UnitBook& units) {
  const std::size_t first = decisions.size();
  units.judge_all(*snapshot, workspace.ids, decisions);
  const auto of_phase = std::span(decisions).subspan(first);
  verdict = strictest(decisions);
  if (const auto* decision = settling(of_phase, settings.confirm_allows)) return deny(*decision);
  return Step::Continue;
}

Step Exchange::Impl::deny(const policy::Decision& decision) {
  verdict = decision.verdict;
  decided_by = decision.policy + "/" + decision.rule;
  denial = denial_of(decision, route.tool_prefix);
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
void Exchange::skip_request() {}

// --- The answer --------------------------------------------------------------------------------

Step Exchange::on_answer_head(Answer kind, bool ok) {
  impl_->answer_ok = ok;
  if (relays_answer()) return Step::Continue;
  impl_->answer_inspected = looks_at_all_answers(*impl_->snapshot);
  if (kind == Answer::Sse || kind == Answer::JsonArray) {
    impl_->stream.emplace(StreamInspector::Context{.codec = impl_->codec,
                                                   .snapshot = *impl_->snapshot,
                                                   .settings = impl_->settings,
                                                   .workspace = impl_->workspace,
                                                   .scratch = impl_->scratch,
                                                   .units = impl_->answer_units,
                                                   .ledger = impl_->ledger,
                                                   .facts = impl_->answer_facts},
                          kind == Answer::Sse ? codec::Framing::Sse : codec::Framing::JsonArray);
  }
  return Step::Continue;
}

bool Exchange::relays_answer() const {
  return !impl_->snapshot->inspects_answers();
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
  if (impl_->settle(impl_->answer_units) == Step::Deny) return Step::Deny;
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
  BodyInspector inspector(*snapshot, answer_units, ledger, workspace.body);
  if (Status s = codec.read_response(workspace.json, answer_facts, inspector); !s) return s;
  return inspector.scan(scratch, workspace.findings);
}

Status Exchange::Impl::scan_plain(std::string_view text) {
  BodyInspector inspector(*snapshot, answer_units, ledger, workspace.body);
  event::Text plain;
  plain.point = event::Point::ModelOutput;
  plain.text = text;
  inspector.on_text(plain);
  return inspector.scan(scratch, workspace.findings);
}

Step Exchange::Impl::end_stream(bool going_on, bool last, std::string& out) {
  if (going_on) {
    if (!last) return Step::Continue;
    answer_units.judge_all(*snapshot, workspace.ids, decisions);
    verdict = strictest(decisions);
    return Step::Done;
  }
  if (const Error* error = stream->error()) {
    deny(*error, Phase::Response);
  } else if (settle(answer_units) != Step::Deny) {
    deny(Error{Fault::Gateway, "inspection_failed", "a hit blocked that its unit does not"},
         Phase::Response);
  }
  if (!stream->any_left()) return Step::Deny;
  stream->write_end(denial.message, denial.code, out);
  return Step::Cut;
}

const Denial& Exchange::denial() const {
  return impl_->denial;
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
  record.model = std::move(x.facts.model);
  record.stream = x.facts.stream || x.route.stream_by_path;
  record.revision = x.snapshot->revision();
  record.verdict = x.verdict;
  record.decisions = std::move(x.decisions);
  record.decided_by = std::move(x.decided_by);
  record.error_code = std::move(x.error_code);
  record.inspected = x.ledger.inspected;
  record.request_inspected = x.request_inspected;
  record.answer_inspected = x.answer_inspected;
  record.not_checked = std::move(x.ledger.not_checked);
  record.usage = x.answer_facts.usage;
  record.finish_reason = std::move(x.answer_facts.finish_reason);
  return record;
}

}  // namespace capsem::engine
