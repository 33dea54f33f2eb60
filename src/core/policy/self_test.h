// What policy files promise of themselves: their [[test]] blocks, played through the policies. A
// reload and a start refuse policies that break them (E07); `capsem policy test` shows them.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/policy/ir.h"
#include "core/policy/loader.h"
#include "core/policy/rehearsal.h"
#include "core/policy/snapshot.h"

namespace capsem::policy {

struct TestResult {
  const PolicyTest* test = nullptr;  // in the snapshot that was tested, which outlives it
  Rehearsed rehearsed;
  // One for each expectation that did not hold: "verdict: expected BLOCK, got ALLOW".
  std::vector<std::string> failures;

  bool passed() const { return failures.empty(); }
};

// Every test of every document, in their order. Each is judged by all documents together, as a
// request would be. An error is a detector's.
Result<std::vector<TestResult>> run_tests(const std::shared_ptr<const Snapshot>& snapshot);

// One E07 for each test that failed, at its place.
std::vector<Diagnostic> failures_of(const std::vector<TestResult>& results);

// Both, for who only wants to know whether the policies may act. The error's code is `policy_test`,
// its detail has one line for each failing test: "policy.toml:43:1: E07 ...".
Status self_test(const std::shared_ptr<const Snapshot>& snapshot);

}  // namespace capsem::policy
