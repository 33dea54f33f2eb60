#include "core/policy/control_zero.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>

#include "core/policy/condition_reader.h"
#include "core/policy/native_keys.h"
#include "core/policy/rule_names.h"

namespace capsem::policy {
namespace {

constexpr std::array kSettingKeys = {
    KeyInfo{.name = "default_action", .shape = Shape::Verdict},
    KeyInfo{.name = "default_on_missing", .shape = Shape::Verdict},
    KeyInfo{.name = "default_on_empty", .shape = Shape::Verdict},
    KeyInfo{.name = "default_on_tamper", .shape = Shape::Verdict},
};

constexpr std::array kFileKeys = {
    KeyInfo{.name = "name", .shape = Shape::Name},
    KeyInfo{.name = "description"},
    KeyInfo{.name = "priority", .shape = Shape::Whole, .min = -1'000'000, .max = 1'000'000},
    KeyInfo{.name = "rules", .shape = Shape::Tables},
    KeyInfo{.name = "allow", .shape = Shape::Ignored},
    KeyInfo{.name = "deny", .shape = Shape::Ignored},
    KeyInfo{.name = "settings", .shape = Shape::Table, .members = kSettingKeys},
    KeyInfo{.name = "default_action", .shape = Shape::Verdict},
    KeyInfo{.name = "default_on_missing", .shape = Shape::Verdict},
    KeyInfo{.name = "default_on_empty", .shape = Shape::Verdict},
    KeyInfo{.name = "default_on_tamper", .shape = Shape::Verdict},
    // About the document, not of it.
    KeyInfo{.name = "id", .shape = Shape::Ignored},
    KeyInfo{.name = "version", .shape = Shape::Ignored},
    KeyInfo{.name = "metadata", .shape = Shape::Ignored},
    KeyInfo{.name = "created_at", .shape = Shape::Ignored},
    KeyInfo{.name = "updated_at", .shape = Shape::Ignored},
};

// A rule in full has `effect`; in shorthand its effect is the key and its action the value.
constexpr std::array<std::string_view, 6> kShorthand = {"allow", "deny",     "warn",
                                                        "audit", "approval", "require_approval"};
constexpr std::array kRuleKeys = {
    KeyInfo{.name = "effect", .shape = Shape::Verdict},
    KeyInfo{.name = "action", .shape = Shape::Globs},
    KeyInfo{.name = "resource", .shape = Shape::Globs},
    KeyInfo{.name = "conditions", .shape = Shape::When},
    KeyInfo{.name = "when", .shape = Shape::When},
    KeyInfo{.name = "id", .shape = Shape::Name},
    KeyInfo{.name = "name", .shape = Shape::Name},
    KeyInfo{.name = "description"},
    KeyInfo{.name = "reason"},
    KeyInfo{.name = "allow", .shape = Shape::Globs},
    KeyInfo{.name = "deny", .shape = Shape::Globs},
    KeyInfo{.name = "warn", .shape = Shape::Globs},
    KeyInfo{.name = "audit", .shape = Shape::Globs},
    KeyInfo{.name = "approval", .shape = Shape::Globs},
    KeyInfo{.name = "require_approval", .shape = Shape::Globs},
};

// Exports write null for what a rule does not have.
SourceNode without_nulls(SourceNode node) {
  std::erase_if(node.members, [](const SourceMember& member) {
    return member.value.kind == SourceNode::Kind::Null;
  });
  return node;
}

class FileReader {
 public:
  FileReader(Reporter& report, std::string_view stem, const SourceNode& root)
      : report_(report), table_(report, root, kFileKeys, "the document") {
    file_.name = clean_name(table_.has("name") ? table_.text("name") : stem);
    file_.origin = report.origin({});
  }

