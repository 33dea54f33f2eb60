#include "core/policy/lint.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "core/base/glob.h"
#include "core/policy/access_rules.h"
#include "core/policy/hosts.h"

namespace capsem::policy {
namespace {

// Whether one pattern covers another is decided by automata whose size grows with the characters
// that may be anything after a `*`: past these the question is left open.
constexpr std::size_t kLooseMax = 10;
constexpr std::size_t kPatternBytesMax = 256;

bool is_hard(const Glob& glob) {
  const std::string& pattern = glob.pattern();
  return pattern.size() > kPatternBytesMax ||
         static_cast<std::size_t>(std::ranges::count_if(
             pattern, [](char c) { return c == '?' || c == '['; })) > kLooseMax;
}

bool covers(const Glob& wide, const Glob& narrow) {
  if (wide.matches_everything()) return true;
  // Most pairs differ at once.
  if (!narrow.prefix().starts_with(wide.prefix())) return false;
  if (narrow.is_literal()) return wide.matches(narrow.prefix());
  return !wide.is_literal() && !is_hard(wide) && !is_hard(narrow) && wide.covers(narrow);
}

// Every pattern of the one is covered by a pattern of the other.
bool cover(std::span<const Glob> wide, std::span<const Glob> narrow) {
  return std::ranges::all_of(narrow, [wide](const Glob& n) {
    return std::ranges::any_of(wide, [&n](const Glob& w) { return covers(w, n); });
  });
}

std::optional<std::chrono::sys_days> day_of(std::string_view date) {
  int year = 0;
  unsigned month = 0, day = 0;
  if (date.size() != 10) return std::nullopt;
  std::from_chars(date.data(), date.data() + 4, year);
  std::from_chars(date.data() + 5, date.data() + 7, month);
  std::from_chars(date.data() + 8, date.data() + 10, day);
  const std::chrono::year_month_day ymd{std::chrono::year(year), std::chrono::month(month),
                                        std::chrono::day(day)};
  if (!ymd.ok()) return std::nullopt;
  return std::chrono::sys_days(ymd);
}

class Linter {
 public:
  Linter(std::span<const Document> documents, std::chrono::year_month_day today)
      : documents_(documents), today_(today) {
    agents_vouched_for_ = std::ranges::any_of(documents, [](const Document& document) {
      return std::ranges::any_of(document.keys,
                                 [](const KeyRule& key) { return !key.agents.empty(); });
    });
  }

  std::vector<Diagnostic> run() {
    for (const Document& document : documents_) {
      check_name(document.name, document.origin, "document");
      for (const Policy& policy : document.policies) {
        const Head& head = head_of(policy);
        check_head(head);
        std::visit([this](const auto& p) { check(p); }, policy);
      }
      for (const KeyRule& key : document.keys) check_names(key.agents, key.origin, "agent");
    }
    std::ranges::stable_sort(found_, {}, [](const Diagnostic& d) {
      return std::tie(d.origin.file, d.origin.line, d.origin.column);
    });
    return std::move(found_);
  }

 private:
  void warn(std::string_view code, const Origin& origin, std::string message) {
    found_.push_back({.code = std::string(code),
                      .origin = origin,
                      .message = std::move(message),
                      .error = false});
  }

  // ---- What all policies have in common ----

  void check_head(const Head& head) {
    check_name(head.id, head.origin, "policy");
    if (head.name != head.id) check_name(head.name, head.origin, "policy");
    check_names(head.bind.agents, head.origin, "agent");
    check_names(head.bind.models, head.origin, "model");
    check_names(head.bind.integrations, head.origin, "integration");
    if (head.mode != Mode::Shadow) return;
    const auto since = day_of(head.since);
    if (!since) return;
    const auto days = (std::chrono::sys_days(today_) - *since).count();
    if (days <= 30) return;
    warn("W08", head.origin,
         fmt::format("'{}' has been in shadow mode for {} days: enforce it or drop it", head.id,
                     days));
  }

  void check_name(std::string_view name, const Origin& origin, std::string_view what) {
    const std::string why = deceptive(name);
    if (!why.empty()) warn("W07", origin, fmt::format("the {} name '{}' {}", what, name, why));
  }

  void check_names(std::span<const std::string> names, const Origin& origin,
                   std::string_view what) {
    for (const std::string& name : names) check_name(name, origin, what);
  }

  static Verdict capped(const Head& head, Verdict verdict) {
    const bool caps = head.enforcement && strictness(*head.enforcement) < strictness(verdict);
    return caps ? *head.enforcement : verdict;
  }

