#include "core/policy/compiler.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/base/ascii.h"
#include "core/detect/injection.h"
#include "core/detect/keyword.h"
#include "core/detect/secrets.h"
#include "core/policy/allowed_values.h"
#include "core/policy/own_entities.h"

namespace capsem::policy {
namespace {

using event::Point;

// RuleId is 16 bits wide; this leaves room, and more keywords than this are a mistake.
constexpr std::size_t kRulesMax = 60'000;

// One whose types are looked for by the detector that policies share.
bool shares_detector(const PiiPolicy& policy) {
  return policy.allow.empty() &&
         std::ranges::any_of(policy.entities, &PiiPolicy::EntityDecision::configured);
}

bool decides_on_any(const KindsPolicy& policy) {
  return std::ranges::any_of(kinds_of(policy.family), [&policy](const detect::Kind& kind) {
    return verdict_on(policy, kind).has_value();
  });
}

Error of_policy(const Head& head, const Error& error) {
  return {Fault::Gateway, "invalid_policy", fmt::format("{}: {}", head.name, error.detail)};
}

// Without prices nobody knows what a key may still spend: it may spend nothing. (A file with such a
// limit is refused; a key is made while other files are in force.)
Policy closed_for(const Head& head) {
  ListsPolicy lists{.head = head, .models = NameLists{}, .tools = {}, .network = {}};
  lists.models->deny.push_back({"*", {}});
  return lists;
}

}  // namespace

Status Snapshot::Compiler::run(std::unique_ptr<const detect::Detector> further) {
  if (Status done = collect(); !done) return done;
  if (Status done = place(); !done) return done;
  add_keyword_detector();
  if (Status done = add_pii_detectors(); !done) return done;
  add_kind_detector(KindFamily::Secrets);
  add_kind_detector(KindFamily::Injection);
  add_own_key_detector();
  if (Status done = compile_prices(); !done) return done;
  for (Compiled& policy : snapshot_.policies_) {
    if (Status done = compile(policy); !done) {
      return std::unexpected(of_policy(*policy.head, done.error()));
    }
  }
  if (further != nullptr) {
    snapshot_.further_ = snapshot_.catalog_.add(std::move(further));
    for (auto& mask : snapshot_.masks_) mask |= snapshot_.further_;
  }
  take_defaults();
  return compile_keys();
}

// A limit of cost that nothing can be held to.
bool Snapshot::Compiler::unpriced(const Policy& policy) const {
  const auto* limit = std::get_if<LimitPolicy>(&policy);
  if (limit == nullptr || (limit->cost_micros_per_hour == 0 && limit->cost_micros_per_day == 0 &&
                           limit->cost_micros_per_month == 0)) {
    return false;
  }
  return std::ranges::all_of(snapshot_.documents_,
                             [](const Document& document) { return document.prices.empty(); });
}

// First what the detectors have to look for, over all policies; then each policy on its own.
Status Snapshot::Compiler::collect() {
  for (const Document& document : snapshot_.documents_) {
    for (const Policy& source : document.policies) {
      const Head& head = head_of(source);
      if (head.state != Lifecycle::Active) continue;
      if (snapshot_.policies_.size() == kPoliciesMax) {
        return gateway_error("invalid_policy", fmt::format("more than {} policies", kPoliciesMax));
      }
      if (Status done = collect_one(source, false); !done) return done;
    }
  }
  snapshot_.made_.reserve(assignments_.made.size() + 1);
  for (const MadePolicy& made : assignments_.made) {
    snapshot_.made_.push_back(unpriced(made.policy) ? closed_for(head_of(made.policy))
                                                    : made.policy);
  }
  if (!assignments_.own_keys.empty()) {
    OwnKeysPolicy own{.head = {.id = "capsem/vault", .name = "vault"}, .names = {}};
    for (const auto& key : assignments_.own_keys) own.names.push_back(key->name);
    snapshot_.made_.emplace_back(std::move(own));
  }
  made_begin_ = static_cast<std::uint32_t>(snapshot_.policies_.size());
  for (const Policy& source : snapshot_.made_) {
    if (Status done = collect_one(source, true); !done) return done;
  }
  return {};
}

Status Snapshot::Compiler::collect_one(const Policy& source, bool made) {
  const Head& head = head_of(source);
  Compiled policy{.source = &source,
                  .head = &head,
                  .bound = {},
                  .made = made,
                  .bound_somewhere = true,
                  .detectors = 0,
                  .rules = {}};
  auto bound = BoundTo::compile(head.bind);
  if (!bound) return std::unexpected(of_policy(head, bound.error()));
  policy.bound = std::move(*bound);
  if (const auto* keyword = std::get_if<KeywordPolicy>(&source)) {
    KeywordRules rules;
    if (Status done = collect_keywords(*keyword, rules); !done) return done;
    policy.rules = std::move(rules);
  }
  collect_entities(source);
  if (const auto* kinds = std::get_if<KindsPolicy>(&source)) collect_kinds(*kinds);
  snapshot_.asks_judges_ |= std::holds_alternative<JudgePolicy>(source);
  snapshot_.policies_.push_back(std::move(policy));
  return {};
}

Status Snapshot::Compiler::collect_keywords(const KeywordPolicy& policy, KeywordRules& rules) {
  const std::string& name = policy.head.name;
  if (policy.keywords.empty()) {
    return gateway_error("invalid_policy", fmt::format("{}: no keywords", name));
  }
  for (const std::string& keyword : policy.keywords) {
    if (keyword.empty() || keyword.size() >= detect::kLookAhead) {
      return gateway_error("invalid_policy", fmt::format("{}: a keyword must have 1 to {} bytes",
                                                         name, detect::kLookAhead - 1));
    }
    const auto [word, fresh] = words_.try_emplace(ascii_lower(keyword), detect::RuleId{0});
    if (fresh) {
      if (snapshot_.catalog_.rule_count() == kRulesMax) {
        return gateway_error("invalid_policy", fmt::format("{}: too many keywords", name));
      }
      word->second = snapshot_.catalog_.add_rule(keyword);
    }
    rules.push_back(word->second);
  }
  return {};
}

void Snapshot::Compiler::collect_entities(const Policy& policy) {
  const auto want = [this](std::size_t type) {
    wants_pii_ = true;
    pii_.enabled[type] = true;
  };
  if (!wants_pii_) pii_.score_min = 1;
  if (const auto* pii = std::get_if<PiiPolicy>(&policy); pii != nullptr && shares_detector(*pii)) {
    pii_.score_min = std::min(pii_.score_min, pii->score_threshold);
    for (std::size_t i = 0; i < detect::kEntityTypeCount; ++i) {
      if (pii->entities[i].configured) want(i);
    }
  }
  if (const auto* flow = std::get_if<FlowPolicy>(&policy)) {
    pii_.score_min = std::min(pii_.score_min, 0.5F);
    for (std::size_t i = 0; i < detect::kEntityTypeCount; ++i) {
      if (flow->entities[i]) want(i);
    }
  }
}

void Snapshot::Compiler::collect_kinds(const KindsPolicy& policy) {
  WantedKinds& wanted = kinds_[static_cast<std::size_t>(policy.family)];
  const auto kinds = kinds_of(policy.family);
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (!verdict_on(policy, kinds[i])) continue;
    wanted.kinds.resize(kinds.size());
    wanted.kinds[i] = true;
    wanted.score_min = std::min(wanted.score_min, lowest_score(policy));
  }
}

