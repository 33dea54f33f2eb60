#include "core/policy/diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "core/policy/diff_kinds.h"
#include "core/policy/rehearsal.h"
#include "core/policy/sample_words.h"

namespace capsem::policy {
namespace {

struct Side {
  Verdict verdict = Verdict::Allow;
  std::string by, at;
};

Side side_of(const Rehearsed& rehearsed) {
  Side side{.verdict = rehearsed.verdict, .by = rehearsed.decided_by(), .at = {}};
  if (rehearsed.decided) side.at = rehearsed.decisions[*rehearsed.decided].at;
  return side;
}

// 0 passes, 1 waits for approval, 2 is refused.
int class_of(Verdict verdict) {
  if (verdict == Verdict::Block) return 2;
  return strictness(verdict) >= strictness(Verdict::Confirm) ? 1 : 0;
}

// Who asks. Texts, tools and hosts are asked about with a model that both revisions allow them, for
// behind a refused model nothing else shows.
struct Who {
  std::string agent, key, integration;
  std::vector<std::string> models;
};

class Differ {
 public:
  Differ(const std::shared_ptr<const Snapshot>& before,
         const std::shared_ptr<const Snapshot>& after, DiffLimits limits)
      : before_(before),
        after_(after),
        old_(before),
        new_(after),
        words_(sample_words(before->documents(), after->documents())),
        limits_(limits) {}

  Result<Diff> run() {
    diff_.unsampled = words_.unsampled;
    compare_limits();
    for (Difference& difference : kind_differences(*before_, *after_)) keep(std::move(difference));
    // Each kind of sample has its share, so that many models do not leave tools unasked.
    phase(3);
    ask_models();
    phase(2);
    ask_rules();
    phase(1);
    for (const Who& who : askers_) {
      for (const std::string& model : who.models) ask_parts(who, model);
    }
    if (error_) return std::unexpected(*error_);
    for (Difference& difference : others_) list(std::move(difference));
    return std::move(diff_);
  }

 private:
  void phase(std::size_t left) {
    budget_ = diff_.samples + (limits_.samples_max - diff_.samples) / left;
  }

  // What both say of it; nothing when it was not played.
  std::optional<std::pair<Side, Side>> play(const Scenario& scenario) {
    if (error_) return std::nullopt;
    if (diff_.samples >= budget_) {
      ++diff_.not_played;
      return std::nullopt;
    }
    ++diff_.samples;
    Scenario asked = scenario;
    asked.agent_bound = asks_as_bound(*before_, scenario);
    const auto old = old_.play(asked, 0);
    asked.agent_bound = asks_as_bound(*after_, scenario);
    const auto now = new_.play(asked, 0);
    if (!old || !now) {
      error_ = old ? now.error() : old.error();
      return std::nullopt;
    }
    return std::pair(side_of(*old), side_of(*now));
  }

  static bool asks_as_bound(const Snapshot& snapshot, const Scenario& scenario) {
    return scenario.agent_bound ||
           snapshot.agent_standing(scenario.key, scenario.agent) == Snapshot::AgentStanding::Bound;
  }

  void ask(const Scenario& scenario, const std::string& what) {
    const auto sides = play(scenario);
    if (sides) compare(sides->first, sides->second, what);
  }

  void compare(const Side& old, const Side& now, const std::string& what) {
    const int before = class_of(old.verdict), after = class_of(now.verdict);
    if (before == after && (old.by == now.by || before == 0)) return;
    Difference difference{.loosens = after < before,
                          .request = what,
                          .before = old.verdict,
                          .after = now.verdict,
                          .by_before = old.by,
                          .by_after = now.by,
                          .at_before = old.at,
                          .at_after = now.at};
    if (before != after) {
      constexpr std::array kChanges = {Change::Allowed, Change::Held, Change::Denied};
      difference.change = kChanges[static_cast<std::size_t>(after)];
    }
    keep(std::move(difference));
  }

  void keep(Difference difference) {
    diff_.loosens = diff_.loosens || difference.loosens;
    if (difference.loosens) return list(std::move(difference));
    if (others_.size() < limits_.differences_max) {
      others_.push_back(std::move(difference));
    } else {
      ++diff_.not_listed;
    }
  }

  void list(Difference difference) {
    if (diff_.differences.size() < limits_.differences_max) {
      diff_.differences.push_back(std::move(difference));
    } else {
      ++diff_.not_listed;
    }
  }

