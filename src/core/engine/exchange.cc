#include "core/engine/exchange.h"

#include <algorithm>
#include <utility>

#include "core/engine/exchange_impl.h"
#include "core/engine/json_edits.h"
#include "core/engine/verdict.h"

namespace capsem::engine {

using event::Phase;

namespace {

// The strictest verdict that was enforced: what the record shows when nothing settled the exchange.
policy::Verdict strictest(std::span<const policy::Decision> decisions) {
  auto verdict = policy::Verdict::Allow;
  for (const policy::Decision& decision : decisions) {
    if (!decision.enforced || decision.granted) continue;
    if (policy::strictness(decision.verdict) > policy::strictness(verdict)) {
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

// Who is concerned is known now; which policies are in force follows from it.
void Exchange::Impl::open_hearing() {
  hearing.open(subject, explain ? &trace : nullptr);
  request_units.keep({.prompt_text = hearing.wants_prompt_text(),
                      .result_text = hearing.wants_result_text(),
                      .turns = hearing.wants_turn_text(),
                      .arguments = hearing.wants_arguments(),
                      .definitions = hearing.pins_tools(),
                      .texts_bytes_max = texts_bytes_max});
  UnitBook::Keep answers{.answer_text = hearing.wants_answer_text(),
                         .result_text = hearing.wants_result_text(),
                         .arguments = hearing.wants_arguments()};
  if (hearing.needs_whole_answer()) answers.answer_bytes_max = settings.limits.answer_bytes_max;
  answer_units.keep(answers);
  if (!hearing.redacts(Phase::Request) && !hearing.redacts(Phase::Response)) return;
  redaction_key = services.redaction_secret.empty()
                      ? Secret(std::to_string(workspace.fingerprint_key))
                      : redaction_key_of(services.redaction_secret, services.redaction_tenant);
  redactor.emplace(redaction_key.reveal());
}

// What was rewritten has to be what it was: one strict JSON text.
Status Exchange::Impl::splice(std::string& text, std::vector<codec::BodyEdit>& edits) {
  std::string edited;
  edited.reserve(text.size() + wire::JsonReader::kPadding);
  apply_edits(text, edits, edited);
  edits.clear();
  edited.reserve(edited.size() + wire::JsonReader::kPadding);
  if (!workspace.schema.parse(edited)) {
    return gateway_error("inspection_failed", "what was redacted is no JSON any more");
  }
  text = std::move(edited);
  return {};
}

// The exchange is denied when a decision so far forbids it.
Step Exchange::Impl::settle() {
  verdict = strictest(decisions);
  held.reset();
  if (const auto* decision = settling(decisions, settings.confirm_allows)) return deny(*decision);
  return Step::Continue;
}

Step Exchange::Impl::deny(const policy::Decision& decision) {
  verdict = decision.verdict;
  decided_by = decision.policy + "/" + decision.rule;
  std::string fields = std::move(denial.fields);
  denial = denial_of(decision, route.tool_prefix);
  if (decision.status != 403) denial.fields = std::move(fields);
  held.reset();
  if (decision.verdict == policy::Verdict::Confirm) held = decision.phase;
  return Step::Deny;
}

Step Exchange::Impl::deny(const Error& error, Phase phase) {
  verdict = policy::Verdict::Block;
  error_code = error.code;
  denial = denial_of(error, phase);
  held.reset();
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

bool Exchange::warns(std::size_t from) const {
  const auto& all = impl_->decisions;
  return std::any_of(all.begin() + static_cast<std::ptrdiff_t>(std::min(from, all.size())),
                     all.end(), [](const policy::Decision& decision) {
                       return decision.enforced && policy::strictness(decision.verdict) >=
                                                       policy::strictness(policy::Verdict::Log);
                     });
}

std::size_t Exchange::held_bytes() const {
  return impl_->stream ? impl_->stream->held_bytes() : impl_->answer.size();
}

}  // namespace capsem::engine
