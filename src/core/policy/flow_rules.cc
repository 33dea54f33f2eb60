#include "core/policy/flow_rules.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "core/policy/hosts.h"

namespace capsem::policy {

void Tainted::learn(std::vector<Sighting> sightings) {
  std::ranges::sort(sightings, {}, [](const Sighting& s) { return std::tuple(s.value, s.place); });
  for (std::size_t i = 0; i < sightings.size(); ++i) {
    const Sighting& first = sightings[i];
    const bool earlier = i > 0 && sightings[i - 1].value == first.value;
    if (earlier || first.value == 0 || first.point != event::Point::ToolResult) continue;
    values_.push_back({first.value, first.place});
  }
}

bool Tainted::holds(std::uint64_t value, std::uint32_t place) const {
  const auto found = std::ranges::lower_bound(values_, value, {}, &Value::value);
  return found != values_.end() && found->value == value && found->place < place;
}

Result<FlowRules> FlowRules::compile(const FlowPolicy& policy, const EntityRules& rules) {
  FlowRules flow;
  flow.policy_ = &policy;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (policy.entities[i]) flow.rules_.push_back(rules[i]);
  }
  std::vector<std::string> tools;
  for (const ListEntry& entry : policy.tools_allow) tools.push_back(entry.pattern);
  auto globs = GlobList::compile(tools);
  if (!globs) return std::unexpected(globs.error());
  flow.tools_ = std::move(*globs);
  return flow;
}

bool FlowRules::follows(detect::RuleId rule) const {
  return std::ranges::find(rules_, rule) != rules_.end();
}

const Hit* FlowRules::violated(const Unit& call, const Tainted& tainted,
                               Arguments* arguments) const {
  if (tainted.empty() || call.hits.empty()) return nullptr;
  if (!call.tool_name.empty() && tools_.any_matches(call.tool_name)) return nullptr;
  const bool answered = call.phase == event::Phase::Response;
  const auto found = std::ranges::find_if(call.hits, [&](const Hit& hit) {
    return hit.value != 0 && follows(hit.rule) &&
           tainted.holds(hit.value, answered ? ~std::uint32_t{0} : hit.place);
  });
  if (found == call.hits.end()) return nullptr;
  if (policy_->hosts_allow.empty()) return &*found;
  if (arguments == nullptr) return nullptr;
  // Only where every URL of the call leads to a host of the list, and at least one does.
  bool any = false, all = true;
  arguments->each_string([&](std::string_view text) {
    for (const UrlHost& url : hosts_in(text)) {
      any = true;
      all = all && std::ranges::any_of(policy_->hosts_allow, [&url](const ListEntry& entry) {
              return host_matches(entry.pattern, url.host);
            });
    }
  });
  return any && all ? nullptr : &*found;
}

}  // namespace capsem::policy