  std::string described(const std::string& what, const Scenario& scenario) const {
    std::string text = what;
    if (words_.agents.size() > 1) text += fmt::format(", agent {}", scenario.agent);
    if (words_.keys.size() > 1) text += fmt::format(", key {}", scenario.key);
    if (!scenario.integration.empty()) {
      text += fmt::format(", integration {}", scenario.integration);
    }
    return text;
  }

  void ask_models() {
    for (const std::string& agent : words_.agents) {
      for (const std::string& key : words_.keys) {
        for (const std::string& integration : words_.integrations) {
          Who who{agent, key, integration, {}};
          ask_models(who);
          if (!who.models.empty()) askers_.push_back(std::move(who));
        }
      }
    }
  }

  // The models that bindings name may be judged by policies of their own; of the others one is as
  // good as another.
  void ask_models(Who& who) {
    bool any = false;
    for (const std::string& model : words_.models) {
      for (const std::string_view action : {"llm.generate", "embedding.generate"}) {
        Scenario scenario = scenario_of(who, model);
        scenario.action = action;
        const auto sides = play(scenario);
        if (!sides) continue;
        const std::string what = fmt::format("{} model {}", action, model);
        compare(sides->first, sides->second, described(what, scenario));
        const bool both =
            class_of(sides->first.verdict) == 0 && class_of(sides->second.verdict) == 0;
        if (!both || action != "llm.generate") continue;
        const bool bound =
            std::ranges::find(words_.bound_models, model) != words_.bound_models.end();
        if (bound || !any) who.models.push_back(model);
        any = any || !bound;
      }
    }
  }

  void ask_rules() {
    for (const Scenario& rule : words_.rules) {
      Scenario scenario = rule;
      if (scenario.agent.empty()) scenario.agent = words_.agents.back();
      if (scenario.key.empty()) scenario.key = words_.keys.back();
      const auto who = std::ranges::find_if(askers_, [&scenario](const Who& w) {
        return w.agent == scenario.agent && w.key == scenario.key &&
               w.integration == scenario.integration;
      });
      if (scenario.model.empty() && scenario.resource.empty()) {
        scenario.model = who == askers_.end() ? words_.models.back() : who->models.front();
      }
      std::string what =
          fmt::format("{} on {}", scenario.action,
                      scenario.resource.empty() ? "model " + scenario.model : scenario.resource);
      if (scenario.call) what += fmt::format(", call of {}", scenario.call->first);
      ask(scenario, described(what + " as a rule's conditions want it", scenario));
    }
  }

  static Scenario scenario_of(const Who& who, const std::string& model) {
    Scenario scenario;
    scenario.agent = who.agent;
    scenario.key = who.key;
    scenario.integration = who.integration;
    scenario.model = model;
    return scenario;
  }

  void ask_parts(const Who& who, const std::string& model) {
    const Scenario base = scenario_of(who, model);
    std::string free_tool = words_.tools.back();
    for (const std::string& tool : words_.tools) {
      Scenario define = base;
      define.tools = {tool};
      ask(define, described("definition of tool " + tool, base));
      Scenario call = base;
      call.call.emplace(tool, "{}");
      const auto sides = play(call);
      if (!sides) continue;
      compare(sides->first, sides->second, described("call of tool " + tool, base));
      if (class_of(sides->first.verdict) == 0 && class_of(sides->second.verdict) == 0) {
        free_tool = tool;
      }
    }
    for (const std::string& host : words_.hosts) ask_host(base, host, free_tool);
    for (std::size_t i = 0; i < words_.texts.size(); ++i) ask_text(base, i, free_tool);
  }

