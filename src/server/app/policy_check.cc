// `capsem policy check`: loads as serve would, and says what is wrong, what is suspicious, and what
// would be in force.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "core/policy/lint.h"
#include "core/policy/self_test.h"
#include "server/app/command_line.h"
#include "server/app/policy_commands.h"
#include "server/app/policy_files.h"
#include "server/app/system_clock.h"

namespace capsem::app {
namespace {

std::chrono::year_month_day today() {
  const std::chrono::sys_time<std::chrono::milliseconds> now{
      std::chrono::milliseconds{SystemClock().wall_ms()}};
  return std::chrono::floor<std::chrono::days>(now);
}

struct Findings {
  std::vector<policy::Diagnostic> errors, warnings;
  std::vector<std::string> enabled;
  std::string revision;
};

void sort_in(Findings& findings, std::vector<policy::Diagnostic> diagnostics) {
  for (policy::Diagnostic& diagnostic : diagnostics) {
    (diagnostic.error ? findings.errors : findings.warnings).push_back(std::move(diagnostic));
  }
}

Result<Findings> look(const PolicyOptions& options) {
  const auto files = read_policies(options.paths());
  if (!files) return std::unexpected(files.error());
  auto read = load_policies(*files);
  if (!read) return std::unexpected(read.error());
  Findings findings;
  findings.revision = read->loaded.revision;
  findings.enabled = read->loaded.enabled;
  sort_in(findings, std::move(read->loaded.diagnostics));
  // What does not load is not worth a warning more.
  if (read->snapshot == nullptr) return findings;
  sort_in(findings, policy::lint(read->loaded.documents, today()));
  const auto results = policy::run_tests(read->snapshot);
  if (!results) return std::unexpected(results.error());
  sort_in(findings, policy::failures_of(*results));
  return findings;
}

void print_json(const Findings& findings, bool good) {
  audit::JsonLine line(kJsonTextMax);
  line.open_object();
  line.boolean("ok", good);
  const auto list = [&line](std::string_view key, const std::vector<policy::Diagnostic>& all) {
    line.open_array(key);
    for (const policy::Diagnostic& diagnostic : all) {
      line.open_object();
      add_origin(line, diagnostic.origin);
      line.text("code", diagnostic.code);
      line.text("message", diagnostic.message);
      line.close_object();
    }
    line.close_array();
  };
  list("errors", findings.errors);
  list("warnings", findings.warnings);
  line.open_array("enabled");
  for (const std::string& name : findings.enabled) line.text({}, name);
  line.close_array();
  line.text("revision", findings.revision);
  line.close_object();
  print_line(line.take());
}

void print_text(const Findings& findings, const PolicyOptions& options) {
  const Paint told(options.color, stderr), out(options.color, stdout);
  for (const auto* all : {&findings.errors, &findings.warnings}) {
    for (const policy::Diagnostic& diagnostic : *all) print_diagnostic(told, diagnostic);
  }
  const auto without_test = [](const policy::Diagnostic& d) { return d.code != "E07"; };
  if (std::ranges::any_of(findings.errors, without_test)) return;
  fmt::print("Enabled Policies: {}\n", findings.enabled.size());
  for (const std::string& name : findings.enabled) fmt::print("  {} {}\n", out.good("✓"), name);
  fmt::print("revision {}\n", findings.revision);
}

}  // namespace

int run_policy_check(Arguments arguments) {
  CLI::App app("All errors and warnings of policy files, and the policies in force",
               "capsem policy check");
  PolicyOptions options;
  bool strict = false;
  add_policy_options(app, options);
  app.add_flag("--strict", strict, "warnings count as errors");
  if (const auto status = parse_arguments(app, arguments)) return *status;
  const auto findings = look(options);
  if (!findings) return fail(findings.error());
  const bool good = findings->errors.empty() && !(strict && !findings->warnings.empty());
  if (options.json) {
    print_json(*findings, good);
  } else {
    print_text(*findings, options);
  }
  return good ? 0 : 1;
}

}  // namespace capsem::app
