#include "core/policy/snapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "core/detect/keyword.h"
#include "core/policy/compiler.h"

namespace capsem::policy {

Result<std::shared_ptr<const Snapshot>> Snapshot::freeze(
    std::vector<Document> documents, std::string revision,
    std::unique_ptr<const detect::Detector> further) {
  std::shared_ptr<Snapshot> snapshot(new Snapshot);
  snapshot->documents_ = std::move(documents);
  snapshot->revision_ = std::move(revision);
  if (Status done = Compiler(*snapshot, {}).run(std::move(further)); !done) {
    return std::unexpected(done.error());
  }
  return std::shared_ptr<const Snapshot>(std::move(snapshot));
}

Result<std::shared_ptr<const Snapshot>> Snapshot::freeze(std::vector<Document> documents,
                                                         std::string revision,
                                                         const Assignments& assignments) {
  std::shared_ptr<Snapshot> snapshot(new Snapshot);
  snapshot->documents_ = std::move(documents);
  snapshot->revision_ = std::move(revision);
  if (Status done = Compiler(*snapshot, assignments).run(nullptr); !done) {
    return std::unexpected(done.error());
  }
  return std::shared_ptr<const Snapshot>(std::move(snapshot));
}

Snapshot::Indexes Snapshot::candidates(const Subject& subject, bool root) const {
  Indexes found;
  const auto take = [&](std::uint32_t i) {
    if (policies_[i].bound.applies_here(subject)) found.push_back(i);
  };
  const auto take_named = [&](const ByName<Indexes>& index, std::string_view name) {
    const auto entry = name.empty() ? index.end() : index.find(name);
    if (entry != index.end()) std::ranges::for_each(entry->second, take);
  };
  if (root) {
    std::ranges::for_each(unbound_, take);
    by_agent_.each_match(subject.agent, take);
  } else {
    for (const std::uint32_t i : by_own_words_) {
      if (policies_[i].bound.applies(subject)) found.push_back(i);
    }
    std::ranges::for_each(everywhere_, take);
    take_named(by_integration_, subject.integration_id);
    take_named(by_key_, subject.key);
  }
  for (std::uint32_t i = 0; !subject.tested_file.empty() && i < policies_.size(); ++i) {
    if (policies_[i].head->origin.file == subject.tested_file) take(i);
  }
  std::ranges::sort(found);
  const auto doubles = std::ranges::unique(found);
  found.erase(doubles.begin(), doubles.end());
  return found;
}

Result<std::shared_ptr<const Snapshot>> Snapshot::freeze(
    std::vector<Policy> policies, std::string revision,
    std::unique_ptr<const detect::Detector> further) {
  std::vector<Document> documents(1);
  documents[0].policies = std::move(policies);
  return freeze(std::move(documents), std::move(revision), std::move(further));
}

const KeyRule* Snapshot::key_rule(std::string_view key) const {
  const auto found =
      std::ranges::find_if(keys_, [key](const auto& rule) { return rule.key.matches(key); });
  return found == keys_.end() ? nullptr : found->source;
}

Snapshot::AgentStanding Snapshot::agent_standing(std::string_view key,
                                                 std::string_view agent) const {
  if (const auto held = key_agents_.find(key); held != key_agents_.end()) {
    return held->second.any_matches(agent) ? AgentStanding::Bound : AgentStanding::Refused;
  }
  for (const CompiledKeyRule& rule : keys_) {
    if (!rule.key.matches(key)) continue;
    if (rule.agents.empty()) return AgentStanding::Asserted;
    return rule.agents.any_matches(agent) ? AgentStanding::Bound : AgentStanding::Refused;
  }
  return AgentStanding::Asserted;
}

namespace {

void apply_cap(const Head& head, Decision& decision) {
  if (head.enforcement && strictness(decision.verdict) > strictness(*head.enforcement)) {
    decision.verdict = *head.enforcement;
  }
}

void apply_mode(const Head& head, Decision& decision) {
  if (head.mode == Mode::Shadow) {
    decision.shadow = true;
    decision.enforced = false;
  }
  if (head.output == Output::Log && decision.phase == event::Phase::Response) {
    decision.enforced = false;
  }
}

std::optional<Decision> judged(const Compiled& policy, const Unit& unit, IdSource& ids) {
  std::optional<Decision> decision;
  if (const auto* keyword = std::get_if<KeywordPolicy>(policy.source)) {
    decision = judge_keyword(*keyword, std::get<KeywordRules>(policy.rules), unit, ids);
  } else if (const auto* pii = std::get_if<PiiPolicy>(policy.source)) {
    decision = judge_pii(*pii, std::get<PiiRules>(policy.rules), unit, ids);
  } else if (const auto* own = std::get_if<OwnKeysPolicy>(policy.source)) {
    decision = judge_own_keys(*own, std::get<KeywordRules>(policy.rules), unit, ids);
  } else if (const auto* kinds = std::get_if<KindRules>(&policy.rules)) {
    decision = kinds->judge(unit, ids);
  }
  if (decision) apply_cap(*policy.head, *decision);
  return decision;
}

// What the policy says of one of the unit's hits, as if it were the only one.
std::optional<Decision> judged_alone(const Compiled& policy, const Unit& unit, const Hit& hit,
                                     IdSource& ids) {
  Unit alone{.point = unit.point, .phase = unit.phase, .turn_begin = unit.turn_begin};
  alone.hits.push_back(hit);
  return judged(policy, alone, ids);
}

// Where nothing can be put in the place of a finding, the unit it stands in is refused.
bool is_beyond_redaction(const Compiled& policy, const Unit& unit, IdSource& ids) {
  return std::ranges::any_of(unit.hits, [&](const Hit& hit) {
    if (!hit.fixed) return false;
    const auto decision = judged_alone(policy, unit, hit, ids);
    return decision && decision->verdict == Verdict::Redact;
  });
}

}  // namespace

std::optional<Decision> detection_of(const Compiled& policy, const Unit& unit, IdSource& ids) {
  std::optional<Decision> decision = judged(policy, unit, ids);
  if (!decision) return decision;
  if (is_beyond_redaction(policy, unit, ids)) {
    decision->verdict = Verdict::Block;
    decision->why = "what was found stands where nothing can be put in its place";
  }
  apply_mode(*policy.head, *decision);
  return decision;
}

std::optional<RedactionOrder> redaction_of(const Compiled& policy, const Unit& unit, const Hit& hit,
                                           IdSource& ids) {
  std::optional<Decision> decision = judged_alone(policy, unit, hit, ids);
  if (!decision || decision->verdict != Verdict::Redact) return std::nullopt;
  apply_mode(*policy.head, *decision);
  if (!decision->enforced) return std::nullopt;
  RedactionOrder order;
  order.redaction = policy.head->redaction;
  const std::string_view type = type_of(*policy.source);
  if (type == "keyword") {
    order.label = "REDACTED";  // the word itself would tell what was redacted
  } else if (type == "injection") {
    order.label = "PROMPT_INJECTION";
  } else if (type == "secrets") {
    order.label = "SECRET";
    order.family = decision->rule;
  } else {
    order.label = decision->rule;
  }
  return order;
}

void apply_head(const Head& head, Decision& decision) {
  apply_cap(head, decision);
  // What these policies judge has no place in a text, so there is nothing to redact.
  if (decision.verdict == Verdict::Redact) decision.verdict = Verdict::Block;
  apply_mode(head, decision);
}

void Snapshot::judge(const Unit& unit, IdSource& ids, std::vector<Decision>& decisions) const {
  if (unit.hits.empty()) return;
  for (const Compiled& policy : policies_) {
    if (auto decision = detection_of(policy, unit, ids)) decisions.push_back(std::move(*decision));
  }
}

}  // namespace capsem::policy