  ControlZeroFile read() {
    if (const auto priority = table_.whole("priority")) file_.priority = *priority;
    read_settings();
    // The order of keys means nothing in JSON and YAML, so the cautious one counts.
    read_bare("deny", Verdict::Block);
    for (const SourceNode& node : table_.tables("rules")) read_rule(node);
    read_bare("allow", Verdict::Allow);
    return std::move(file_);
  }

 private:
  void read_settings() {
    read_settings_of(table_);
    if (const SourceNode* node = table_.node("settings")) {
      const TableReader settings(report_, *node, kSettingKeys, "'settings'");
      for (const KeyInfo& key : kSettingKeys) {
        if (settings.has(key.name) && table_.has(key.name)) {
          report_.error("E05", settings.place(key.name),
                        fmt::format("'{}' is set twice: at the top and in 'settings'", key.name));
        }
      }
      read_settings_of(settings);
    }
  }

  void read_settings_of(const TableReader& table) {
    const auto setting = [&](std::string_view key) -> std::optional<ControlZeroFile::Setting> {
      const auto verdict = table.verdict(key);
      if (!verdict) return std::nullopt;
      return ControlZeroFile::Setting{*verdict, report_.origin(table.place(key))};
    };
    if (auto given = setting("default_action")) file_.default_action = given;
    if (auto given = setting("default_on_empty")) file_.default_on_empty = given;
    for (const std::string_view key : {"default_on_missing", "default_on_tamper"}) {
      const auto given = setting(key);
      if (!given || given->effect == Verdict::Block) continue;
      report_.warn("W00", table.place(key),
                   fmt::format("'{}' has no effect: the gateway does not run with a file that is "
                               "missing or cannot be read",
                               key));
    }
  }

  // `allow: [ "llm.generate", { action: ..., resource: ... } ]` at the top level.
  void read_bare(std::string_view key, Verdict effect) {
    const SourceNode* list = table_.node(key);
    if (list == nullptr) return;
    for (const SourceNode& item : items_of(*list)) {
      if (item.kind == SourceNode::Kind::Table) {
        read_rule(item, effect);
        continue;
      }
      // A string stands for a rule of one action.
      SourceNode rule;
      rule.kind = SourceNode::Kind::Table;
      rule.place = item.place;
      rule.members.push_back({"action", item.place, item});
      read_rule(rule, effect);
    }
  }

  void read_rule(const SourceNode& written, std::optional<Verdict> given = std::nullopt) {
    const SourceNode node = without_nulls(written);
    const TableReader table(report_, node, kRuleKeys, "the rule");
    if (node.kind != SourceNode::Kind::Table) return;
    AccessRule rule;
    rule.id = table.text(table.has("id") ? "id" : "name");
    if (!rule.id.empty()) rule.id = clean_name(rule.id);
    rule.origin = report_.origin(node.place);
    rule.reason = table.text("reason");
    rule.resources = table.texts("resource");
    if (rule.resources.empty()) rule.resources.emplace_back("*");
    read_effect(table, node, given, rule);
    for (const std::string_view key : {"conditions", "when"}) {
      if (const SourceNode* when = table.node(key)) {
        for (Condition& condition : read_when(report_, *when)) {
          rule.when.push_back(std::move(condition));
        }
      }
    }
    check_access_rule(report_, rule);
    names_.add(report_, file_.rules, std::move(rule));
  }

