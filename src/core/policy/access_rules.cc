#include "core/policy/access_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace capsem::policy {
namespace {

// Candidates of one request; more than this many rules about one resource are looked at as well,
// by going through all of them.
constexpr std::size_t kCandidatesMax = 64;

// Actions that can only be meant for models.
bool is_model_action(const Glob& action) {
  return action.pattern().starts_with("llm.") || action.pattern().starts_with("embedding.");
}

bool is_severe(Verdict effect) {
  return effect == Verdict::Block || effect == Verdict::Confirm;
}

Result<std::vector<Glob>> compile_globs(std::span<const std::string> patterns, bool actions) {
  std::vector<Glob> globs;
  for (const std::string& pattern : patterns) {
    auto glob = Glob::parse(actions ? canonical_action(pattern) : pattern);
    if (!glob) return std::unexpected(glob.error());
    globs.push_back(std::move(*glob));
  }
  return globs;
}

}  // namespace

std::string canonical_action(std::string_view action) {
  std::string canonical(action);
  const auto separator = canonical.find_first_of(":.");
  if (separator == std::string::npos) return canonical == "*" ? canonical : canonical + ".*";
  canonical[separator] = '.';
  if (canonical == "llm.call") return "llm.generate";
  if (canonical == "embedding.call") return "embedding.generate";
  return canonical;
}

Result<AccessRules> AccessRules::compile(const AccessPolicy& policy) {
  AccessRules access;
  access.policy_ = &policy;
  const Glob any_tool = *Glob::parse("tool/*");
  for (const AccessRule& source : policy.rules) {
    Rule rule{.source = &source, .actions = {}, .resources = {}, .when = {}};
    auto actions = compile_globs(source.actions, true);
    if (!actions) return std::unexpected(actions.error());
    auto resources = compile_globs(source.resources, false);
    if (!resources) return std::unexpected(resources.error());
    auto when = Conditions::compile(source.when);
    if (!when) return std::unexpected(when.error());
    rule.actions = std::move(*actions);
    rule.resources = std::move(*resources);
    rule.when = std::move(*when);
    const auto id = static_cast<std::uint32_t>(access.rules_.size());
    for (const Glob& resource : rule.resources) {
      if (auto added = access.by_resource_.add(resource.pattern(), id); !added) {
        return std::unexpected(added.error());
      }
    }
    const bool tools =
        !std::ranges::all_of(rule.actions, is_model_action) &&
        std::ranges::any_of(rule.resources, [&](const Glob& r) { return r.overlaps(any_tool); });
    access.speaks_of_tools_ = access.speaks_of_tools_ || tools;
    access.any_arguments_ = access.any_arguments_ || rule.when.needs_arguments();
    access.rules_.push_back(std::move(rule));
  }
  return access;
}

bool AccessRules::matches_action(const Rule& rule,
                                 std::span<const std::string_view> actions) const {
  return std::ranges::any_of(rule.actions, [actions](const Glob& glob) {
    return std::ranges::any_of(actions, [&glob](std::string_view a) { return glob.matches(a); });
  });
}

Truth AccessRules::matches(const Rule& rule, std::span<const std::string_view> actions,
                           const Facts& facts) const {
  if (!matches_action(rule, actions)) return Truth::False;
  return rule.when.hold(facts);
}

std::string AccessRules::because(const Rule& rule, std::span<const std::string_view> actions,
                                 const Facts& facts) const {
  if (!matches_action(rule, actions)) {
    return fmt::format("action: {} !~ {}", actions.front(), fmt::join(rule.source->actions, ", "));
  }
  const auto fits = [&](const Glob& glob) { return glob.matches(facts.resource); };
  if (std::ranges::none_of(rule.resources, fits)) {
    return fmt::format("resource: {} !~ {}", facts.resource,
                       fmt::join(rule.source->resources, ", "));
  }
  return "when." + rule.when.because(facts);
}

// Calls f(rule index) in ascending order until it returns true. With `all`, for every rule; else
// for those whose resource matches.
template <class F>
void AccessRules::each_candidate(std::string_view resource, bool all, F&& f) const {
  std::array<std::uint32_t, kCandidatesMax> ids;
  std::size_t count = 0;
  if (!all) {
    by_resource_.each_match(resource, [&](std::uint32_t id) {
      if (count < ids.size()) ids[count] = id;
      ++count;
    });
  }
  if (all || count > ids.size()) {
    for (std::uint32_t id = 0; id < rules_.size(); ++id) {
      const auto fits = [&](const Glob& glob) { return glob.matches(resource); };
      if (!all && std::ranges::none_of(rules_[id].resources, fits)) continue;
      if (f(id)) return;
    }
    return;
  }
  std::sort(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(count));
  for (std::size_t i = 0; i < count; ++i) {
    if (f(ids[i])) return;
  }
}

AccessOutcome AccessRules::judge(std::span<const std::string_view> actions, const Facts& facts,
                                 Trace* trace) const {
  AccessOutcome outcome{.effect = policy_->default_effect};
  const bool first = policy_->match == Match::First;
  each_candidate(facts.resource, trace != nullptr, [&](std::uint32_t id) {
    const Rule& rule = rules_[id];
    const auto fits = [&](const Glob& glob) { return glob.matches(facts.resource); };
    const bool resource = trace == nullptr || std::ranges::any_of(rule.resources, fits);
    const Truth truth = resource ? matches(rule, actions, facts) : Truth::False;
    const bool undecidable = truth == Truth::Error;
    // A broken deny still denies, a broken allow never allows.
    const bool matched = undecidable ? is_severe(rule.source->effect) : truth == Truth::True;
    if (trace != nullptr) {
      trace->add({.rule = policy_->head.name + "/" + rule.source->id,
                  .at = to_string(rule.source->origin),
                  .matched = matched,
                  .because = undecidable ? "its conditions cannot be evaluated"
                             : matched   ? "matches"
                                         : because(rule, actions, facts)});
    }
    if (!matched) return false;
    if (first || outcome.rule == nullptr ||
        strictness(rule.source->effect) > strictness(outcome.effect)) {
      outcome = {.rule = rule.source, .effect = rule.source->effect, .undecidable = undecidable};
    }
    return first;
  });
  return outcome;
}

bool AccessRules::needs_arguments(std::span<const std::string_view> actions,
                                  std::string_view resource) const {
  if (!any_arguments_) return false;
  bool needed = false;
  each_candidate(resource, false, [&](std::uint32_t id) {
    needed = rules_[id].when.needs_arguments() && matches_action(rules_[id], actions);
    return needed;
  });
  return needed;
}

}  // namespace capsem::policy