void Snapshot::Compiler::add_keyword_detector() {
  if (words_.empty()) return;
  std::vector<detect::Keyword> keywords;
  for (const auto& [word, rule] : words_) keywords.push_back({word, rule});
  std::ranges::sort(keywords, {}, &detect::Keyword::rule);
  const auto bit =
      snapshot_.catalog_.add(detect::make_keyword_detector(keywords), detect::kAllViews);
  for (Compiled& policy : snapshot_.policies_) {
    if (std::holds_alternative<KeywordPolicy>(*policy.source)) look_at(policy, bit);
  }
}

Status Snapshot::Compiler::add_pii_detectors() {
  add_shared_pii_detector();
  for (Compiled& compiled : snapshot_.policies_) {
    const auto* policy = std::get_if<PiiPolicy>(compiled.source);
    if (policy == nullptr) continue;
    compiled.rules = PiiRules{.types = pii_.rules, .own = {}};
    if (!policy->allow.empty()) {
      if (Status done = add_allowing_detector(*policy, compiled); !done) return done;
    }
    if (!policy->own.empty()) {
      if (Status done = add_own_entities(*policy, compiled); !done) return done;
    }
  }
  return {};
}

Result<detect::DetectorMask> Snapshot::Compiler::add_to_catalog(
    std::unique_ptr<const detect::Detector> detector) {
  // The kinds' detectors, the vault's and a further one are still to come.
  constexpr std::size_t kOthers = kKindFamilyCount + 2;
  if (snapshot_.catalog_.size() + kOthers >= detect::kDetectorsMax) {
    return gateway_error("invalid_policy",
                         "too many pii policies with recognizers or allowed values");
  }
  return snapshot_.catalog_.add(std::move(detector), detect::kFoldedView);
}

