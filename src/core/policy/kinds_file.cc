// secrets.toml and injection.toml.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "core/policy/kind_rules.h"
#include "core/policy/policy_file.h"
#include "core/policy/policy_file_values.h"
#include "core/policy/toml_source.h"

namespace capsem::policy {
namespace {

constexpr std::array<std::string_view, 10> kKindsFileKeys = {
    "enabled",         "check_prompts",        "check_tool_definitions", "check_tool_args",
    "check_responses", "check_tool_responses", "score_threshold",        "redaction",
    "restore",         "kind_decisions"};

class KindsFileReader {
 public:
  KindsFileReader(Reporter& report, const SourceNode& root, KindsPolicy policy)
      : report_(report), root_(root), policy_(std::move(policy)) {}

  std::optional<Policy> read() {
    policy_.head.origin = report_.origin({});
    for (const SourceMember& member : root_.members) read_top_level(member);
    const SourceMember* decisions = root_.member("kind_decisions");
    if (decisions == nullptr) {
      report_.error("E03", {}, "the file must include a table 'kind_decisions'");
      return std::nullopt;
    }
    const SourceNode& table = decisions->value;
    if (table.kind != SourceNode::Kind::Table) {
      report_.error("E03", table.place, "'kind_decisions' must be a table");
      return std::nullopt;
    }
    for (const SourceMember& member : table.members) read_decision(member);
    redaction_.check();
    if (!enabled_) return std::nullopt;
    if (table.members.empty()) {
      report_.warn("W05", table.place, "[kind_decisions] is empty: this policy checks nothing");
    }
    return policy_;
  }

 private:
  void read_top_level(const SourceMember& member) {
    if (member.key == "kind_decisions") return;
    if (member.key == "enabled") {
      enabled_ = read_bool(report_, member).value_or(true);
    } else if (!read_setting(member)) {
      report_.error(
          "E02", member.place,
          fmt::format("unknown key '{}'{}", member.key, suggestion(member.key, kKindsFileKeys)));
    }
  }

  // A setting below the table's header is TOML's trap, as in pii.toml (R30): it is told apart.
  void read_decision(const SourceMember& member) {
    const auto words = kind_words(policy_.family);
    if (std::ranges::find(words, member.key) != words.end()) {
      if (const auto verdict = read_file_verdict(report_, member)) {
        policy_.name(member.key, *verdict);
      }
    } else if (std::ranges::find(kKindsFileKeys, member.key) != kKindsFileKeys.end()) {
      report_.error("E03", member.place,
                    fmt::format("'{}' stands in [kind_decisions]; it belongs above the table's "
                                "header",
                                member.key));
    } else {
      report_.error("E03", member.place,
                    fmt::format("Unknown {}: {}{}", noun_of(policy_.family), member.key,
                                suggestion(member.key, words)));
    }
  }

  // False: not one of the settings.
  bool read_setting(const SourceMember& member) {
    if (member.key == "score_threshold") {
      policy_.threshold = read_threshold(report_, member).value_or(policy_.threshold);
      return true;
    }
    if (redaction_.read(member)) return true;
    const Surfaces surface = surface_of_switch(member.key);
    if (surface == 0) return false;
    if (const auto on = read_bool(report_, member); on && !*on) {
      policy_.head.on = static_cast<Surfaces>(policy_.head.on & ~surface);
    }
    return true;
  }

  Reporter& report_;
  const SourceNode& root_;
  KindsPolicy policy_;
  RedactionKeys redaction_{report_, policy_.head.redaction};
  bool enabled_ = true;
};

}  // namespace

std::optional<Policy> read_secrets_file(Reporter& report, const SourceNode& root) {
  return KindsFileReader(report, root, secrets_policy()).read();
}

std::optional<Policy> read_injection_file(Reporter& report, const SourceNode& root) {
  return KindsFileReader(report, root, injection_policy()).read();
}

}  // namespace capsem::policy
