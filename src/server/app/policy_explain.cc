// `capsem policy explain`: what would be decided of one request and its answer, by which rule, and
// why the others did not match.
#include <fmt/format.h>

#include <cstdio>

#include "core/audit/explanation.h"
#include "core/policy/native_keys.h"
#include "core/policy/rehearsal.h"
#include "server/app/command_line.h"
#include "server/app/policy_commands.h"
#include "server/app/policy_files.h"

namespace capsem::app {
namespace {

struct ExplainOptions {
  PolicyOptions policies;
  std::string agent, key, integration, model, provider, route = "chat", action, resource, host;
  bool stream = false;
  std::vector<std::string> tools, context;
  std::string prompt, tool_result, response, call, args = "{}";
};

void add_options(CLI::App& app, ExplainOptions& o) {
  add_policy_options(app, o.policies);
  app.add_option("--agent", o.agent, "who asks [PROVIDER-direct]");
  app.add_option("--key", o.key, "the hashed user id");
  app.add_option("--integration", o.integration, "the integration asked");
  app.add_option("--model", o.model, "the model asked for");
  app.add_option("--provider", o.provider, "openai, gemini or anthropic; the route's otherwise");
  app.add_option("--route", o.route, "the kind of call [chat]")
      ->check(CLI::IsMember(
          std::vector<std::string>(policy::kRouteWords.begin(), policy::kRouteWords.end())));
  app.add_flag("--stream", o.stream, "the answer is streamed");
  app.add_option("--prompt", o.prompt, "what the user says: TEXT, @FILE, - for standard input");
  app.add_option("--tool", o.tools, "a tool that the request defines; may be repeated")
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--call", o.call, "the tool that the answer calls");
  app.add_option("--args", o.args, "the arguments of that call, as JSON: TEXT, @FILE, - [{}]");
  app.add_option("--tool-result", o.tool_result, "an earlier tool result: TEXT, @FILE, -");
  app.add_option("--response", o.response, "what the model answers: TEXT, @FILE, -");
  app.add_option("--action", o.action, "instead of the route's: the action asked about");
  app.add_option("--resource", o.resource, "instead of a model: the resource asked about");
  app.add_option("--context", o.context, "KEY=VALUE, for conditions on context; may be repeated")
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--host", o.host, "the provider's host, for network lists; http://HOST: no TLS");
}

int misuse(std::string_view what) {
  fmt::print(stderr, "capsem policy explain: {}\n", what);
  return 2;
}

// The texts stand in the options, or where the options say.
Status read_texts(const CLI::App& app, const ExplainOptions& o, policy::Scenario& scenario) {
  const auto read = [&app](const char* option, const std::string& argument,
                           std::optional<std::string>& text) -> Status {
    if (app.count(option) == 0) return {};
    auto value = text_argument(argument);
    if (!value) return std::unexpected(value.error());
    text = std::move(*value);
    return {};
  };
  if (Status s = read("--prompt", o.prompt, scenario.prompt); !s) return s;
  if (Status s = read("--tool-result", o.tool_result, scenario.tool_result); !s) return s;
  if (Status s = read("--response", o.response, scenario.response); !s) return s;
  if (o.call.empty()) return {};
  auto arguments = text_argument(o.args);
  if (!arguments) return std::unexpected(arguments.error());
  scenario.call.emplace(o.call, std::move(*arguments));
  return {};
}

policy::Scenario scenario_from(const ExplainOptions& o, const policy::Snapshot& snapshot) {
  policy::PolicyTest asked;
  asked.agent_id = o.agent;
  asked.key_id = o.key;
  asked.integration = o.integration;
  asked.route = o.route;
  asked.model = o.model;
  asked.tools = o.tools;
  asked.action = o.action;
  asked.resource = o.resource;
  asked.stream = o.stream;
  policy::Scenario scenario = policy::scenario_of(asked);
  if (!o.provider.empty()) {
    scenario.provider = o.provider;
    if (o.agent.empty()) scenario.agent = o.provider + "-direct";
  }
  std::string_view host = o.host;
  if (host.starts_with("http://")) scenario.upstream_tls = false;
  if (const auto scheme = host.find("://"); scheme != std::string_view::npos) {
    host.remove_prefix(scheme + 3);
  }
  scenario.upstream_host = host.substr(0, host.find_first_of(":/"));
  for (const std::string& pair : o.context) {
    const auto equals = pair.find('=');
    scenario.context.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
  }
  scenario.agent_bound = snapshot.agent_standing(scenario.key, scenario.agent) ==
                         policy::Snapshot::AgentStanding::Bound;
  return scenario;
}

bool passes(policy::Verdict verdict) {
  return policy::strictness(verdict) < policy::strictness(policy::Verdict::Confirm);
}

std::string json_of(const policy::Rehearsed& rehearsed, const policy::Snapshot& snapshot) {
  const policy::Decision* decided =
      rehearsed.decided ? &rehearsed.decisions[*rehearsed.decided] : nullptr;
  return audit::explanation_json(
      {.revision = snapshot.revision(),
       .verdict = rehearsed.verdict,
       .http = decided != nullptr && !passes(rehearsed.verdict) ? decided->status : 200,
       .phase = decided != nullptr ? decided->phase : event::Phase::Request,
       .decisions = rehearsed.decisions,
       .decided = decided,
       .trace = &rehearsed.trace});
}

void print_decision(const policy::Decision& decision, const Paint& paint) {
  print_line(fmt::format("  {}", decision.details));
  if (!decision.why.empty()) print_line(fmt::format("  because: {}", decision.why));
  if (!decision.at.empty()) print_line(fmt::format("  at {}", paint.faint(decision.at)));
}

void print_text(const policy::Rehearsed& rehearsed, const policy::Snapshot& snapshot,
                const Paint& paint) {
  const std::string_view verdict = policy::to_string(rehearsed.verdict);
  std::string head = passes(rehearsed.verdict) ? paint.good(verdict) : paint.bad(verdict);
  if (rehearsed.decided) head += " by " + rehearsed.decided_by();
  print_line(head);
  if (rehearsed.decided) print_decision(rehearsed.decisions[*rehearsed.decided], paint);
  if (!rehearsed.trace.considered.empty()) print_line("considered:");
  for (const policy::Considered& considered : rehearsed.trace.considered) {
    print_line(fmt::format("  {} {}: {} {}",
                           considered.matched ? paint.odd("match   ") : "no match", considered.rule,
                           considered.because, paint.faint(considered.at)));
  }
  if (rehearsed.trace.left_out > 0) {
    print_line(fmt::format("  and {} more", rehearsed.trace.left_out));
  }
  for (std::size_t i = 0; i < rehearsed.decisions.size(); ++i) {
    const policy::Decision& decision = rehearsed.decisions[i];
    if (rehearsed.decided == i) continue;
    print_line(fmt::format("{} {} by {}/{}: {}", decision.shadow ? "shadow, would:" : "also:",
                           policy::to_string(decision.verdict), decision.policy, decision.rule,
                           decision.details));
  }
  print_line("revision " + snapshot.revision());
}

}  // namespace

int run_policy_explain(Arguments arguments) {
  CLI::App app("What would be decided of a request and its answer, and why; limits are not asked",
               "capsem policy explain");
  ExplainOptions options;
  add_options(app, options);
  if (const auto status = parse_arguments(app, arguments)) return *status;
  for (const std::string& pair : options.context) {
    if (!pair.contains('=')) return misuse("--context wants KEY=VALUE");
  }
  if (options.call.empty() && app.count("--args") > 0) return misuse("--args needs --call");
  const auto read = policies_or_say(options.policies);
  if (!read) return 1;
  policy::Scenario scenario = scenario_from(options, *read->snapshot);
  if (const Status texts = read_texts(app, options, scenario); !texts) return fail(texts.error());
  policy::Rehearsal rehearsal(read->snapshot);
  const auto rehearsed = rehearsal.play(scenario);
  if (!rehearsed) return fail(rehearsed.error());
  if (read->snapshot->agent_standing(scenario.key, scenario.agent) ==
      policy::Snapshot::AgentStanding::Refused) {
    fmt::print(stderr, "note: this key may not speak for this agent; the gateway refuses it\n");
  }
  if (options.policies.json) {
    print_line(json_of(*rehearsed, *read->snapshot));
  } else {
    print_text(*rehearsed, *read->snapshot, Paint(options.policies.color, stdout));
  }
  return passes(rehearsed->verdict) ? 0 : 1;
}

}  // namespace capsem::app
