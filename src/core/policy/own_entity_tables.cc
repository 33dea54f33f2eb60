#include "core/policy/own_entity_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "core/detect/chars.h"
#include "core/policy/native_keys.h"
#include "core/policy/own_entities.h"
#include "core/policy/pattern.h"
#include "core/policy/toml_source.h"

namespace capsem::policy {
namespace {

bool is_entity_name(std::string_view name) {
  return name.size() <= 64 && std::ranges::all_of(name, [](char c) {
           return detect::is_alnum(c) || c == '_' || c == '-';
         });
}

const OwnEntity* own_named(const PiiPolicy& policy, std::string_view name) {
  const auto found = std::ranges::find(policy.own, name, &OwnEntity::name);
  return found == policy.own.end() ? nullptr : &*found;
}

// Whether an entity may be called so; reported if not.
bool name_is_free(Reporter& report, const PiiPolicy& policy, const OwnEntity& entity, Place place) {
  if (!is_entity_name(entity.name)) {
    report.error("E03", place,
                 "a recognizer's name has up to 64 letters, digits, '_' and '-' and no others");
  } else if (detect::entity_type(entity.name)) {
    report.error("E05", place, fmt::format("{} is a type that is there already", entity.name));
  } else if (own_named(policy, entity.name) != nullptr) {
    report.error("E05", place, fmt::format("two recognizers are named {}", entity.name));
  } else {
    return true;
  }
  return false;
}

// The key that an error of check_own_entity() begins with.
std::string_view key_of(std::string_view detail) {
  return detail.substr(0, std::min(detail.find(':'), detail.size()));
}

std::optional<OwnEntity> read_recognizer(Reporter& report, const SourceNode& node) {
  const TableReader table(report, node, kRecognizerKeys, "the recognizer");
  OwnEntity entity{.name = table.text("name"),
                   .origin = report.origin(node.place),
                   .action = table.verdict("action").value_or(Verdict::Block),
                   .patterns = table.texts("pattern"),
                   .words = table.texts("words"),
                   .context = table.texts("context"),
                   .checksum = table.text("checksum")};
  if (const auto share = table.share("score")) entity.score = static_cast<float>(*share);
  if (entity.name.empty()) return std::nullopt;  // reported
  if (entity.patterns.empty() && entity.words.empty()) {
    if (table.has("pattern") || table.has("words") || node.member("pattern") == nullptr) {
      report.error("E03", node.place,
                   fmt::format("recognizer {} has no pattern and no words", entity.name));
    }
    return std::nullopt;
  }
  if (entity.patterns.size() > kPatternsMax) {
    report.error("E04", table.place("pattern"),
                 fmt::format("recognizer {}: at most {} patterns", entity.name, kPatternsMax));
    return std::nullopt;
  }
  if (const Status checked = check_own_entity(entity); !checked) {
    const std::string& detail = checked.error().detail;
    report.error("E04", table.place(key_of(detail)),
                 fmt::format("recognizer {}: {}", entity.name, detail));
    return std::nullopt;
  }
  return entity;
}

bool patterns_compile(Reporter& report, const TableReader& table, const AllowedValues& allowed) {
  if (allowed.patterns.size() > kPatternsMax) {
    report.error("E04", table.place("pattern"),
                 fmt::format("allow {}: at most {} patterns", allowed.entity, kPatternsMax));
    return false;
  }
  for (const std::string& text : allowed.patterns) {
    const auto pattern = Pattern::compile(text);
    if (pattern) continue;
    report.error("E04", table.place("pattern"),
                 fmt::format("allow {}: pattern: {}", allowed.entity, pattern.error().detail));
    return false;
  }
  return true;
}

}  // namespace

void read_recognizers(Reporter& report, std::span<const SourceNode> tables, PiiPolicy& policy) {
  if (tables.size() > kRecognizersMax) {
    report.error("E03", tables[kRecognizersMax].place,
                 fmt::format("at most {} recognizers", kRecognizersMax));
    return;
  }
  for (const SourceNode& node : tables) {
    auto entity = read_recognizer(report, node);
    if (!entity) continue;
    if (!name_is_free(report, policy, *entity, node.member("name")->value.place)) continue;
    policy.own.push_back(std::move(*entity));
  }
}

void read_allowed_values(Reporter& report, std::span<const SourceNode> tables, PiiPolicy& policy) {
  for (const SourceNode& node : tables) {
    const TableReader table(report, node, kAllowKeys, "the list of allowed values");
    AllowedValues allowed{.entity = table.text("entity"),
                          .origin = report.origin(node.place),
                          .values = table.texts("values"),
                          .patterns = table.texts("pattern")};
    if (allowed.entity.empty()) continue;  // reported
    if (!detect::entity_type(allowed.entity) && own_named(policy, allowed.entity) == nullptr) {
      report.error("E03", table.place("entity"),
                   fmt::format("Unknown PII entity type: {}{}", allowed.entity,
                               suggestion(allowed.entity, kEntityWords)));
    } else if (patterns_compile(report, table, allowed)) {
      policy.allow.push_back(std::move(allowed));
    }
  }
}

}  // namespace capsem::policy
