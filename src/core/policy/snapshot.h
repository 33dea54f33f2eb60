// One revision of the policies, compiled and frozen. Shared by all loops; an exchange is judged
// from its first byte to its last by the snapshot it began with.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "core/base/error.h"
#include "core/base/pattern_index.h"
#include "core/base/random.h"
#include "core/detect/catalog.h"
#include "core/limit/prices.h"
#include "core/limit/rule.h"
#include "core/policy/access_rules.h"
#include "core/policy/assignments.h"
#include "core/policy/binding.h"
#include "core/policy/content_rules.h"
#include "core/policy/decision.h"
#include "core/policy/flow_rules.h"
#include "core/policy/ir.h"
#include "core/policy/judge.h"
#include "core/policy/kind_rules.h"
#include "core/policy/list_rules.h"

namespace capsem::policy {

// One policy, ready to judge. Points into its snapshot.
struct Compiled {
  const Policy* source = nullptr;
  const Head* head = nullptr;
  BoundTo bound;
  bool made = false;            // of an assignment; stands in no file
  bool bound_somewhere = true;  // false: an uploaded one that is bound to nothing, acts nowhere
  detect::DetectorMask detectors = 0;  // whose findings it uses
  // In the order of Policy's alternatives; pins need nothing compiled.
  std::variant<KeywordRules, PiiRules, AccessRules, ListRules, limit::LimitRule, ContentRules,
               const PinPolicy*, FlowRules, KindRules>
      rules;
};

class Snapshot {
 public:
  static constexpr std::size_t kPoliciesMax = 4'096;

  // Compiles documents, which act in the order given. `revision` names the sources ("sha256:...").
  // `further` is one more detector that looks at every point beside those the policies ask for. No
  // policy uses its findings; that it may fail, and with it the inspection, is what tests need.
  static Result<std::shared_ptr<const Snapshot>> freeze(
      std::vector<Document> documents, std::string revision,
      std::unique_ptr<const detect::Detector> further = nullptr);
  // With what a database assigns. Keeps no stored key but in its detector.
  static Result<std::shared_ptr<const Snapshot>> freeze(std::vector<Document> documents,
                                                        std::string revision,
                                                        const Assignments& assignments);
  // One document that holds these policies.
  static Result<std::shared_ptr<const Snapshot>> freeze(
      std::vector<Policy> policies, std::string revision,
      std::unique_ptr<const detect::Detector> further = nullptr);

  const std::string& revision() const { return revision_; }
  const detect::Catalog& catalog() const { return catalog_; }
  std::span<const Document> documents() const { return documents_; }
  // The active ones, in their order.
  std::span<const Compiled> policies() const { return policies_; }

  // Calls f(policy) for those in force for this subject, in their order (assignments.h: where a
  // policy acts).
  template <class F>
  void each_in_force(const Subject& subject, F&& f) const {
    const bool root = subject.integration.empty() && subject.integration_id.empty();
    if (root && subject.tested_file.empty()) {
      each_for_agent(subject.agent, [&](const Compiled& policy) {
        if (policy.bound.applies_here(subject)) f(policy);
      });
      return;
    }
    for (const std::uint32_t i : candidates(subject, root)) f(policies_[i]);
  }
  // Of the root routes: calls f(policy) for those whose agents may be `agent`, in their order; what
  // else they are bound to is the caller's to ask.
  template <class F>
  void each_for_agent(std::string_view agent, F&& f) const {
    std::vector<std::uint32_t> bound;
    by_agent_.each_match(agent, [&bound](std::uint32_t i) { bound.push_back(i); });
    std::ranges::sort(bound);
    auto next = bound.begin();
    std::uint32_t last = ~std::uint32_t{0};
    const auto up_to = [&](std::uint32_t end) {
      for (; next != bound.end() && *next < end; ++next) {
        if (*next != last) f(policies_[*next]);  // two of its globs may match
        last = *next;
      }
    };
    for (const std::uint32_t i : unbound_) {
      up_to(i);
      f(policies_[i]);
    }
    up_to(~std::uint32_t{0});
  }

  // A file whose policies act only where they are bound.
  bool is_uploaded(std::string_view file) const { return uploaded_.contains(file); }

