#include "core/policy/rehearsal.h"

#include <algorithm>

#include "core/policy/hearing.h"

namespace capsem::policy {
namespace {

using event::Part;
using event::Phase;
using event::Point;

// What the words of a test's `route` stand for.
struct RouteWord {
  std::string_view word, action, provider, endpoint;
};
constexpr RouteWord kRoutes[] = {
    {"chat", "llm.generate", "openai", "/v1/chat/completions"},
    {"completions", "llm.generate", "openai", "/v1/completions"},
    {"responses", "llm.generate", "openai", "/v1/responses"},
    {"embeddings", "embedding.generate", "openai", "/v1/embeddings"},
    {"gemini", "llm.generate", "gemini", "/v1beta/models"},
    {"messages", "llm.generate", "anthropic", "/v1/messages"},
};

// Plays one scenario: a hearing, and the texts of each unit scanned as the engine scans them.
class Play {
 public:
  Play(const Scenario& scenario, Hearing& hearing, detect::CatalogScratch& scratch,
       std::vector<detect::Finding>& findings)
      : scenario_(scenario), hearing_(hearing), scratch_(scratch), findings_(findings) {}

  Status run(std::vector<Decision>& decisions) {
    const bool of_texts_alone =
        scenario_.action.empty() && scenario_.model.empty() && scenario_.resource.empty();
    if (!of_texts_alone) hearing_.judge_subject(decisions);
    for (const std::string& tool : scenario_.tools) {
      Unit unit{.point = Point::ToolDefinition, .tool_name = tool};
      hearing_.judge_definition(unit, decisions);
      if (Status s = scan(unit, Part::ToolName, tool); !s) return s;
      hearing_.judge_findings(unit, decisions);
    }
    if (scenario_.tool_result) {
      if (Status s = text(Point::ToolResult, Phase::Request, *scenario_.tool_result, decisions);
          !s) {
        return s;
      }
    }
    const std::string prompt = scenario_.prompt.value_or("");
    if (Status s = text(Point::Prompt, Phase::Request, prompt, decisions); !s) return s;
    if (hearing_.follows_values()) hearing_.learn_values(sightings_);
    if (scenario_.call) {
      if (Status s = call(decisions); !s) return s;
    }
    if (!scenario_.response) return {};
    return text(Point::ModelOutput, Phase::Response, *scenario_.response, decisions);
  }

 private:
  Status scan(Unit& unit, Part part, std::string_view text) {
    findings_.clear();
    if (Status s = detect::scan_all(hearing_.snapshot().catalog(),
                                    hearing_.detectors_at(unit.point), scratch_, text, findings_);
        !s) {
      return s;
    }
    std::ranges::sort(findings_, {}, &detect::Finding::begin);
    ++place_;
    for (const detect::Finding& f : findings_) {
      const std::uint64_t value = detect::value_digest(text.substr(f.begin, f.end - f.begin), 1);
      const bool followed = hearing_.snapshot().wants_value(f.rule);
      unit.hits.push_back({.rule = f.rule,
                           .score = f.score,
                           .begin = f.begin,
                           .end = f.end,
                           .part = part,
                           .place = place_,
                           .value = followed ? value : 0});
      if (followed) sightings_.push_back({value, place_, unit.point});
    }
    return {};
  }

  Status text(Point point, Phase phase, const std::string& text, std::vector<Decision>& decisions) {
    Unit unit{.point = point, .phase = phase, .text = text, .turn_text = text};
    if (Status s = scan(unit, Part::Text, text); !s) return s;
    hearing_.judge_findings(unit, decisions);
    if (point != Point::ToolResult) hearing_.judge_content(unit, nullptr, decisions);
    return {};
  }

  Status call(std::vector<Decision>& decisions) {
    const auto& [name, arguments] = *scenario_.call;
    Unit unit{.point = Point::ToolCall,
              .phase = Phase::Response,
              .tool_name = name,
              .arguments = arguments};
    if (Status s = scan(unit, Part::ToolName, name); !s) return s;
    if (Status s = scan(unit, Part::Arguments, arguments); !s) return s;
    hearing_.judge_call(unit, true, decisions);
    hearing_.judge_findings(unit, decisions);
    return {};
  }

