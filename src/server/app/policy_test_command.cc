// `capsem policy test`: the [[test]] blocks of the files against the policies of all of them, and
// which rules none of them reached.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>

#include "core/policy/self_test.h"
#include "core/policy/test_reach.h"
#include "server/app/command_line.h"
#include "server/app/policy_commands.h"
#include "server/app/policy_files.h"

namespace capsem::app {
namespace {

struct Run {
  std::vector<policy::TestResult> results;
  std::vector<policy::ReachedRule> rules;

  std::size_t failed() const {
    return static_cast<std::size_t>(std::ranges::count_if(
        results, [](const policy::TestResult& result) { return !result.passed(); }));
  }
  std::size_t reached() const {
    return static_cast<std::size_t>(std::ranges::count_if(rules, &policy::ReachedRule::reached));
  }
  // Rounded down, so that 100 means all.
  std::uint64_t percent() const { return rules.empty() ? 100 : reached() * 100 / rules.size(); }
};

std::string code_of(const policy::Rehearsed& rehearsed) {
  return rehearsed.decided ? rehearsed.decisions[*rehearsed.decided].code : std::string();
}

void print_json(const Run& run) {
  audit::JsonLine line(kJsonTextMax);
  line.open_object();
  line.boolean("ok", run.failed() == 0);
  line.open_array("tests");
  for (const policy::TestResult& result : run.results) {
    line.open_object();
    add_origin(line, result.test->origin);
    line.boolean("passed", result.passed());
    line.open_object("expected");
    line.text("verdict", result.test->verdict);
    line.text("decided_by", result.test->decided_by);
    line.text("code", result.test->code);
    line.close_object();
    line.open_object("got");
    line.text("verdict", policy::to_string(result.rehearsed.verdict));
    line.text("decided_by", result.rehearsed.decided_by());
    line.text("code", code_of(result.rehearsed));
    line.close_object();
    line.close_object();
  }
  line.close_array();
  line.open_object("coverage");
  line.number("rules", std::uint64_t{run.rules.size()});
  line.number("reached", std::uint64_t{run.reached()});
  line.number("percent", run.percent());
  line.open_array("not_reached");
  for (const policy::ReachedRule& rule : run.rules) {
    if (rule.reached) continue;
    line.open_object();
    line.text("kind", rule.kind);
    line.text("rule", rule.name);
    add_origin(line, rule.origin);
    line.close_object();
  }
  line.close_array();
  line.close_object();
  line.close_object();
  print_line(line.take());
}

void print_text(const Run& run, const Paint& paint) {
  for (const policy::TestResult& result : run.results) {
    const std::string at = policy::to_string(result.test->origin);
    if (result.passed()) {
      fmt::print("{}     {}\n", paint.good("ok"), at);
    } else {
      fmt::print("{} {}: {}\n", paint.bad("FAILED"), at, fmt::join(result.failures, "; "));
    }
  }
  fmt::print("{} tests, {} failed\n", run.results.size(), run.failed());
  fmt::print("{} of {} rules reached ({} %)\n", run.reached(), run.rules.size(), run.percent());
  for (const policy::ReachedRule& rule : run.rules) {
    if (rule.reached) continue;
    fmt::print("  {} {} {}\n", paint.odd("not reached:"), rule.kind + " " + rule.name,
               paint.faint(policy::to_string(rule.origin)));
  }
}

}  // namespace

int run_policy_test(Arguments arguments) {
  CLI::App app("Play the [[test]] blocks of policy files, each against the policies of all files",
               "capsem policy test");
  PolicyOptions options;
  add_policy_options(app, options);
  if (const auto status = parse_arguments(app, arguments)) return *status;
  const auto read = policies_or_say(options);
  if (!read) return 1;
  auto results = policy::run_tests(read->snapshot);
  if (!results) return fail(results.error());
  auto rules = policy::rules_reached(read->snapshot);
  if (!rules) return fail(rules.error());
  const Run run{std::move(*results), std::move(*rules)};
  if (options.json) {
    print_json(run);
  } else {
    print_text(run, Paint(options.color, stdout));
  }
  return run.failed() == 0 ? 0 : 1;
}

}  // namespace capsem::app
