#include "core/policy/test_reach.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "core/policy/hosts.h"
#include "core/policy/rehearsal.h"

namespace capsem::policy {
namespace {

// What the tests of a run touch. Rules are told apart by kind and place.
class Reach {
 public:
  explicit Reach(const Snapshot& snapshot) : snapshot_(snapshot) {
    for (const Compiled& policy : snapshot.policies()) list(policy);
  }

  void note(const Scenario& scenario, const Rehearsed& rehearsed) {
    for (const Considered& considered : rehearsed.trace.considered) {
      if (considered.matched) mark("access rule", considered.rule, considered.at);
    }
    for (const Decision& decision : rehearsed.decisions) note(decision);
    const Subject subject{.agent = scenario.agent,
                          .key = scenario.key,
                          .integration = scenario.integration,
                          .integration_id = scenario.integration,
                          .model = scenario.model};
    snapshot_.each_in_force(subject, [&](const Compiled& policy) {
      if (const auto* lists = std::get_if<ListsPolicy>(policy.source)) {
        note(*lists, std::get<ListRules>(policy.rules), scenario);
      }
      if (std::holds_alternative<LimitPolicy>(*policy.source)) {
        mark("limit", policy.head->name, to_string(policy.head->origin));
      }
    });
  }

  std::vector<ReachedRule> take() { return std::move(rules_); }

 private:
  void add(std::string kind, std::string name, const Origin& origin) {
    rules_.push_back({.kind = std::move(kind), .name = std::move(name), .origin = origin});
  }

  void list(const Compiled& policy) {
    const Head& head = *policy.head;
    if (const auto* access = std::get_if<AccessPolicy>(policy.source)) {
      for (const AccessRule& rule : access->rules) {
        add("access rule", head.name + "/" + rule.id, rule.origin);
      }
    } else if (const auto* content = std::get_if<ContentPolicy>(policy.source)) {
      for (const ContentRule& rule : content->rules) {
        add("content rule", head.name + "/" + rule.id, rule.origin);
      }
    } else if (const auto* pii = std::get_if<PiiPolicy>(policy.source)) {
      for (std::size_t i = 0; i < pii->entities.size(); ++i) {
        if (!pii->entities[i].configured || pii->entities[i].verdict == Verdict::Allow) continue;
        add("entity",
            fmt::format("{}/{}", head.name, detect::to_string(static_cast<detect::EntityType>(i))),
            head.origin);
      }
      for (const OwnEntity& entity : pii->own) {
        if (entity.action == Verdict::Allow) continue;
        add("entity", fmt::format("{}/{}", head.name, entity.name), entity.origin);
      }
    } else if (const auto* kinds = std::get_if<KindsPolicy>(policy.source)) {
      list(*kinds);
    } else if (const auto* lists = std::get_if<ListsPolicy>(policy.source)) {
      if (lists->models) list(head, "models", *lists->models);
      if (lists->tools) list(head, "tools", *lists->tools);
      if (lists->network) list(head, "network", lists->network->hosts);
    } else if (std::holds_alternative<KeywordPolicy>(*policy.source)) {
      add("keyword policy", head.name, head.origin);
    } else if (std::holds_alternative<LimitPolicy>(*policy.source)) {
      add("limit", head.name, head.origin);
    } else if (std::holds_alternative<FlowPolicy>(*policy.source)) {
      add("flow policy", head.name, head.origin);
    }
  }

  void list(const KindsPolicy& policy) {
    const auto add_word = [&](std::string_view word, Verdict verdict) {
      if (verdict == Verdict::Allow) return;
      add("kind", fmt::format("{}/{}", policy.head.name, word), policy.head.origin);
    };
    for (const auto& [name, verdict] : policy.named) add_word(name, verdict);
    if (policy.otherwise) add_word(kOtherwiseWord, *policy.otherwise);
  }

