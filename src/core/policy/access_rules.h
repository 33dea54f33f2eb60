// An access policy, compiled: which action on which resource (S4). Immutable; thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/base/glob.h"
#include "core/base/pattern_index.h"
#include "core/policy/condition.h"
#include "core/policy/explain.h"
#include "core/policy/ir.h"

namespace capsem::policy {

// R78: `llm:generate`, `llm:call` and `llm.generate` are one action; a pattern without separator
// means all actions of that name.
std::string canonical_action(std::string_view action);

struct AccessOutcome {
  const AccessRule* rule = nullptr;  // nullptr: the policy's default
  Verdict effect = Verdict::Allow;
  bool undecidable = false;  // the rule's conditions could not be evaluated; it acts by its effect
};

class AccessRules {
 public:
  static Result<AccessRules> compile(const AccessPolicy& policy);

  // Some rule could match a tool: only then does the policy judge tools, or else the usual "default
  // deny" of a policy about models would forbid every tool.
  bool speaks_of_tools() const { return speaks_of_tools_; }

  // `actions`: the spellings of one action, canonical. With a trace every rule up to the deciding
  // one is noted with the reason why it did not match; the outcome is the same.
  AccessOutcome judge(std::span<const std::string_view> actions, const Facts& facts,
                      Trace* trace = nullptr) const;

  // A rule that could match has conditions on the arguments, so that a call can be judged only when
  // it is complete.
  bool needs_arguments(std::span<const std::string_view> actions, std::string_view resource) const;

 private:
  struct Rule {
    const AccessRule* source = nullptr;
    std::vector<Glob> actions, resources;
    Conditions when;
  };

  bool matches_action(const Rule& rule, std::span<const std::string_view> actions) const;
  Truth matches(const Rule& rule, std::span<const std::string_view> actions,
                const Facts& facts) const;
  std::string because(const Rule& rule, std::span<const std::string_view> actions,
                      const Facts& facts) const;
  template <class F>
  void each_candidate(std::string_view resource, bool all, F&& f) const;

  const AccessPolicy* policy_ = nullptr;
  std::vector<Rule> rules_;
  PatternIndex by_resource_;
  bool speaks_of_tools_ = false, any_arguments_ = false;
};

}  // namespace capsem::policy
