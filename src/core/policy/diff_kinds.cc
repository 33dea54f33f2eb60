#include "core/policy/diff_kinds.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "core/policy/kind_rules.h"
#include "core/policy/native_keys.h"

namespace capsem::policy {
namespace {

using Pair = std::array<Verdict, 2>;  // before, after

const KindsPolicy* enforced(const Compiled& policy) {
  if (policy.head->mode != Mode::Enforce) return nullptr;
  return std::get_if<KindsPolicy>(policy.source);
}

// The policy of the other revision that this one is compared with.
const KindsPolicy* counterpart(const Snapshot& snapshot, const KindsPolicy& policy) {
  for (const Compiled& candidate : snapshot.policies()) {
    const KindsPolicy* kinds = enforced(candidate);
    if (kinds == nullptr || kinds->head.id != policy.head.id) continue;
    if (kinds->family == policy.family) return kinds;
  }
  return nullptr;
}

Verdict capped_verdict(const KindsPolicy* policy, const detect::Kind& kind) {
  if (policy == nullptr) return Verdict::Allow;
  const Verdict verdict = verdict_on(*policy, kind).value_or(Verdict::Allow);
  const auto& cap = policy->head.enforcement;
  return cap && strictness(*cap) < strictness(verdict) ? *cap : verdict;
}

// Only what holds or refuses is a difference; what is recorded is none.
int force_of(Verdict verdict) {
  return strictness(verdict) >= strictness(Verdict::Confirm) ? strictness(verdict) : 0;
}

class KindDiffer {
 public:
  KindDiffer(const KindsPolicy* old, const KindsPolicy* now)
      : old_(old), now_(now), either_(old != nullptr ? *old : *now) {}

  std::vector<Difference> run() {
    const auto kinds = kinds_of(either_.family);
    std::vector<std::string_view> told;
    for (const detect::Kind& kind : kinds) {
      const Pair pair = pair_of(kind);
      if (force_of(pair[0]) == force_of(pair[1])) continue;
      const bool whole = std::ranges::all_of(kinds, [&](const detect::Kind& other) {
        return other.group != kind.group || pair_of(other) == pair;
      });
      const std::string_view word = whole ? kind.group : kind.name;
      if (std::ranges::find(told, word) != told.end()) continue;
      told.push_back(word);
      add(fmt::format("{} {}", type_of(either_), word), pair);
    }
    if (old_ != nullptr && now_ != nullptr) compare_reach();
    return std::move(found_);
  }

 private:
  Pair pair_of(const detect::Kind& kind) const {
    return {capped_verdict(old_, kind), capped_verdict(now_, kind)};
  }

  // How much of a conversation, and how sure a finding has to be.
  void compare_reach() {
    if (old_->threshold != now_->threshold) {
      const bool loosens = now_->threshold > old_->threshold;
      add(fmt::format("{} of scores from {} instead of {}", type_of(either_), now_->threshold,
                      old_->threshold),
          changed(loosens));
    }
    for (const std::string_view word : kSurfaceWords) {
      const Surfaces surface = surface_named(word);
      const bool before = (old_->head.on & surface) != 0, after = (now_->head.on & surface) != 0;
      if (before != after) add(fmt::format("{} in {}", type_of(either_), word), changed(before));
    }
  }

  static Pair changed(bool loosens) {
    return loosens ? Pair{Verdict::Block, Verdict::Allow} : Pair{Verdict::Allow, Verdict::Block};
  }

  void add(std::string request, const Pair& pair) {
    const auto [before, after] = pair;
    const bool was = old_ != nullptr && force_of(before) != 0;
    const bool is = now_ != nullptr && force_of(after) != 0;
    found_.push_back({.change = after == Verdict::Block     ? Change::Denied
                                : after == Verdict::Confirm ? Change::Held
                                                            : Change::Allowed,
                      .loosens = force_of(after) < force_of(before),
                      .request = std::move(request),
                      .before = before,
                      .after = after,
                      .by_before = was ? old_->head.name : std::string(),
                      .by_after = is ? now_->head.name : std::string(),
                      .at_before = was ? to_string(old_->head.origin) : std::string(),
                      .at_after = is ? to_string(now_->head.origin) : std::string()});
  }

  const KindsPolicy* const old_;
  const KindsPolicy* const now_;
  const KindsPolicy& either_;
  std::vector<Difference> found_;
};

}  // namespace

std::vector<Difference> kind_differences(const Snapshot& before, const Snapshot& after) {
  std::vector<Difference> found;
  const auto compare = [&found](const KindsPolicy* old, const KindsPolicy* now) {
    for (Difference& difference : KindDiffer(old, now).run()) {
      found.push_back(std::move(difference));
    }
  };
  for (const Compiled& policy : before.policies()) {
    if (const KindsPolicy* old = enforced(policy)) compare(old, counterpart(after, *old));
  }
  for (const Compiled& policy : after.policies()) {
    const KindsPolicy* now = enforced(policy);
    if (now != nullptr && counterpart(before, *now) == nullptr) compare(nullptr, now);
  }
  return found;
}

}  // namespace capsem::policy