  // The detectors whose findings some policy uses at this point. 0: no policy looks there.
  detect::DetectorMask detectors_at(event::Point point) const {
    return masks_[static_cast<std::size_t>(point)];
  }
  // Detectors that look everywhere and that no policy asked for.
  detect::DetectorMask further_detectors() const { return further_; }
  // Some detector looks at answers.
  bool inspects_answers() const {
    using enum event::Point;
    return (detectors_at(ModelOutput) | detectors_at(Thought) | detectors_at(ToolCall) |
            detectors_at(ToolResult)) != 0;
  }
  // Some policy is a judge service.
  bool asks_judges() const { return asks_judges_; }
  // A flow policy compares the values of these rules' findings.
  bool wants_value(detect::RuleId rule) const { return rule < follows_.size() && follows_[rule]; }
  bool follows_values() const { return !follows_.empty(); }

  const limit::PriceTable& prices() const { return prices_; }

  // What happens when a detector fails or passes its deadline; a policy may say otherwise.
  OnError on_error() const { return on_error_; }
  std::uint32_t deadline_ms() const { return deadline_ms_; }  // 0: none

  // The first key rule that speaks of this key; nullptr when none does.
  const KeyRule* key_rule(std::string_view key) const;
  // X11: the key's configuration lets it speak for this agent. A key without rules may assert any.
  enum class AgentStanding : std::uint8_t { Asserted, Bound, Refused };
  AgentStanding agent_standing(std::string_view key, std::string_view agent) const;

  // Asks every detecting policy about one unit, in policy order; appends the decisions that
  // are not a plain Allow. Pure but for the ids drawn from `ids`. Every policy is asked (X9),
  // whomever it is bound to: Hearing asks those in force.
  void judge(const Unit& unit, IdSource& ids, std::vector<Decision>& decisions) const;

 private:
  Snapshot() = default;
  class Compiler;

  std::vector<Document> documents_;
  std::vector<Compiled> policies_;
  detect::Catalog catalog_;
  std::array<detect::DetectorMask, event::kPointCount> masks_{};
  detect::DetectorMask further_ = 0;
  bool asks_judges_ = false;
  std::vector<bool> follows_;  // by rule id
  // Where policies act, as indexes of policies_.
  using Indexes = std::vector<std::uint32_t>;
  PatternIndex by_agent_;  // on root routes: policies bound to agents
  Indexes unbound_;        // on root routes: the others
  Indexes by_own_words_;   // on integrations that their own list names
  Indexes everywhere_;     // on all integrations
  struct NameHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const {
      return std::hash<std::string_view>()(name);
    }
  };
  template <class T>
  using ByName = std::unordered_map<std::string, T, NameHash, std::equal_to<>>;
  ByName<Indexes> by_integration_, by_key_;  // ids
  std::vector<Policy> made_;                 // what is in no document
  ByName<GlobList> key_agents_;
  std::set<std::string, std::less<>> uploaded_;  // names of files

  Indexes candidates(const Subject& subject, bool root) const;
  struct CompiledKeyRule {
    const KeyRule* source;
    Glob key;
    GlobList agents;
  };
  std::vector<CompiledKeyRule> keys_;
  limit::PriceTable prices_;
  OnError on_error_ = OnError::Block;
  std::uint32_t deadline_ms_ = 0;
  std::string revision_;
};

// What one detecting policy (keyword, pii, secrets, injection) says of a unit; nothing for other
// types.
std::optional<Decision> detection_of(const Compiled& policy, const Unit& unit, IdSource& ids);
// What has to be put in the place of a finding.
struct RedactionOrder {
  Redaction redaction;
  std::string label;   // "EMAIL_ADDRESS", "SECRET", "REDACTED"
  std::string family;  // of a secret; empty for what has none
};
// Whether the policy wants this hit of the unit redacted, and how.
std::optional<RedactionOrder> redaction_of(const Compiled& policy, const Unit& unit, const Hit& hit,
                                           IdSource& ids);
// Lets the mode, output and enforcement of a policy that finds nothing in texts have their say.
void apply_head(const Head& head, Decision& decision);

}  // namespace capsem::policy
