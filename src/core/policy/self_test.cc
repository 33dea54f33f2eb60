#include "core/policy/self_test.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace capsem::policy {
namespace {

std::string_view or_nothing(std::string_view text) {
  return text.empty() ? "nothing" : text;
}

std::vector<std::string> failures_in(const PolicyTest& test, const Rehearsed& rehearsed) {
  std::vector<std::string> failures;
  if (!test.verdict.empty() && test.verdict != to_string(rehearsed.verdict)) {
    failures.push_back(
        fmt::format("verdict: expected {}, got {}", test.verdict, to_string(rehearsed.verdict)));
  }
  const std::string decided_by = rehearsed.decided_by();
  if (!test.decided_by.empty() && test.decided_by != decided_by) {
    failures.push_back(
        fmt::format("decided_by: expected {}, got {}", test.decided_by, or_nothing(decided_by)));
  }
  const std::string_view code = rehearsed.decided
                                    ? std::string_view(rehearsed.decisions[*rehearsed.decided].code)
                                    : std::string_view();
  if (!test.code.empty() && test.code != code) {
    failures.push_back(fmt::format("code: expected {}, got {}", test.code, or_nothing(code)));
  }
  return failures;
}

}  // namespace

Result<std::vector<TestResult>> run_tests(const std::shared_ptr<const Snapshot>& snapshot) {
  std::vector<TestResult> results;
  std::optional<Rehearsal> rehearsal;  // its scratch is made only where there is something to play
  for (const Document& document : snapshot->documents()) {
    for (const PolicyTest& test : document.tests) {
      if (!rehearsal) rehearsal.emplace(snapshot);
      Scenario scenario = scenario_of(test);
      // An uploaded file is tried as if it were bound wherever its tests look.
      if (snapshot->is_uploaded(test.origin.file)) scenario.tested_file = test.origin.file;
      auto rehearsed = rehearsal->play(scenario);
      if (!rehearsed) return std::unexpected(rehearsed.error());
      std::vector<std::string> failures = failures_in(test, *rehearsed);
      results.push_back(
          {.test = &test, .rehearsed = std::move(*rehearsed), .failures = std::move(failures)});
    }
  }
  return results;
}

std::vector<Diagnostic> failures_of(const std::vector<TestResult>& results) {
  std::vector<Diagnostic> diagnostics;
  for (const TestResult& result : results) {
    if (result.passed()) continue;
    diagnostics.push_back(
        {.code = "E07",
         .origin = result.test->origin,
         .message = fmt::format("the test fails: {}", fmt::join(result.failures, "; "))});
  }
  return diagnostics;
}

Status self_test(const std::shared_ptr<const Snapshot>& snapshot) {
  const auto results = run_tests(snapshot);
  if (!results) return std::unexpected(results.error());
  std::string lines;
  for (const Diagnostic& diagnostic : failures_of(*results)) {
    if (!lines.empty()) lines += '\n';
    lines += to_string(diagnostic.origin) + ": " + diagnostic.code + " " + diagnostic.message;
  }
  if (lines.empty()) return {};
  return client_error("policy_test", std::move(lines));
}

}  // namespace capsem::policy
