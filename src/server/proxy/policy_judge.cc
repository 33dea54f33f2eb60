#include "server/proxy/policy_judge.h"

#include <optional>
#include <utility>

#include "core/audit/explanation.h"
#include "core/engine/verdict.h"
#include "core/policy/rehearsal.h"

namespace capsem::proxy {
namespace {

std::optional<std::string> if_any(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

policy::Scenario scenario_of(const PolicyQuestion& question, const policy::Subject& subject) {
  policy::Scenario scenario;
  scenario.agent = subject.agent;
  scenario.key = subject.key;
  scenario.integration = subject.integration;
  scenario.agent_bound = subject.agent_bound;
  scenario.action = subject.action;
  scenario.model = subject.model;
  scenario.resource = subject.resource;
  // Lists speak of models, not of resources that spell one.
  if (scenario.resource == "model/" + scenario.model) scenario.resource.clear();
  scenario.provider = subject.provider;
  scenario.endpoint = subject.endpoint;
  scenario.stream = subject.stream;
  scenario.context = question.context;
  scenario.tools = question.tools;
  scenario.tool_result = if_any(question.tool_result);
  scenario.prompt = if_any(question.prompt);
  scenario.response = if_any(question.response);
  if (!question.tool.empty()) scenario.call.emplace(question.tool, question.tool_args);
  return scenario;
}

std::string explain(const PolicyQuestion& question, const policy::Rehearsed& said,
                    const policy::Decision* decided, std::string_view revision, int status,
                    std::int64_t us) {
  const std::pair<std::string_view, std::int64_t> times[] = {{"inspection", us}};
  const bool answered = !question.response.empty() || !question.tool.empty();
  return audit::explanation_json(
      {.run_id = question.run_id,
       .revision = revision,
       .verdict = said.verdict,
       .http = status,
       .phase = answered ? event::Phase::Response : event::Phase::Request,
       .decisions = said.decisions,
       .decided = decided,
       .trace = &said.trace,
       .us = times,
       .hides_directories = true});
}

}  // namespace

PolicyJudge rehearsing_judge(const Clock& clock) {
  return [&clock](const PolicyQuestion& question, const policy::Subject& subject,
                  const std::shared_ptr<const policy::Snapshot>& snapshot,
                  engine::Workspace& workspace) -> Result<PolicyAnswer> {
    const std::int64_t began_ns = clock.monotonic_ns();
    auto said = policy::rehearse(scenario_of(question, subject), snapshot,
                                 {.scratch = workspace.scratch_for(snapshot),
                                  .findings = workspace.findings,
                                  .ids = workspace.ids});
    if (!said) return std::unexpected(said.error());

    const policy::Decision* decided = said->decided ? &said->decisions[*said->decided] : nullptr;
    PolicyAnswer answer{.verdict = said->verdict, .decided_by = said->decided_by()};
    int status = 200;
    if (decided != nullptr) {
      answer.message = decided->details;
      answer.code = decided->code;
      answer.reason_code = decided->reason_code;
    }
    if (!allows(said->verdict)) {
      // What an exchange would be told (R56).
      engine::Denial denial = engine::denial_of(*decided, engine::kBlockedPrefix);
      status = denial.status;
      answer.message = std::move(denial.message);
      answer.code = std::move(denial.code);
    }
    if (question.call == PolicyCall::Explain) {
      answer.explanation = explain(question, *said, decided, snapshot->revision(), status,
                                   (clock.monotonic_ns() - began_ns) / 1'000);
    }
    answer.decisions = std::move(said->decisions);
    return answer;
  };
}

}  // namespace capsem::proxy
