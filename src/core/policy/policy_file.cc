#include "core/policy/policy_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace capsem::policy {
namespace {

Result<bool> read_bool(const TomlSource& file, std::string_view key, const toml::node& value) {
  if (const auto* boolean = value.as_boolean()) return boolean->get();
  return file.error_at(value.source(), fmt::format("'{}' must be true or false", key));
}

// ---- debug.toml ----

constexpr std::array<std::string_view, 2> kDebugKeys = {"enabled", "keywords"};

Result<std::vector<std::string>> read_keywords(const TomlSource& file, const toml::node& value) {
  const toml::array* list = value.as_array();
  if (list == nullptr || list->empty()) {
    return file.error_at(value.source(), "'keywords' must be a list of one or more words");
  }
  std::vector<std::string> keywords;
  for (const toml::node& item : *list) {
    const auto* word = item.as_string();
    if (word == nullptr) return file.error_at(item.source(), "a keyword must be a string");
    if (word->get().empty() || word->get().size() >= detect::kLookAhead) {
      return file.error_at(
          item.source(), fmt::format("a keyword must have 1 to {} bytes", detect::kLookAhead - 1));
    }
    keywords.push_back(word->get());
  }
  return keywords;
}

// ---- pii.toml ----

constexpr std::array<std::string_view, 8> kPiiKeys = {
    "enabled",         "check_prompts",        "check_tool_args",
    "check_responses", "check_tool_responses", "score_threshold",
    "language",        "entity_decisions"};

constexpr std::array<std::string_view, 6> kVerdictNames = {"ALLOW",  "LOG",     "CLARIFY",
                                                           "REPLAN", "CONFIRM", "BLOCK"};

std::array<std::string_view, detect::kEntityTypeCount> entity_names() {
  std::array<std::string_view, detect::kEntityTypeCount> names;
  for (std::size_t i = 0; i < names.size(); ++i) {
    names[i] = detect::to_string(static_cast<detect::EntityType>(i));
  }
  return names;
}

class PiiFileReader {
 public:
  PiiFileReader(const TomlSource& file, std::vector<std::string>& warnings)
      : file_(file), warnings_(warnings) {}

  Result<std::optional<Policy>> read() {
    for (const auto& [key, value] : file_.root()) {
      if (auto ok = read_top_level(key, value); !ok) return std::unexpected(ok.error());
    }
    const toml::node* decisions = file_.root().get("entity_decisions");
    if (decisions == nullptr) {
      return file_.error_at({}, "PIIPolicy config must include 'entity_decisions'");
    }
    const toml::table* table = decisions->as_table();
    if (table == nullptr) {
      return file_.error_at(decisions->source(), "'entity_decisions' must be a table");
    }
    for (const auto& [key, value] : *table) {
      if (auto ok = read_decision(key, value); !ok) return std::unexpected(ok.error());
    }
    if (!enabled_) return std::optional<Policy>();
    if (table->empty()) {
      warn(decisions->source(), "[entity_decisions] is empty: this policy checks nothing");
    }
    policy_.head.on =
        static_cast<Surfaces>((prompts_ ? kPrompt : 0) | (tool_args_ ? kToolArgs : 0) |
                              (responses_ ? kResponse : 0) | (tool_responses_ ? kToolResult : 0));
    return std::optional<Policy>(std::move(policy_));
  }

 private:
  Status read_top_level(const toml::key& key, const toml::node& value) {
    if (key == "entity_decisions") return {};
    if (key == "enabled") {
      const auto enabled = read_bool(file_, key, value);
      if (!enabled) return std::unexpected(enabled.error());
      enabled_ = *enabled;
      return {};
    }
    const auto known = read_setting(key, value);
    if (!known) return std::unexpected(known.error());
    if (*known) return {};
    return file_.error_at(key.source(), fmt::format("unknown key '{}'{}", key.str(),
                                                    suggestion(key.str(), kPiiKeys)));
  }