Result<std::unique_ptr<const detect::Detector>> Snapshot::Compiler::allowing(
    const PiiPolicy& policy, const PiiRules& rules,
    std::unique_ptr<const detect::Detector> detector) {
  std::vector<AllowedRule> allowed;
  for (const AllowedValues& values : policy.allow) {
    const auto own = std::ranges::find(policy.own, values.entity, &OwnEntity::name);
    if (const auto type = detect::entity_type(values.entity)) {
      allowed.push_back({&values, rules.types[detect::index_of(*type)]});
    } else if (own != policy.own.end() && !rules.own.empty()) {
      allowed.push_back({&values, rules.own[static_cast<std::size_t>(own - policy.own.begin())]});
    }
  }
  if (allowed.empty()) return detector;
  return make_allowing_detector(std::move(detector), allowed);
}

Status Snapshot::Compiler::add_allowing_detector(const PiiPolicy& policy, Compiled& compiled) {
  detect::PiiOptions options{.enabled = {}, .rules = {}, .score_min = policy.score_threshold};
  bool any = false;
  for (std::size_t i = 0; i < detect::kEntityTypeCount; ++i) {
    options.enabled[i] = policy.entities[i].configured;
    if (!options.enabled[i]) continue;
    any = true;
    options.rules[i] = snapshot_.catalog_.add_rule(std::string(detect::kEntityNames[i]));
  }
  if (!any) return {};
  PiiRules rules{.types = options.rules, .own = {}};
  auto detector = allowing(policy, rules, detect::make_pii_detector(options));
  if (!detector) return std::unexpected(of_policy(policy.head, detector.error()));
  const auto bit = add_to_catalog(std::move(*detector));
  if (!bit) return std::unexpected(of_policy(policy.head, bit.error()));
  compiled.rules = std::move(rules);
  look_at(compiled, *bit);
  return {};
}

Status Snapshot::Compiler::add_own_entities(const PiiPolicy& policy, Compiled& compiled) {
  auto& rules = std::get<PiiRules>(compiled.rules);
  std::vector<OwnEntityRule> entities;
  for (const OwnEntity& entity : policy.own) {
    rules.own.push_back(snapshot_.catalog_.add_rule(entity.name));
    entities.push_back({&entity, rules.own.back()});
  }
  auto detector = make_own_entity_detector(entities, policy.score_threshold);
  if (detector) detector = allowing(policy, rules, std::move(*detector));
  if (!detector) return std::unexpected(of_policy(policy.head, detector.error()));
  const auto bit = add_to_catalog(std::move(*detector));
  if (!bit) return std::unexpected(of_policy(policy.head, bit.error()));
  look_at(compiled, *bit);
  return {};
}