  const Scenario& scenario_;
  Hearing& hearing_;
  detect::CatalogScratch& scratch_;
  std::vector<detect::Finding>& findings_;
  std::vector<Tainted::Sighting> sightings_;
  std::uint32_t place_ = 0;
};

void settle(Rehearsed& rehearsed) {
  for (std::size_t i = 0; i < rehearsed.decisions.size(); ++i) {
    const Decision& decision = rehearsed.decisions[i];
    if (!decision.enforced) continue;
    if (strictness(decision.verdict) <= strictness(rehearsed.verdict)) continue;
    rehearsed.verdict = decision.verdict;
    rehearsed.decided = i;
  }
}

}  // namespace

Scenario scenario_of(const PolicyTest& test) {
  Scenario scenario;
  scenario.agent = test.agent_id;
  scenario.key = test.key_id;
  scenario.integration = test.integration;
  scenario.model = test.model;
  scenario.stream = test.stream;
  scenario.tools = test.tools;
  for (const RouteWord& route : kRoutes) {
    if (route.word != test.route) continue;
    scenario.action = route.action;
    scenario.provider = route.provider;
    scenario.endpoint = route.endpoint;
  }
  if (scenario.agent.empty()) scenario.agent = scenario.provider + "-direct";
  if (!test.action.empty()) scenario.action = test.action;
  scenario.resource = test.resource;
  if (!test.prompt.empty()) scenario.prompt = test.prompt;
  if (!test.tool_result.empty()) scenario.tool_result = test.tool_result;
  if (!test.response.empty()) scenario.response = test.response;
  if (!test.tool.empty()) scenario.call.emplace(test.tool, test.tool_args);
  return scenario;
}

std::string Rehearsed::decided_by() const {
  if (!decided) return {};
  return decisions[*decided].policy + "/" + decisions[*decided].rule;
}

Rehearsal::Rehearsal(std::shared_ptr<const Snapshot> snapshot, std::uint64_t id_seed)
    : snapshot_(std::move(snapshot)), scratch_(snapshot_->catalog()), ids_(id_seed) {}

Result<Rehearsed> Rehearsal::play(const Scenario& scenario, std::size_t trace_max) {
  return rehearse(
      scenario, snapshot_,
      {.scratch = scratch_, .findings = findings_, .ids = ids_, .trace_max = trace_max});
}

Result<Rehearsed> rehearse(const Scenario& scenario,
                           const std::shared_ptr<const Snapshot>& snapshot,
                           const RehearsalRoom& room) {
  // Whom the policies' own [[key]] rules vouch for (X11).
  const bool vouched_for =
      snapshot->agent_standing(scenario.key, scenario.agent) == Snapshot::AgentStanding::Bound;
  const Subject subject{.agent = scenario.agent,
                        .key = scenario.key,
                        .integration = scenario.integration,
                        .integration_id = scenario.integration_id.empty() ? scenario.integration
                                                                          : scenario.integration_id,
                        .tested_file = scenario.tested_file,
                        .agent_bound = scenario.agent_bound || vouched_for,
                        .action = scenario.action,
                        .resource = scenario.resource,
                        .model = scenario.model,
                        .provider = scenario.provider,
                        .endpoint = scenario.endpoint,
                        .stream = scenario.stream,
                        .has_images = scenario.has_images,
                        .has_files = scenario.has_files,
                        .file_types = scenario.file_types,
                        .upstream_host = scenario.upstream_host,
                        .upstream_tls = scenario.upstream_tls,
                        .context = scenario.context};
  Rehearsed rehearsed;
  Hearing hearing(snapshot, room.ids);
  rehearsed.trace.max = room.trace_max;
  hearing.open(subject, room.trace_max == 0 ? nullptr : &rehearsed.trace);
  Play play(scenario, hearing, room.scratch, room.findings);
  if (Status s = play.run(rehearsed.decisions); !s) return std::unexpected(s.error());
  settle(rehearsed);
  return rehearsed;
}

}  // namespace capsem::policy