  // An answer may have been streamed to its end before a verdict on it is known.
  void check_approval(const Head& head, Verdict verdict) {
    if (head.output != Output::Log || !looks_at_answers(head)) return;
    if (capped(head, verdict) != Verdict::Confirm) return;
    warn("W06", head.origin,
         fmt::format("'{}' asks for approval of answers that have left when they are judged "
                     "(output = \"log\"): set output = \"block\", or leave response out of 'on'",
                     head.id));
  }

  static bool looks_at_answers(const Head& head) {
    return (head.on & (kResponse | kToolArgs | kToolName)) != 0;
  }

  // ---- The types ----

  void check(const KeywordPolicy& policy) { check_approval(policy.head, policy.action); }

  void check(const PiiPolicy& policy) {
    const bool approval =
        std::ranges::any_of(policy.entities,
                            [&policy](const auto& entity) {
                              return entity.configured &&
                                     capped(policy.head, entity.verdict) == Verdict::Confirm;
                            }) ||
        std::ranges::any_of(policy.own, [&policy](const OwnEntity& entity) {
          return capped(policy.head, entity.action) == Verdict::Confirm;
        });
    if (approval) check_approval(policy.head, Verdict::Confirm);
  }

  void check(const KindsPolicy& policy) {
    const auto approves = [&policy](Verdict verdict) {
      return capped(policy.head, verdict) == Verdict::Confirm;
    };
    if (std::ranges::any_of(policy.named, approves, &KindsPolicy::Named::verdict) ||
        (policy.otherwise && approves(*policy.otherwise))) {
      check_approval(policy.head, Verdict::Confirm);
    }
  }

  struct CompiledRule {
    const AccessRule* source;
    std::vector<Glob> actions, resources;
    bool unconditional() const { return source->when.empty(); }
  };

  static std::vector<Glob> compile(std::span<const std::string> patterns, bool actions) {
    std::vector<Glob> globs;
    for (const std::string& pattern : patterns) {
      auto glob = Glob::parse(actions ? canonical_action(pattern) : pattern);
      if (glob) globs.push_back(std::move(*glob));
    }
    return globs;
  }

  void check(const AccessPolicy& policy) {
    std::vector<CompiledRule> rules;
    for (const AccessRule& rule : policy.rules) {
      check_name(rule.id, rule.origin, "rule");
      check_names(rule.resources, rule.origin, "resource");
      check_agent_condition(rule);
      rules.push_back({.source = &rule,
                       .actions = compile(rule.actions, true),
                       .resources = compile(rule.resources, false)});
    }
    if (policy.match == Match::First) {
      check_reachable(rules);
    } else {
      check_broad_deny(policy, rules);
    }
  }

  void check_reachable(std::span<const CompiledRule> rules) {
    constexpr std::size_t kRulesMax = 4'000;  // every pair is looked at
    if (rules.size() > kRulesMax) return;
    for (std::size_t later = 1; later < rules.size(); ++later) {
      for (std::size_t earlier = 0; earlier < later; ++earlier) {
        const CompiledRule& wide = rules[earlier];
        if (!wide.unconditional() || !cover(wide.resources, rules[later].resources) ||
            !cover(wide.actions, rules[later].actions)) {
          continue;
        }
        warn("W01", rules[later].source->origin,
             fmt::format("rule '{}' is never reached: rule '{}' at {} matches everything it does",
                         rules[later].source->id, wide.source->id, to_string(wide.source->origin)));
        break;
      }
    }
  }

  // The strictest rule wins there, so that a deny of everything leaves no allow.
  void check_broad_deny(const AccessPolicy& policy, std::span<const CompiledRule> rules) {
    for (const CompiledRule& deny : rules) {
      if (deny.source->effect != Verdict::Block || !deny.unconditional()) continue;
      std::size_t allows = 0, killed = 0;
      for (const CompiledRule& rule : rules) {
        if (strictness(rule.source->effect) >= strictness(Verdict::Confirm)) continue;
        ++allows;
        if (cover(deny.resources, rule.resources) && cover(deny.actions, rule.actions)) ++killed;
      }
      if (allows == 0 || killed < allows) continue;
      warn("W04", deny.source->origin,
           fmt::format("rule '{}' denies all that '{}' allows, since deny-overrides lets the "
                       "strictest rule win; did you mean match = \"first\"?",
                       deny.source->id, policy.head.id));
      return;
    }
  }

  // A name that any caller may give is no reason to allow (X11).
  void check_agent_condition(const AccessRule& rule) {
    if (agents_vouched_for_ || strictness(rule.effect) >= strictness(Verdict::Confirm)) return;
    const bool bound = std::ranges::any_of(
        rule.when, [](const Condition& c) { return c.field == Field::AgentBound; });
    const auto agent = std::ranges::find(rule.when, Field::AgentId, &Condition::field);
    if (bound || agent == rule.when.end()) return;
    warn("W09", agent->origin,
         fmt::format("rule '{}' allows by the agent's name, which any caller may give: bind agents "
                     "to keys with [[key]], or demand agent_bound = true",
                     rule.id));
  }