// One detector looks for every type that any policy asks for; each policy picks its own hits.
void Snapshot::Compiler::add_shared_pii_detector() {
  if (!wants_pii_) return;
  for (std::size_t i = 0; i < detect::kEntityTypeCount; ++i) {
    const auto type = static_cast<detect::EntityType>(i);
    if (pii_.enabled[i]) {
      pii_.rules[i] = snapshot_.catalog_.add_rule(std::string(to_string(type)));
    }
  }
  const auto bit = snapshot_.catalog_.add(detect::make_pii_detector(pii_), detect::kFoldedView);
  for (Compiled& policy : snapshot_.policies_) {
    const auto* pii = std::get_if<PiiPolicy>(policy.source);
    if (pii != nullptr && shares_detector(*pii)) look_at(policy, bit);
    if (const auto* flow = std::get_if<FlowPolicy>(policy.source)) {
      // Values are compared where they come from, wherever else they are said, and where they go.
      for (const Point point : {Point::Prompt, Point::ToolResult, Point::ToolCall}) {
        snapshot_.masks_[static_cast<std::size_t>(point)] |= bit;
      }
      policy.detectors = bit;
      snapshot_.follows_.resize(snapshot_.catalog_.rule_count());
      for (std::size_t i = 0; i < detect::kEntityTypeCount; ++i) {
        if (flow->entities[i]) snapshot_.follows_[pii_.rules[i]] = true;
      }
    }
  }
}

// One detector per family, as above.
void Snapshot::Compiler::add_kind_detector(KindFamily family) {
  WantedKinds& wanted = kinds_[static_cast<std::size_t>(family)];
  if (wanted.kinds.empty()) return;
  const auto kinds = kinds_of(family);
  detect::KindOptions options{.rules = {}, .score_min = wanted.score_min};
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    const detect::RuleId rule = snapshot_.catalog_.add_rule(std::string(kinds[i].name));
    if (i == 0) wanted.first = rule;
    options.rules.push_back(wanted.kinds[i] ? rule : detect::KindOptions::kUnwanted);
  }
  // Not letters that only look alike: keys are no words, and for injection they are a sign.
  const auto bit = snapshot_.catalog_.add(family == KindFamily::Secrets
                                              ? detect::make_secret_detector(options)
                                              : detect::make_injection_detector(options),
                                          detect::kFoldedView);
  for (Compiled& policy : snapshot_.policies_) {
    const auto* source = std::get_if<KindsPolicy>(policy.source);
    if (source == nullptr || source->family != family) continue;
    policy.rules = KindRules(*source, wanted.first);
    if (decides_on_any(*source)) look_at(policy, bit);
  }
}

void Snapshot::Compiler::look_at(Compiled& policy, detect::DetectorMask bit) {
  using event::Part;
  policy.detectors |= bit;
  for (std::size_t i = 0; i < event::kPointCount; ++i) {
    for (const Part part : {Part::Text, Part::ToolName, Part::Arguments}) {
      if ((policy.head->on & surface_of(static_cast<Point>(i), part)) == 0) continue;
      snapshot_.masks_[i] |= bit;
    }
  }
}

Status Snapshot::Compiler::compile(Compiled& policy) {
  const auto keep = [&policy](auto compiled) -> Status {
    if (!compiled) return std::unexpected(compiled.error());
    policy.rules = std::move(*compiled);
    return {};
  };
  if (const auto* access = std::get_if<AccessPolicy>(policy.source)) {
    return keep(AccessRules::compile(*access));
  }
  if (const auto* lists = std::get_if<ListsPolicy>(policy.source)) {
    return keep(ListRules::compile(*lists));
  }
  if (const auto* limit = std::get_if<LimitPolicy>(policy.source)) {
    return compile_limit(*limit, policy);
  }
  if (const auto* content = std::get_if<ContentPolicy>(policy.source)) {
    return keep(ContentRules::compile(*content));
  }
  if (const auto* pins = std::get_if<PinPolicy>(policy.source)) policy.rules = pins;
  if (const auto* flow = std::get_if<FlowPolicy>(policy.source)) {
    return keep(FlowRules::compile(*flow, pii_.rules));
  }
  return {};
}

