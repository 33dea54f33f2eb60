#include "core/policy/list_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/policy/hosts.h"
#include "core/policy/judge.h"

namespace capsem::policy {
namespace {

const ListEntry* matching_host(const std::vector<ListEntry>& entries, std::string_view host) {
  const auto found = std::ranges::find_if(
      entries, [host](const ListEntry& entry) { return host_matches(entry.pattern, host); });
  return found == entries.end() ? nullptr : &*found;
}

}  // namespace

Status ListRules::compile(const NameLists& lists, Names& names) {
  names.source = &lists;
  const auto fill = [](const std::vector<ListEntry>& entries, PatternIndex& index) -> Status {
    for (std::uint32_t i = 0; i < entries.size(); ++i) {
      if (auto added = index.add(entries[i].pattern, i); !added) return added;
    }
    return {};
  };
  if (auto done = fill(lists.allow, names.allow); !done) return done;
  return fill(lists.deny, names.deny);
}

Result<ListRules> ListRules::compile(const ListsPolicy& policy) {
  ListRules rules;
  rules.policy_ = &policy;
  if (policy.models) {
    if (auto done = compile(*policy.models, rules.models_); !done) {
      return std::unexpected(done.error());
    }
  }
  if (policy.tools) {
    if (auto done = compile(*policy.tools, rules.tools_); !done) {
      return std::unexpected(done.error());
    }
  }
  return rules;
}

std::optional<ListRefusal> ListRules::judge_model(std::string_view model) const {
  if (!policy_->models) return std::nullopt;
  const std::string text =
      fmt::format("Model {} is not allowed", model.empty() ? "(none)" : shown_name(model));
  if (const auto i = models_.deny.first_match(model); i != PatternIndex::kNone) {
    const ListEntry& entry = models_.source->deny[i];
    return ListRefusal{"model_blocked", text, to_string(entry.origin),
                       "denied by " + entry.pattern};
  }
  // A request that names no model (a stored prompt does) may mean one that is denied.
  const bool unknown = model.empty() && !models_.deny.empty();
  if (!unknown &&
      (models_.allow.empty() || models_.allow.first_match(model) != PatternIndex::kNone)) {
    return std::nullopt;
  }
  return ListRefusal{"model_blocked", text, to_string(policy_->head.origin),
                     unknown ? "the request names no model" : "in no entry of the allow list"};
}

std::optional<ListRefusal> ListRules::judge_tool(std::string_view tool) const {
  if (!policy_->tools) return std::nullopt;
  if (const auto i = tools_.deny.first_match(tool); i != PatternIndex::kNone) {
    const ListEntry& entry = tools_.source->deny[i];
    return ListRefusal{"tool.blocked", fmt::format("Tool {} is blocked", shown_name(tool)),
                       to_string(entry.origin), "denied by " + entry.pattern};
  }
  if (tools_.allow.empty() || tools_.allow.first_match(tool) != PatternIndex::kNone) {
    return std::nullopt;
  }
  return ListRefusal{"tool.not_allowed",
                     fmt::format("Tool {} is not in the allowlist", shown_name(tool)),
                     to_string(policy_->head.origin), "in no entry of the allow list"};
}

std::optional<ListRefusal> ListRules::judge_host(std::string_view host, bool tls) const {
  if (!policy_->network) return std::nullopt;
  const NetworkLists& network = *policy_->network;
  const std::string at = to_string(network.origin);
  if (!network.configured) {
    return ListRefusal{"network.missing", "Network permissions not configured", at, "no section"};
  }
  if (!network.enabled) {
    return ListRefusal{"network.disabled", "Network access is disabled", at, "enabled = false"};
  }
  if (network.require_tls && !tls) {
    return ListRefusal{"network.tls_required", "TLS is required for network requests", at,
                       "require_tls"};
  }
  const std::string_view shown = host.empty() ? "(none)" : shown_name(host);
  if (const ListEntry* entry = matching_host(network.hosts.deny, host)) {
    return ListRefusal{"network.blocked", fmt::format("Domain {} is blocked by policy", shown),
                       to_string(entry->origin), "denied by " + entry->pattern};
  }
  if (network.hosts.allow.empty() || matching_host(network.hosts.allow, host) != nullptr) {
    return std::nullopt;
  }
  return ListRefusal{"network.not_allowed", fmt::format("Domain {} is not in the allowlist", shown),
                     at, "in no entry of the allow list"};
}

std::optional<ListRefusal> ListRules::judge_arguments(Arguments& arguments) const {
  if (!policy_->network) return std::nullopt;
  std::optional<ListRefusal> refusal;
  arguments.each_string([&](std::string_view text) {
    for (const UrlHost& url : hosts_in(text)) {
      if (!refusal) refusal = judge_host(url.host, url.tls);
    }
  });
  return refusal;
}

}  // namespace capsem::policy