  void ask_host(const Scenario& base, const std::string& host, const std::string& tool) {
    for (const bool tls : {true, false}) {
      Scenario upstream = base;
      upstream.upstream_host = host;
      upstream.upstream_tls = tls;
      ask(upstream,
          described(fmt::format("provider at {}{}", host, tls ? "" : " without TLS"), base));
      Scenario call = base;
      call.call.emplace(tool, fmt::format(R"({{"url":"http{}://{}/"}})", tls ? "s" : "", host));
      ask(call, described(fmt::format("a tool's URL http{}://{}/", tls ? "s" : "", host), base));
    }
  }

  void ask_text(const Scenario& base, std::size_t index, const std::string& tool) {
    const std::string& text = words_.texts[index];
    const auto at = [&](std::string_view surface, auto&& put) {
      Scenario scenario = base;
      put(scenario);
      ask(scenario, described(fmt::format("{} with '{}'", surface, text), base));
    };
    at("prompt", [&](Scenario& s) { s.prompt = text; });
    at("tool result", [&](Scenario& s) { s.tool_result = text; });
    at("answer", [&](Scenario& s) { s.response = text; });
    at("tool name", [&](Scenario& s) { s.tools = {text}; });
    at("tool arguments", [&](Scenario& s) { s.call.emplace(tool, text); });
    at("tool result passed on", [&](Scenario& s) {
      s.tool_result = text;
      s.call.emplace(tool, text);
    });
  }

  // ---- Limits: by their numbers ----

  static bool enforces(const Compiled& policy) {
    const Head& head = *policy.head;
    return head.mode == Mode::Enforce && (!head.enforcement || class_of(*head.enforcement) == 2);
  }

  static const Compiled* find_limit(const Snapshot& snapshot, const std::string& id) {
    for (const Compiled& policy : snapshot.policies()) {
      if (policy.head->id != id || !enforces(policy)) continue;
      if (std::holds_alternative<limit::LimitRule>(policy.rules)) return &policy;
    }
    return nullptr;
  }

  void compare_limits() {
    const auto each = [this](const Snapshot& snapshot, bool of_old) {
      for (const Compiled& policy : snapshot.policies()) {
        if (!std::holds_alternative<limit::LimitRule>(policy.rules) || !enforces(policy)) continue;
        const Compiled* other = find_limit(of_old ? *after_ : *before_, policy.head->id);
        if (of_old) compare_limit(&policy, other);
        if (!of_old && other == nullptr) compare_limit(nullptr, &policy);
      }
    };
    each(*before_, true);
    each(*after_, false);
  }

  void compare_limit(const Compiled* old, const Compiled* now) {
    const auto max_of = [](const Compiled* policy, limit::Dimension dimension) {
      return policy == nullptr ? std::nullopt
                               : std::get<limit::LimitRule>(policy->rules).max(dimension);
    };
    const auto text = [](const std::optional<std::uint64_t>& max) {
      return max ? fmt::format("{}", *max) : std::string("none");
    };
    const Compiled& either = old != nullptr ? *old : *now;
    for (std::size_t i = 0; i < limit::kDimensions; ++i) {
      const auto dimension = static_cast<limit::Dimension>(i);
      const auto before = max_of(old, dimension), after = max_of(now, dimension);
      if (before == after) continue;
      const bool loosens = before && (!after || *after > *before);
      keep({.change = loosens ? Change::Allowed : Change::Denied,
            .loosens = loosens,
            .request = fmt::format("limit {}: {} {} -> {}", either.head->id,
                                   limit::info(dimension).name, text(before), text(after)),
            .before = loosens ? Verdict::Block : Verdict::Allow,
            .after = loosens ? Verdict::Allow : Verdict::Block,
            .by_before = before ? old->head->name : std::string(),
            .by_after = after ? now->head->name : std::string(),
            .at_before = before ? to_string(old->head->origin) : std::string(),
            .at_after = after ? to_string(now->head->origin) : std::string()});
    }
  }

  const std::shared_ptr<const Snapshot> before_, after_;
  Rehearsal old_, new_;
  const SampleWords words_;
  const DiffLimits limits_;
  std::size_t budget_ = 0;
  std::vector<Who> askers_;
  Diff diff_;  // lists what loosens; the others come after it
  std::vector<Difference> others_;
  std::optional<Error> error_;
};

}  // namespace

std::string_view to_string(Change change) {
  constexpr std::array<std::string_view, 4> kNames = {"allowed", "held", "denied", "decider"};
  return kNames[static_cast<std::size_t>(change)];
}

Result<Diff> diff(const std::shared_ptr<const Snapshot>& before,
                  const std::shared_ptr<const Snapshot>& after, DiffLimits limits) {
  return Differ(before, after, limits).run();
}

std::string to_string(const Difference& difference) {
  const auto side = [](Verdict verdict, const std::string& by, const std::string& at) {
    std::string text(to_string(verdict));
    if (!by.empty()) text += " by " + by;
    if (!at.empty()) text += " at " + at;
    return text;
  };
  return fmt::format("{}: {} ({}, was {})", to_string(difference.change), difference.request,
                     side(difference.after, difference.by_after, difference.at_after),
                     side(difference.before, difference.by_before, difference.at_before));
}

}  // namespace capsem::policy