Status Snapshot::Compiler::compile_limit(const LimitPolicy& source, Compiled& policy) {
  using limit::Dimension;
  limit::LimitRule rule(source.head.id, static_cast<limit::Per>(source.per));
  const std::pair<Dimension, std::uint64_t> maxima[] = {
      {Dimension::RequestsPerMinute, source.requests_per_minute},
      {Dimension::RequestsPerHour, source.requests_per_hour},
      {Dimension::RequestsPerDay, source.requests_per_day},
      {Dimension::EvaluationsPerMonth, source.evaluations_per_month},
      {Dimension::TokensPerMinute, source.tokens_per_minute},
      {Dimension::TokensPerHour, source.tokens_per_hour},
      {Dimension::TokensPerDay, source.tokens_per_day},
      {Dimension::ConcurrentRequests, source.concurrent_requests},
      {Dimension::CostPerHour, source.cost_micros_per_hour},
      {Dimension::CostPerDay, source.cost_micros_per_day},
      {Dimension::CostPerMonth, source.cost_micros_per_month},
  };
  bool costs = false;
  for (const auto& [dimension, max] : maxima) {
    if (max == 0) continue;
    rule.set(dimension, max);
    costs = costs || dimension == Dimension::CostPerHour || dimension == Dimension::CostPerDay ||
            dimension == Dimension::CostPerMonth;
  }
  if (costs && snapshot_.prices_.empty()) {
    return gateway_error("invalid_policy", "a limit of cost needs a [[price]] table");
  }
  rule.overrun = source.withhold_overrun ? limit::Overrun::Withhold : limit::Overrun::Deliver;
  rule.estimate_output_tokens = source.estimate_output_tokens;
  if (source.on_store_down) {
    rule.on_store_down = static_cast<limit::OnStoreDown>(*source.on_store_down);
  }
  policy.rules = std::move(rule);
  return {};
}

Status Snapshot::Compiler::compile_prices() {
  for (const Document& document : snapshot_.documents_) {
    for (const PriceRule& price : document.prices) {
      if (auto added = snapshot_.prices_.add(price.model, {.input_micros = price.input_micros,
                                                           .output_micros = price.output_micros});
          !added) {
        return added;
      }
    }
  }
  return {};
}

Status Snapshot::Compiler::compile_keys() {
  for (const Document& document : snapshot_.documents_) {
    for (const KeyRule& source : document.keys) {
      auto key = Glob::parse(source.key);
      if (!key) return std::unexpected(key.error());
      auto agents = GlobList::compile(source.agents);
      if (!agents) return std::unexpected(agents.error());
      snapshot_.keys_.push_back({&source, std::move(*key), std::move(*agents)});
    }
  }
  return {};
}

// The strictest of all documents counts: none can loosen another.
void Snapshot::Compiler::take_defaults() {
  bool told = false;
  OnError strictest = OnError::Allow;
  for (const Document& document : snapshot_.documents_) {
    const EngineDefaults& engine = document.engine;
    if (engine.on_error) {
      told = true;
      strictest = std::min(strictest, *engine.on_error);
    }
    if (engine.deadline_ms && *engine.deadline_ms != 0) {
      snapshot_.deadline_ms_ = snapshot_.deadline_ms_ == 0
                                   ? *engine.deadline_ms
                                   : std::min(snapshot_.deadline_ms_, *engine.deadline_ms);
    }
  }
  snapshot_.on_error_ = told ? strictest : OnError::Block;
}

}  // namespace capsem::policy
