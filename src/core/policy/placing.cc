// Where the policies of a snapshot act (assignments.h), as indexes that a request looks up.
#include <algorithm>
#include <utility>

#include "core/detect/own_keys.h"
#include "core/policy/compiler.h"

namespace capsem::policy {

bool Snapshot::Compiler::is_uploaded(const Compiled& policy) const {
  return snapshot_.is_uploaded(policy.head->origin.file);
}

bool Snapshot::Compiler::may_name(const std::string& tenant, const Compiled& policy) const {
  if (policy.made) return false;
  const auto uploaded = assignments_.uploaded.find(policy.head->origin.file);
  return tenant.empty() || uploaded == assignments_.uploaded.end() || uploaded->second == tenant ||
         uploaded->second == kCommonTenant;
}

Status Snapshot::Compiler::place() {
  for (const auto& [file, tenant] : assignments_.uploaded) snapshot_.uploaded_.insert(file);
  for (std::uint32_t i = 0; i < made_begin_; ++i) {
    Compiled& policy = snapshot_.policies_[i];
    policy.bound_somewhere = !is_uploaded(policy);
    if (policy.bound_somewhere) {
      if (Status done = place_by_own_words(i); !done) return done;
    }
  }
  if (Status done = place_bindings(); !done) return done;
  if (Status done = place_keys(); !done) return done;
  for (std::uint32_t i = 0; i < assignments_.made.size(); ++i) {
    const MadePolicy& made = assignments_.made[i];
    const std::uint32_t index = made_begin_ + i;
    if (!made.key.empty()) snapshot_.by_key_[made.key].push_back(index);
    for (const std::string& target : made.targets) {
      if (Status done = place_at(index, target); !done) return done;
    }
  }
  if (assignments_.own_keys.empty()) return {};
  return place_at(static_cast<std::uint32_t>(snapshot_.policies_.size() - 1), kEveryTarget);
}

// The configuration directory's: on the integrations they name, or on root routes.
Status Snapshot::Compiler::place_by_own_words(std::uint32_t index) {
  if (snapshot_.policies_[index].head->bind.integrations.empty()) return on_root(index);
  snapshot_.by_own_words_.push_back(index);
  return {};
}

Status Snapshot::Compiler::on_root(std::uint32_t index) {
  const Head& head = *snapshot_.policies_[index].head;
  if (head.bind.agents.empty()) snapshot_.unbound_.push_back(index);
  for (const std::string& agent : head.bind.agents) {
    if (Status done = snapshot_.by_agent_.add(agent, index); !done) {
      return gateway_error("invalid_policy", head.name + ": " + done.error().detail);
    }
  }
  return {};
}

Status Snapshot::Compiler::place_at(std::uint32_t index, const std::string& target) {
  if (target == kEveryTarget) snapshot_.everywhere_.push_back(index);
  if (target == kEveryTarget || target == kRootTarget) return on_root(index);
  snapshot_.by_integration_[target].push_back(index);
  return {};
}

Status Snapshot::Compiler::place_bindings() {
  PatternIndex by_policy;
  for (std::uint32_t b = 0; b < assignments_.bindings.size(); ++b) {
    if (Status done = by_policy.add(assignments_.bindings[b].policy, b); !done) return done;
  }
  std::vector<std::string> targets;
  for (std::uint32_t i = 0; i < made_begin_; ++i) {
    Compiled& policy = snapshot_.policies_[i];
    targets.clear();
    by_policy.each_match(policy.head->id, [&](std::uint32_t b) {
      const BoundPolicy& row = assignments_.bindings[b];
      if (may_name(row.tenant, policy)) targets.push_back(row.target);
    });
    std::ranges::sort(targets);
    const auto doubles = std::ranges::unique(targets);
    targets.erase(doubles.begin(), doubles.end());
    const bool on_root_already = policy.bound_somewhere && policy.head->bind.integrations.empty();
    for (const std::string& target : targets) {
      policy.bound_somewhere = true;
      if (on_root_already && target == kRootTarget) continue;
      if (on_root_already && target == kEveryTarget) {
        snapshot_.everywhere_.push_back(i);
        continue;
      }
      if (Status done = place_at(i, target); !done) return done;
    }
  }
  // What bindings added comes behind; each_for_agent() wants the order of the policies.
  std::ranges::sort(snapshot_.unbound_);
  const auto doubles = std::ranges::unique(snapshot_.unbound_);
  snapshot_.unbound_.erase(doubles.begin(), doubles.end());
  return {};
}

Status Snapshot::Compiler::place_keys() {
  for (const KeyTerms& terms : assignments_.keys) {
    if (!terms.agents.empty()) {
      auto agents = GlobList::compile(terms.agents);
      if (!agents) return std::unexpected(agents.error());
      snapshot_.key_agents_.emplace(terms.key, std::move(*agents));
    }
    if (terms.policies.empty()) continue;
    const auto named = GlobList::compile(terms.policies);
    if (!named) return std::unexpected(named.error());
    for (std::uint32_t i = 0; i < made_begin_; ++i) {
      Compiled& policy = snapshot_.policies_[i];
      if (!may_name(terms.tenant, policy) || !named->any_matches(policy.head->id)) continue;
      policy.bound_somewhere = true;
      snapshot_.by_key_[terms.key].push_back(i);
    }
  }
  return {};
}

void Snapshot::Compiler::add_own_key_detector() {
  if (assignments_.own_keys.empty()) return;
  KeywordRules rules;
  std::vector<detect::KeyToFind> keys;
  for (const auto& key : assignments_.own_keys) {
    rules.push_back(snapshot_.catalog_.add_rule(key->name));
    keys.push_back({key->value.reveal(), rules.back()});
  }
  const auto bit = snapshot_.catalog_.add(detect::make_own_key_detector(keys), detect::kFoldedView);
  Compiled& policy = snapshot_.policies_.back();
  policy.rules = std::move(rules);
  look_at(policy, bit);
}

}  // namespace capsem::policy