  // One key of the table. TOML files every key after the table's header in it, so settings that
  // were written below the header arrive here; the original's own example does so (R30).
  Status read_decision(const toml::key& key, const toml::node& value) {
    const auto type = detect::entity_type(key.str());
    if (!type) return read_stray_setting(key, value);
    const auto* name = value.as_string();
    if (name == nullptr) {
      return file_.error_at(value.source(),
                            fmt::format("the verdict of {} must be a string", key.str()));
    }
    const auto verdict = verdict_from(name->get());
    if (!verdict) {
      return file_.error_at(value.source(), fmt::format("Unknown verdict: {}{}", name->get(),
                                                        suggestion(name->get(), kVerdictNames)));
    }
    if (*verdict == Verdict::Clarify || *verdict == Verdict::Replan) {
      warn(value.source(),
           fmt::format("{} is recorded like LOG and has no other effect", to_string(*verdict)));
    }
    policy_.entities[static_cast<std::size_t>(*type)] = {.configured = true, .verdict = *verdict};
    return {};
  }

  Status read_stray_setting(const toml::key& key, const toml::node& value) {
    if (file_.root().contains(key.str())) {
      return file_.error_at(key.source(), fmt::format("'{}' is set twice: at the top of the file "
                                                      "and in [entity_decisions]",
                                                      key.str()));
    }
    const auto known = read_setting(key, value);
    if (!known) return std::unexpected(known.error());
    if (!*known) {
      return file_.error_at(key.source(), fmt::format("Unknown PII entity type: {}{}", key.str(),
                                                      suggestion(key.str(), entity_names())));
    }
    warn(key.source(), fmt::format("'{}' stands in [entity_decisions]; it belongs above the "
                                   "table's header and was read as if it stood there",
                                   key.str()));
    return {};
  }

  // False: not one of the settings.
  Result<bool> read_setting(const toml::key& key, const toml::node& value) {
    if (key == "score_threshold") return read_threshold(value);
    if (key == "language") return read_language(value);
    bool* flag = flag_named(key.str());
    if (flag == nullptr) return false;
    const auto on = read_bool(file_, key, value);
    if (!on) return std::unexpected(on.error());
    *flag = *on;
    return true;
  }

  bool* flag_named(std::string_view name) {
    if (name == "check_prompts") return &prompts_;
    if (name == "check_tool_args") return &tool_args_;
    if (name == "check_responses") return &responses_;
    if (name == "check_tool_responses") return &tool_responses_;
    return nullptr;
  }

  Result<bool> read_threshold(const toml::node& value) {
    const auto number = value.is_number() ? value.value<double>() : std::nullopt;
    if (!number || !(*number >= 0 && *number <= 1)) {
      return file_.error_at(value.source(), "'score_threshold' must be a number from 0 to 1");
    }
    policy_.score_threshold = static_cast<float>(*number);
    return true;
  }

  Result<bool> read_language(const toml::node& value) {
    const auto* name = value.as_string();
    if (name == nullptr) return file_.error_at(value.source(), "'language' must be a string");
    if (name->get() != "en") {
      warn(value.source(),
           fmt::format("language '{}' is not supported; texts are read as 'en'", name->get()));
    }
    return true;
  }

  void warn(const toml::source_region& where, std::string_view what) {
    warnings_.push_back(file_.message_at(where, what));
  }

  const TomlSource& file_;
  std::vector<std::string>& warnings_;
  PiiPolicy policy_;
  bool enabled_ = true;
  bool prompts_ = true, tool_args_ = true, responses_ = true, tool_responses_ = true;
};

}  // namespace

Result<std::optional<Policy>> read_debug_file(const TomlSource& file,
                                              std::vector<std::string>& /*warnings*/) {
  KeywordPolicy policy;
  bool enabled = true;
  for (const auto& [key, value] : file.root()) {
    if (key == "enabled") {
      const auto on = read_bool(file, key, value);
      if (!on) return std::unexpected(on.error());
      enabled = *on;
    } else if (key == "keywords") {
      auto keywords = read_keywords(file, value);
      if (!keywords) return std::unexpected(keywords.error());
      policy.keywords = std::move(*keywords);
    } else {
      return file.error_at(key.source(), fmt::format("unknown key '{}'{}", key.str(),
                                                     suggestion(key.str(), kDebugKeys)));
    }
  }
  if (!enabled) return std::optional<Policy>();
  return std::optional<Policy>(std::move(policy));
}

Result<std::optional<Policy>> read_pii_file(const TomlSource& file,
                                            std::vector<std::string>& warnings) {
  return PiiFileReader(file, warnings).read();
}

}  // namespace capsem::policy
