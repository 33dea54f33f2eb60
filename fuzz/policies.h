// The policies of the shipped configuration, every entity type on, and rules about tools by name
// and by argument: what detector and engine targets judge by.
#pragma once

#include <memory>

#include "core/policy/snapshot.h"
#include "fuzz/support.h"

namespace capsem::fuzz {

inline const std::shared_ptr<const policy::Snapshot>& all_policies() {
  static const auto snapshot = [] {
    policy::PiiPolicy pii;
    for (auto& entity : pii.entities) entity = {true, policy::Verdict::Block};
    policy::ListsPolicy lists;
    lists.head.id = lists.head.name = "lists";
    lists.tools.emplace();
    lists.tools->deny.push_back({.pattern = "danger*", .origin = {}});
    policy::AccessPolicy access;
    access.head.id = access.head.name = "access";
    access.default_effect = policy::Verdict::Allow;
    policy::AccessRule rule;
    rule.id = "secrets";
    rule.actions = {"tool.call"};
    rule.resources = {"tool/read*"};
    rule.when.push_back({.field = policy::Field::ToolArg,
                         .path = "path",
                         .op = policy::Op::Glob,
                         .values = {"/etc/*"},
                         .origin = {}});
    access.rules.push_back(std::move(rule));
    auto frozen =
        policy::Snapshot::freeze({policy::KeywordPolicy{}, pii, lists, access}, "sha256:fuzz");
    check(frozen.has_value(), "the policies compile");
    return *frozen;
  }();
  return snapshot;
}

}  // namespace capsem::fuzz
