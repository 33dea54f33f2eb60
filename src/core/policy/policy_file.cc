#include "core/policy/policy_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <utility>

#include "core/detect/detector.h"
#include "core/policy/native_keys.h"
#include "core/policy/own_entity_tables.h"
#include "core/policy/policy_file_values.h"
#include "core/policy/toml_source.h"

namespace capsem::policy {
namespace {

// ---- debug.toml ----

constexpr std::array<std::string_view, 2> kDebugKeys = {"enabled", "keywords"};

void read_keywords(Reporter& report, const SourceNode& value, KeywordPolicy& policy) {
  policy.keywords.clear();
  if (value.kind != SourceNode::Kind::List || value.items.empty()) {
    report.error("E03", value.place, "'keywords' must be a list of one or more words");
    return;
  }
  for (const SourceNode& item : value.items) {
    const auto word = item.as_string();
    if (!word) {
      report.error("E03", item.place, "a keyword must be a string");
    } else if (word->empty() || word->size() >= detect::kLookAhead) {
      report.error("E03", item.place,
                   fmt::format("a keyword must have 1 to {} bytes", detect::kLookAhead - 1));
    } else {
      policy.keywords.emplace_back(*word);
    }
  }
}

// ---- pii.toml ----

constexpr std::array<std::string_view, 12> kPiiFileKeys = {"enabled",
                                                           "check_prompts",
                                                           "check_tool_args",
                                                           "check_responses",
                                                           "check_tool_responses",
                                                           "score_threshold",
                                                           "language",
                                                           "redaction",
                                                           "restore",
                                                           "entity_decisions",
                                                           "recognizer",
                                                           "allow"};

class PiiFileReader {
 public:
  PiiFileReader(Reporter& report, const SourceNode& root) : report_(report), root_(root) {}

  std::optional<Policy> read() {
    policy_.head.origin = report_.origin({});
    for (const SourceMember& member : root_.members) read_top_level(member);
    read_recognizers(report_, tables("recognizer"), policy_);
    read_allowed_values(report_, tables("allow"), policy_);
    const SourceMember* decisions = root_.member("entity_decisions");
    if (decisions == nullptr) {
      report_.error("E03", {}, "PIIPolicy config must include 'entity_decisions'");
      return std::nullopt;
    }
    const SourceNode& table = decisions->value;
    if (table.kind != SourceNode::Kind::Table) {
      report_.error("E03", table.place, "'entity_decisions' must be a table");
      return std::nullopt;
    }
    for (const SourceMember& member : table.members) read_decision(member);
    redaction_.check();
    if (!enabled_) return std::nullopt;
    if (table.members.empty() && policy_.own.empty()) {
      report_.warn("W05", table.place, "[entity_decisions] is empty: this policy checks nothing");
    }
    return policy_;
  }

 private:
  // The tables of a key, [[recognizer]]; none when it is absent.
  std::span<const SourceNode> tables(std::string_view key) {
    const SourceMember* member = root_.member(key);
    if (member == nullptr) return {};
    const auto is_table = [](const SourceNode& item) {
      return item.kind == SourceNode::Kind::Table;
    };
    if (member->value.kind == SourceNode::Kind::List &&
        std::ranges::all_of(member->value.items, is_table)) {
      return member->value.items;
    }
    report_.error("E03", member->value.place,
                  fmt::format("'{}' must be tables, each under [[{}]]", key, key));
    return {};
  }

  void read_top_level(const SourceMember& member) {
    if (member.key == "entity_decisions" || member.key == "recognizer" || member.key == "allow") {
      return;
    }
    if (member.key == "enabled") {
      enabled_ = read_bool(report_, member).value_or(true);
    } else if (!read_setting(member)) {
      report_.error(
          "E02", member.place,
          fmt::format("unknown key '{}'{}", member.key, suggestion(member.key, kPiiFileKeys)));
    }
  }

  // One key of the table. TOML files every key after the table's header in it, so settings that
  // were written below the header arrive here; the original's own example does so (R30).
  void read_decision(const SourceMember& member) {
    if (std::ranges::find(entity_words(), member.key) == entity_words().end()) {
      return read_stray_setting(member);
    }
    if (const auto verdict = read_file_verdict(report_, member)) {
      policy_.name(member.key, *verdict);
    }
  }

  void read_stray_setting(const SourceMember& member) {
    if (root_.member(member.key) != nullptr) {
      report_.error("E05", member.place,
                    fmt::format("'{}' is set twice: at the top of the file "
                                "and in [entity_decisions]",
                                member.key));
    } else if (!read_setting(member)) {
      report_.error("E03", member.place,
                    fmt::format("Unknown PII entity type: {}{}", member.key,
                                suggestion(member.key, entity_words())));
    } else {
      report_.warn("W00", member.place,
                   fmt::format("'{}' stands in [entity_decisions]; it belongs above the table's "
                               "header and was read as if it stood there",
                               member.key));
    }
  }

  // False: not one of the settings.
  bool read_setting(const SourceMember& member) {
    if (member.key == "score_threshold") {
      policy_.score_threshold = read_threshold(report_, member).value_or(policy_.score_threshold);
      return true;
    }
    if (member.key == "language") {
      read_language(member.value);
      return true;
    }
    if (redaction_.read(member)) return true;
    const Surfaces surface = surface_of_switch(member.key);
    if (surface == 0 || surface == kToolDefinition) return false;
    if (const auto on = read_bool(report_, member); on && !*on) {
      policy_.head.on = static_cast<Surfaces>(policy_.head.on & ~surface);
    }
    return true;
  }

  void read_language(const SourceNode& value) {
    const auto name = value.as_string();
    if (!name) {
      report_.error("E03", value.place, "'language' must be a string");
    } else if (*name != "en") {
      report_.warn("W00", value.place,
                   fmt::format("language '{}' is not supported; texts are read as 'en'", *name));
    }
  }

  Reporter& report_;
  const SourceNode& root_;
  PiiPolicy policy_;
  RedactionKeys redaction_{report_, policy_.head.redaction};
  bool enabled_ = true;
};

}  // namespace

std::optional<Policy> read_debug_file(Reporter& report, const SourceNode& root) {
  KeywordPolicy policy;
  policy.head.origin = report.origin({});
  bool enabled = true;
  for (const SourceMember& member : root.members) {
    if (member.key == "enabled") {
      enabled = read_bool(report, member).value_or(true);
    } else if (member.key == "keywords") {
      read_keywords(report, member.value, policy);
    } else {
      report.error(
          "E02", member.place,
          fmt::format("unknown key '{}'{}", member.key, suggestion(member.key, kDebugKeys)));
    }
  }
  if (!enabled) return std::nullopt;
  return policy;
}

std::optional<Policy> read_pii_file(Reporter& report, const SourceNode& root) {
  return PiiFileReader(report, root).read();
}

}  // namespace capsem::policy
