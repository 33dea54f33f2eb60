// Short ways to write policies down, for tests of policy/.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "core/policy/ir.h"

namespace capsem::policy::test {

inline Condition when(Field field, Op op, std::vector<std::string> values, bool negated = false) {
  return {.field = field,
          .path = {},
          .op = op,
          .negated = negated,
          .values = std::move(values),
          .origin = {"p.toml", 9, 5}};
}

inline Condition when_arg(std::string path, Op op, std::vector<std::string> values,
                          bool negated = false) {
  Condition condition = when(Field::ToolArg, op, std::move(values), negated);
  condition.path = std::move(path);
  return condition;
}

inline AccessRule rule(std::string id, Verdict effect, std::vector<std::string> actions,
                       std::vector<std::string> resources, std::vector<Condition> conditions = {}) {
  AccessRule made;
  made.id = std::move(id);
  made.origin = {"p.toml", 3, 1};
  made.effect = effect;
  made.actions = std::move(actions);
  made.resources = std::move(resources);
  made.when = std::move(conditions);
  return made;
}

inline Head head(std::string name) {
  Head made;
  made.id = made.name = std::move(name);
  made.origin = {"p.toml", 1, 1};
  return made;
}

inline AccessPolicy access(std::vector<AccessRule> rules, Verdict fallback = Verdict::Block,
                           Match match = Match::First) {
  AccessPolicy policy;
  policy.head = head("access");
  policy.match = match;
  policy.default_effect = fallback;
  policy.rules = std::move(rules);
  return policy;
}

inline NameLists names(std::initializer_list<const char*> allow,
                       std::initializer_list<const char*> deny) {
  NameLists lists;
  for (const char* pattern : allow) lists.allow.push_back({pattern, {"p.toml", 5, 2}});
  for (const char* pattern : deny) lists.deny.push_back({pattern, {"p.toml", 6, 2}});
  return lists;
}

inline ContentRule content_rule(std::string id, std::vector<Condition> all) {
  ContentRule made;
  made.id = std::move(id);
  made.origin = {"p.toml", 7, 1};
  made.all = std::move(all);
  return made;
}

inline ContentPolicy content(std::vector<ContentRule> rules, Verdict action = Verdict::Block) {
  ContentPolicy policy;
  policy.head = head("content");
  policy.action = action;
  policy.rules = std::move(rules);
  return policy;
}

inline PiiPolicy pii(std::initializer_list<std::pair<detect::EntityType, Verdict>> entities) {
  PiiPolicy policy;
  for (const auto& [type, verdict] : entities) {
    policy.entities[static_cast<std::size_t>(type)] = {.configured = true, .verdict = verdict};
  }
  return policy;
}

}  // namespace capsem::policy::test
