// Rules are told apart by their ids, within their policy.
#pragma once

#include <fmt/format.h>

#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/policy/shape.h"

namespace capsem::policy {

class RuleNames {
 public:
  // Adds a rule; one without an id is called by its index. A second rule of the same name is
  // reported (E05) with the place of the first.
  template <class Rule>
  void add(Reporter& report, std::vector<Rule>& rules, Rule rule) {
    if (rule.id.empty()) rule.id = fmt::format("{}", rules.size());
    const auto [first, fresh] = first_.try_emplace(rule.id, rule.origin);
    if (!fresh) {
      report.error(
          "E05", {rule.origin.line, rule.origin.column},
          fmt::format("a second rule '{}'; the first is at {}", rule.id, to_string(first->second)));
    }
    rules.push_back(std::move(rule));
  }

 private:
  std::unordered_map<std::string, Origin> first_;
};

}  // namespace capsem::policy
