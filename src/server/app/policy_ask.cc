// `capsem policy check-model`, `check-tool` and `check-rate`: rules without a key and without a
// network (R68).
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <limits>

#include "core/limit/ledger.h"
#include "core/limit/memory_store.h"
#include "core/policy/hearing.h"
#include "core/policy/rehearsal.h"
#include "server/app/command_line.h"
#include "server/app/policy_commands.h"
#include "server/app/policy_files.h"

namespace capsem::app {
namespace {

constexpr std::uint64_t kRequestsMax = 1'000'000;

struct AskOptions {
  PolicyOptions policies;
  std::vector<std::string> names;
  std::string agent = "openai-direct", model;
  std::uint64_t requests = 0, tokens = 0;
};

std::string_view word_for(policy::Verdict verdict) {
  if (verdict == policy::Verdict::Block) return "BLOCKED";
  return policy::strictness(verdict) < policy::strictness(policy::Verdict::Confirm) ? "ALLOWED"
                                                                                    : "HELD";
}

struct Answer {
  std::string name;
  std::string_view word;
  std::string details, rule, at;
};

void print(const std::vector<Answer>& answers, const PolicyOptions& options) {
  if (!options.json) {
    const Paint paint(options.color, stdout);
    for (const Answer& answer : answers) {
      print_line(
          fmt::format("{}: {}", answer.name,
                      answer.word == "ALLOWED" ? paint.good(answer.word) : paint.bad(answer.word)));
    }
    return;
  }
  audit::JsonLine line(kJsonTextMax);
  line.open_array();
  for (const Answer& answer : answers) {
    line.open_object();
    line.text("name", answer.name);
    line.text("result", answer.word);
    line.text("details", answer.details);
    line.text("decided_by", answer.rule);
    line.text("at", answer.at);
    line.close_object();
  }
  line.close_array();
  print_line(line.take());
}

int status_of(const std::vector<Answer>& answers) {
  const auto refused = [](const Answer& answer) { return answer.word != "ALLOWED"; };
  return std::ranges::any_of(answers, refused) ? 1 : 0;
}

// A tool's own verdict: whether the model asked about may be used is another question.
bool speaks_of_tool(const policy::Decision& decision) {
  return decision.point != event::Point::Prompt;
}

// The strictest enforced decision, the first of equally strict ones.
Answer answer_from(std::string name, const policy::Rehearsed& rehearsed, bool tools_only) {
  const policy::Decision* strictest = nullptr;
  for (const policy::Decision& decision : rehearsed.decisions) {
    if (!decision.enforced || (tools_only && !speaks_of_tool(decision))) continue;
    if (strictest == nullptr ||
        policy::strictness(decision.verdict) > policy::strictness(strictest->verdict)) {
      strictest = &decision;
    }
  }
  Answer answer{.name = std::move(name), .word = "ALLOWED", .details = {}, .rule = {}, .at = {}};
  if (strictest == nullptr) return answer;
  answer.word = word_for(strictest->verdict);
  answer.details = strictest->details;
  answer.rule = strictest->policy + "/" + strictest->rule;
  answer.at = strictest->at;
  return answer;
}

int ask(const AskOptions& options, bool tools) {
  const auto read = policies_or_say(options.policies);
  if (!read) return 1;
  policy::Rehearsal rehearsal(read->snapshot);
  std::vector<Answer> answers;
  for (const std::string& name : options.names) {
    policy::Scenario scenario;
    scenario.agent = options.agent;
    scenario.model = tools ? options.model : name;
    if (tools) {
      scenario.tools = {name};
      scenario.call.emplace(name, "{}");
    }
    const auto rehearsed = rehearsal.play(scenario, 0);
    if (!rehearsed) return fail(rehearsed.error());
    answers.push_back(answer_from(name, *rehearsed, tools));
  }
  print(answers, options.policies);
  return status_of(answers);
}

// All requests come at one moment: nothing leaves a window meanwhile.
class StandingClock final : public Clock {
 public:
  std::int64_t monotonic_ns() const override { return 1; }
  std::int64_t wall_ms() const override { return 0; }
};

std::vector<Answer> spend(const AskOptions& options, const policy::Snapshot& snapshot,
                          const policy::Hearing& hearing) {
  const StandingClock clock;
  limit::MemoryStore store;
  std::vector<Answer> answers;
  for (std::uint64_t i = 1; i <= options.requests; ++i) {
    Answer answer{.name = fmt::format("Request {}", i),
                  .word = "ALLOWED",
                  .details = {},
                  .rule = {},
                  .at = {}};
    const auto refuse = [&answer, &hearing](const limit::Refusal& refusal) {
      const auto decision = hearing.limit_decision(refusal, event::Phase::Request);
      answer.word = "BLOCKED";
      answer.details = decision.details;
      answer.rule = decision.policy + "/" + decision.rule;
      answer.at = decision.at;
    };
    auto holding = limit::Holding::take(
        store, clock, hearing.limits(), {.user_id = "", .agent = options.agent, .integration = ""},
        {.model = options.model, .max_tokens = options.tokens}, snapshot.prices());
    if (!holding) {
      refuse(holding.error());
    } else if (const auto crossed = holding->settle({.output_tokens = options.tokens})) {
      if (crossed->overrun == limit::Overrun::Withhold) refuse(*crossed);
    }
    answers.push_back(std::move(answer));
  }
  return answers;
}

void add_ask_options(CLI::App& app, AskOptions& options) {
  add_policy_options(app, options.policies, false);
  app.add_option("--agent", options.agent, "who asks [openai-direct]");
}

}  // namespace

int run_policy_check_model(Arguments arguments) {
  CLI::App app("May these models be used?", "capsem policy check-model");
  AskOptions options;
  app.add_option("MODEL", options.names, "one or more models")->required();
  add_ask_options(app, options);
  if (const auto status = parse_arguments(app, arguments)) return *status;
  return ask(options, false);
}

int run_policy_check_tool(Arguments arguments) {
  CLI::App app("May these tools be offered and called?", "capsem policy check-tool");
  AskOptions options;
  app.add_option("TOOL", options.names, "one or more tools")->required();
  add_ask_options(app, options);
  app.add_option("--model", options.model, "the model that calls them, for policies bound to one");
  if (const auto status = parse_arguments(app, arguments)) return *status;
  return ask(options, true);
}

int run_policy_check_rate(Arguments arguments) {
  CLI::App app("How many requests at once pass the limits", "capsem policy check-rate");
  AskOptions options;
  app.add_option("-n,--requests", options.requests, "requests, all at one moment")
      ->required()
      ->check(CLI::Range(std::uint64_t{1}, kRequestsMax));
  add_ask_options(app, options);
  app.add_option("--model", options.model, "the model asked for: prices, policies bound to one");
  app.add_option("--tokens", options.tokens, "tokens that each answer uses [0]");
  if (const auto status = parse_arguments(app, arguments)) return *status;
  const auto read = policies_or_say(options.policies);
  if (!read) return 1;
  IdSource ids(1);
  const policy::Subject subject{
      .agent = options.agent, .action = "llm.generate", .model = options.model};
  policy::Hearing hearing(read->snapshot, ids);
  hearing.open(subject);
  const std::vector<Answer> answers = spend(options, *read->snapshot, hearing);
  print(answers, options.policies);
  return status_of(answers);
}

}  // namespace capsem::app
