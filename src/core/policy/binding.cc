#include "core/policy/binding.h"

#include <algorithm>
#include <utility>

namespace capsem::policy {

Result<GlobList> GlobList::compile(std::span<const std::string> patterns) {
  GlobList list;
  for (const std::string& pattern : patterns) {
    auto glob = Glob::parse(pattern);
    if (!glob) return std::unexpected(glob.error());
    list.globs_.push_back(std::move(*glob));
  }
  return list;
}

bool GlobList::any_matches(std::string_view text) const {
  return std::ranges::any_of(globs_, [text](const Glob& glob) { return glob.matches(text); });
}

Result<BoundTo> BoundTo::compile(const Binding& binding) {
  BoundTo bound;
  const std::pair<const std::vector<std::string>*, GlobList*> lists[] = {
      {&binding.agents, &bound.agents_},
      {&binding.keys, &bound.keys_},
      {&binding.integrations, &bound.integrations_},
      {&binding.models, &bound.models_},
  };
  for (const auto& [patterns, list] : lists) {
    auto compiled = GlobList::compile(*patterns);
    if (!compiled) return std::unexpected(compiled.error());
    *list = std::move(*compiled);
    if (list != &bound.integrations_) bound.everybody_ = bound.everybody_ && list->empty();
  }
  return bound;
}

namespace {

bool admits(const GlobList& list, std::string_view name) {
  return list.empty() || (!name.empty() && list.any_matches(name));
}

}  // namespace

bool BoundTo::applies(const Subject& subject) const {
  return applies_here(subject) && (admits(integrations_, subject.integration) ||
                                   admits(integrations_, subject.integration_id));
}

bool BoundTo::applies_here(const Subject& subject) const {
  return everybody_ || (admits(agents_, subject.agent) && admits(keys_, subject.key) &&
                        admits(models_, subject.model));
}

}  // namespace capsem::policy
