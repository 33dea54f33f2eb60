#include "core/policy/content_rules.h"

#include <utility>

namespace capsem::policy {

Result<ContentRules> ContentRules::compile(const ContentPolicy& policy) {
  ContentRules content;
  content.policy_ = &policy;
  for (const ContentRule& source : policy.rules) {
    auto all = Conditions::compile(source.all);
    if (!all) return std::unexpected(all.error());
    Rule rule{.source = &source, .all = std::move(*all)};
    rule.of_calls = rule.all.needs_content() || rule.all.needs_tool();
    rule.of_answers = rule.all.needs_content() || rule.all.needs_usage();
    content.needs_content_ = content.needs_content_ || rule.all.needs_content();
    content.needs_tool_ = content.needs_tool_ || rule.all.needs_tool();
    content.judges_answers_ = content.judges_answers_ || rule.of_answers;
    content.rules_.push_back(std::move(rule));
  }
  return content;
}

std::vector<const ContentRule*> ContentRules::violated(const Facts& facts, Asked asked,
                                                       Trace* trace) const {
  std::vector<const ContentRule*> violated;
  for (const Rule& rule : rules_) {
    if (asked == Asked::OfCall && !rule.of_calls) continue;
    if (asked == Asked::OfAnswer && !rule.of_answers) continue;
    const bool matched = rule.all.hold(facts) != Truth::False;
    if (trace != nullptr) {
      trace->add({.rule = policy_->head.name + "/" + rule.source->id,
                  .at = to_string(rule.source->origin),
                  .matched = matched,
                  .because = matched ? "matches" : rule.all.because(facts)});
    }
    if (!matched) continue;
    violated.push_back(rule.source);
    if (policy_->first_only) break;
  }
  return violated;
}

}  // namespace capsem::policy