  void check(const ListsPolicy& policy) {
    if (policy.models) check_lists(*policy.models, "model", glob_covers);
    if (policy.tools) check_lists(*policy.tools, "tool", glob_covers);
    if (policy.network) check_network(*policy.network);
    if (policy.on_tool_block == OnToolBlock::Replace && !policy.tools) {
      warn("W10", policy.head.origin,
           fmt::format("'{}': on_tool_block has no effect without 'tools'", policy.head.id));
    }
  }

  static bool glob_covers(std::string_view wide, std::string_view narrow) {
    const auto w = Glob::parse(wide), n = Glob::parse(narrow);
    return w && n && covers(*w, *n);
  }

  // Of "*.example.com" all hosts are covered by what covers example.com and below.
  static bool host_covers(std::string_view wide, std::string_view narrow) {
    if (wide == "*") return true;
    if (narrow == "*") return false;
    if (!narrow.starts_with("*.")) return host_matches(wide, narrow);
    return wide.starts_with("*.") && host_matches(wide, narrow.substr(2));
  }

  template <class Covers>
  void check_lists(const NameLists& lists, std::string_view what, Covers&& covered_by) {
    for (const auto* list : {&lists.allow, &lists.deny}) {
      for (const ListEntry& entry : *list) check_name(entry.pattern, entry.origin, what);
    }
    for (const ListEntry& allow : lists.allow) {
      for (const ListEntry& deny : lists.deny) {
        if (allow.pattern == deny.pattern) {
          warn("W02", allow.origin,
               fmt::format("'{}' is allowed and denied (at {}); it is denied", allow.pattern,
                           to_string(deny.origin)));
          break;
        }
        if (!covered_by(deny.pattern, allow.pattern)) continue;
        warn("W03", allow.origin,
             fmt::format("'{}' is allowed in vain: '{}' at {} denies all of it", allow.pattern,
                         deny.pattern, to_string(deny.origin)));
        break;
      }
    }
  }

  void check_network(const NetworkLists& network) {
    check_lists(network.hosts, "host", host_covers);
    const bool inert = !network.enabled || !network.configured;
    const bool lists = !network.hosts.allow.empty() || !network.hosts.deny.empty();
    if (!inert || (!lists && !network.require_tls)) return;
    warn("W10", network.origin,
         fmt::format("no host may be reached at all (network.{} = false), so what else 'network' "
                     "says has no effect",
                     network.configured ? "enabled" : "configured"));
  }

  void check(const LimitPolicy& policy) {
    const LimitPolicy none;
    const bool tokens = policy.tokens_per_minute != 0 || policy.tokens_per_hour != 0 ||
                        policy.tokens_per_day != 0 || policy.cost_micros_per_hour != 0 ||
                        policy.cost_micros_per_day != 0 || policy.cost_micros_per_month != 0;
    const bool cost = policy.cost_micros_per_hour != 0 || policy.cost_micros_per_day != 0 ||
                      policy.cost_micros_per_month != 0;
    if (!tokens && (!policy.withhold_overrun ||
                    policy.estimate_output_tokens != none.estimate_output_tokens)) {
      warn("W10", policy.head.origin,
           fmt::format("'{}' limits neither tokens nor cost, so token_overrun and "
                       "estimate_output_tokens have no effect",
                       policy.head.id));
    }
    const bool priced = std::ranges::any_of(
        documents_, [](const Document& document) { return !document.prices.empty(); });
    if (cost && !priced) {
      warn("W10", policy.head.origin,
           fmt::format("'{}' limits cost, and no [[price]] says what anything costs",
                       policy.head.id));
    }
  }

  void check(const ContentPolicy& policy) {
    for (const ContentRule& rule : policy.rules) {
      check_name(rule.id, rule.origin, "rule");
      if (rule.name != rule.id) check_name(rule.name, rule.origin, "rule");
    }
    check_approval(policy.head, policy.action);
  }

  void check(const JudgePolicy& policy) { check_approval(policy.head, policy.action); }

  void check(const PinPolicy&) {}
  void check(const OwnKeysPolicy&) {}

  void check(const FlowPolicy& policy) {
    for (const ListEntry& entry : policy.tools_allow) {
      check_name(entry.pattern, entry.origin, "tool");
    }
    check_approval(policy.head, policy.action);
  }

  std::span<const Document> documents_;
  const std::chrono::year_month_day today_;
  bool agents_vouched_for_ = false;
  std::vector<Diagnostic> found_;
};

}  // namespace

std::vector<Diagnostic> lint(std::span<const Document> documents,
                             std::chrono::year_month_day today) {
  return Linter(documents, today).run();
}

}  // namespace capsem::policy