  void list(const Head& head, std::string_view what, const NameLists& lists) {
    if (!lists.deny.empty()) {
      add("deny list", fmt::format("{}/{}.deny", head.name, what), lists.deny.front().origin);
    }
    if (!lists.allow.empty()) {
      add("allow list", fmt::format("{}/{}.allow", head.name, what), lists.allow.front().origin);
    }
  }

  // An empty place is any.
  void mark(std::string_view kind, std::string_view name, std::string_view at = {}) {
    for (ReachedRule& rule : rules_) {
      if (rule.kind == kind && rule.name == name && (at.empty() || to_string(rule.origin) == at)) {
        rule.reached = true;
      }
    }
  }

  void note(const Decision& decision) {
    const std::string name = decision.policy + "/" + decision.rule;
    mark("content rule", name, decision.at);
    mark("keyword policy", decision.policy, decision.at);
    if (decision.code == "data_flow") mark("flow policy", decision.policy, decision.at);
    note_kinds(decision);
    // A decision has the strictest type's name; its text lists all that were found.
    for (ReachedRule& rule : rules_) {
      if (rule.kind != "entity" || to_string(rule.origin) != decision.at) continue;
      const std::string_view type = std::string_view(rule.name).substr(decision.policy.size() + 1);
      if (decision.details.contains(fmt::format(" {}(count=", type))) rule.reached = true;
    }
  }

  // A word is reached by any kind that it decides about.
  void note_kinds(const Decision& decision) {
    for (const Compiled& policy : snapshot_.policies()) {
      const auto* kinds = std::get_if<KindsPolicy>(policy.source);
      if (kinds == nullptr || to_string(kinds->head.origin) != decision.at) continue;
      for (const detect::Kind& kind : kinds_of(kinds->family)) {
        if (!decision.details.contains(fmt::format(" {}(count=", kind.name))) continue;
        mark("kind", fmt::format("{}/{}", kinds->head.name, deciding_word(*kinds, kind)),
             decision.at);
      }
    }
  }

  // Denied entries are asked first: an allow list was asked when they did not refuse.
  void note(const ListsPolicy& policy, std::string_view what,
            const std::optional<ListRefusal>& refusal) {
    const bool denied = refusal && refusal->why.starts_with("denied by ");
    mark(denied ? "deny list" : "allow list",
         fmt::format("{}/{}.{}", policy.head.name, what, denied ? "deny" : "allow"));
  }

  void note(const ListsPolicy& policy, const ListRules& rules, const Scenario& scenario) {
    if (policy.models && scenario.resource.empty()) {
      note(policy, "models", rules.judge_model(scenario.model));
    }
    if (policy.tools) {
      for (const std::string& tool : scenario.tools) {
        note(policy, "tools", rules.judge_tool(tool));
      }
      if (scenario.call) note(policy, "tools", rules.judge_tool(scenario.call->first));
      if (scenario.resource.starts_with("tool/")) {
        note(policy, "tools", rules.judge_tool(std::string_view(scenario.resource).substr(5)));
      }
    }
    if (!policy.network || !scenario.call) return;
    Arguments arguments(scenario.call->second);
    bool names_host = false;
    arguments.each_string([&](std::string_view text) { names_host |= !hosts_in(text).empty(); });
    if (names_host) note(policy, "network", rules.judge_arguments(arguments));
  }

  const Snapshot& snapshot_;
  std::vector<ReachedRule> rules_;
};

}  // namespace

Result<std::vector<ReachedRule>> rules_reached(const std::shared_ptr<const Snapshot>& snapshot) {
  Reach reach(*snapshot);
  Rehearsal rehearsal(snapshot);
  for (const Document& document : snapshot->documents()) {
    for (const PolicyTest& test : document.tests) {
      const Scenario scenario = scenario_of(test);
      const auto rehearsed = rehearsal.play(scenario, std::numeric_limits<std::size_t>::max());
      if (!rehearsed) return std::unexpected(rehearsed.error());
      reach.note(scenario, *rehearsed);
    }
  }
  return reach.take();
}

}  // namespace capsem::policy