  void read_effect(const TableReader& table, const SourceNode& node, std::optional<Verdict> given,
                   AccessRule& rule) {
    int effects = (node.member("effect") != nullptr ? 1 : 0) + (given ? 1 : 0);
    std::string_view action = "action";
    for (const std::string_view word : kShorthand) {
      if (node.member(word) == nullptr) continue;
      ++effects;
      given = verdict_word(word);
      action = word;
    }
    if (effects != 1) {
      report_.error("E03", node.place,
                    effects == 0 ? "the rule needs an effect: 'effect', or 'allow', 'deny', ..."
                                 : "the rule has more than one effect");
    } else if (action != "action" && node.member("action") != nullptr) {
      report_.error("E03", table.place("action"),
                    fmt::format("'{}' already names the actions", action));
    } else if (node.member(action) == nullptr) {
      report_.error("E03", node.place, "the rule needs an 'action'");
    }
    rule.effect = given ? *given : table.verdict("effect").value_or(Verdict::Block);
    for (const ListEntry& entry : table.entries(action)) {
      // It would never match, and under "default deny" nobody would see why.
      if (entry.pattern.find('/') != std::string::npos) {
        report_.error("E03", {entry.origin.line, entry.origin.column},
                      fmt::format("'{}' is no action but a resource; actions are llm.generate, "
                                  "embedding.generate, ...",
                                  entry.pattern));
      }
      rule.actions.push_back(entry.pattern);
    }
    if (rule.actions.empty()) rule.actions.emplace_back("*");
  }

  Reporter& report_;
  const TableReader table_;
  ControlZeroFile file_;
  RuleNames names_;
};

// Names as ids: decisions read "policy/rule".
std::string id_of(std::string_view name) {
  std::string id(name);
  std::ranges::replace(id, '/', '-');
  return id;
}

// The first of the settings given; later ones that differ are warned of.
std::optional<Verdict> first_setting(
    std::span<const ControlZeroFile> files,
    std::optional<ControlZeroFile::Setting> ControlZeroFile::* which, std::string_view name,
    std::vector<Diagnostic>& diagnostics) {
  const ControlZeroFile::Setting* first = nullptr;
  for (const ControlZeroFile& file : files) {
    const auto& setting = file.*which;
    if (!setting) continue;
    if (first == nullptr) {
      first = &*setting;
    } else if (first->effect != setting->effect) {
      diagnostics.push_back({.code = "W00",
                             .origin = setting->origin,
                             .message = fmt::format("'{}' has no effect: the document that comes "
                                                    "first sets it at {}",
                                                    name, to_string(first->origin)),
                             .error = false});
    }
  }
  if (first == nullptr) return std::nullopt;
  return first->effect;
}

}  // namespace

bool is_control_zero(const SourceNode& root) {
  return root.member("rules") != nullptr || root.member("allow") != nullptr ||
         root.member("deny") != nullptr;
}

ControlZeroFile read_control_zero(Reporter& report, std::string_view stem, const SourceNode& root) {
  return FileReader(report, stem, root).read();
}

Document flatten(std::vector<ControlZeroFile> files, std::vector<Diagnostic>& diagnostics) {
  const Origin origin = files.front().origin;
  std::ranges::stable_sort(files, {}, &ControlZeroFile::priority);
  Document document;
  document.source = "controlzero";
  document.origin = origin;
  document.name = files.size() == 1 ? files.front().name : "control-zero";
  AccessPolicy policy;
  policy.head.id = id_of(document.name);
  policy.head.name = document.name;
  policy.head.origin = origin;
  const auto action =
      first_setting(files, &ControlZeroFile::default_action, "default_action", diagnostics);
  const auto on_empty =
      first_setting(files, &ControlZeroFile::default_on_empty, "default_on_empty", diagnostics);
  std::unordered_map<std::string, Origin> names;
  for (ControlZeroFile& file : files) {
    if (const auto [first, fresh] = names.try_emplace(id_of(file.name), file.origin); !fresh) {
      diagnostics.push_back({.code = "E05",
                             .origin = file.origin,
                             .message = fmt::format("a second document '{}'; the first is {}",
                                                    file.name, first->second.file)});
    }
    for (AccessRule& rule : file.rules) {
      // Ids are unique within a file only.
      if (files.size() > 1) rule.id = id_of(file.name) + "." + rule.id;
      policy.rules.push_back(std::move(rule));
    }
  }
  policy.default_effect =
      policy.rules.empty() ? on_empty.value_or(Verdict::Monitor) : action.value_or(Verdict::Block);
  document.policies.emplace_back(std::move(policy));
  return document;
}

}  // namespace capsem::policy
