#include "core/policy/convert.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

#include "core/policy/condition.h"
#include "core/policy/native_keys.h"

namespace capsem::policy {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7F) {
      out += fmt::format("\\u{:04X}", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string quoted_list(std::span<const std::string> texts) {
  std::string out = "[";
  for (const std::string& text : texts) out += (out.size() > 1 ? ", " : "") + quoted(text);
  return out + "]";
}

// One pattern needs no list.
std::string one_or_list(std::span<const std::string> texts) {
  return texts.size() == 1 ? quoted(texts.front()) : quoted_list(texts);
}

std::vector<std::string> patterns(std::span<const ListEntry> entries) {
  std::vector<std::string> out;
  for (const ListEntry& entry : entries) out.push_back(entry.pattern);
  return out;
}

std::string word_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::Allow:
      return quoted("allow");
    case Verdict::Monitor:
      return quoted("monitor");
    case Verdict::Log:
      return quoted("log");
    case Verdict::Clarify:
      return quoted("clarify");
    case Verdict::Replan:
      return quoted("replan");
    case Verdict::Redact:
      return quoted("redact");
    case Verdict::Confirm:
      return quoted("approval");
    case Verdict::Block:
      break;
  }
  return quoted("block");
}

// In access rules a block is called as it is elsewhere: deny.
std::string effect_of(Verdict verdict) {
  return verdict == Verdict::Block ? quoted("deny") : word_of(verdict);
}

template <class Enum, std::size_t N>
std::string word_at(const std::array<std::string_view, N>& words, Enum value) {
  return quoted(words[static_cast<std::size_t>(value)]);
}

// The members of an inline table, as they come.
class InlineTable {
 public:
  void add(std::string_view key, std::string_view value) {
    text_ += fmt::format("{}{} = {}", text_.empty() ? " " : ", ", key, value);
  }
  void add_list(std::string_view key, std::span<const std::string> texts) {
    if (!texts.empty()) add(key, quoted_list(texts));
  }
  bool empty() const { return text_.empty(); }
  std::string text() const { return text_.empty() ? "{}" : "{" + text_ + " }"; }

 private:
  std::string text_;
};

class Writer {
 public:
  std::string write(const Document& document) {
    line("schema", "1");
    if (!document.name.empty()) line("name", quoted(document.name));
    if (document.priority != Document{}.priority) {
      line("priority", fmt::format("{}", document.priority));
    }
    write_engine(document.engine);
    for (const Policy& policy : document.policies) {
      header("[[policy]]");
      write_head(policy);
      std::visit([this](const auto& p) { write_own(p); }, policy);
    }
    for (const PriceRule& price : document.prices) write_price(price);
    for (const KeyRule& key : document.keys) write_key(key);
    for (const PolicyTest& test : document.tests) write_test(test);
    return std::move(out_);
  }

 private:
  void line(std::string_view key, std::string_view value) {
    fmt::format_to(std::back_inserter(out_), "{}{} = {}\n", indent_, key, value);
  }
  void text(std::string_view key, std::string_view value) {
    if (!value.empty()) line(key, quoted(value));
  }
  void header(std::string_view name) {
    fmt::format_to(std::back_inserter(out_), "\n{}\n", name);
    indent_ = "";
  }
  void rule_header() { table_header("rule"); }
  void table_header(std::string_view name) {
    fmt::format_to(std::back_inserter(out_), "\n  [[policy.{}]]\n", name);
    indent_ = "  ";
  }

  void write_engine(const EngineDefaults& engine) {
    if (!engine.on_error && !engine.deadline_ms && !engine.approval_ttl_s && !engine.error_format) {
      return;
    }
    header("[engine]");
    if (engine.on_error) line("on_error", word_at(kOnErrorWords, *engine.on_error));
    if (engine.deadline_ms) line("deadline_ms", fmt::format("{}", *engine.deadline_ms));
    if (engine.approval_ttl_s) line("approval_ttl_s", fmt::format("{}", *engine.approval_ttl_s));
    if (engine.error_format) line("error_format", quoted(*engine.error_format));
  }

  // ---- What all policies have in common ----

  void write_head(const Policy& policy) {
    const Head& head = head_of(policy);
    const auto type = std::ranges::find(kPolicyTypes, type_of(policy), &PolicyType::name);
    line("id", quoted(head.id));
    if (head.name != head.id) text("name", head.name);
    line("type", quoted(type->name));
    write_binding(head.bind);
    if (head.mode != Mode::Enforce) line("mode", word_at(kModeWords, head.mode));
    text("since", head.since);
    if (head.state != Lifecycle::Active) line("state", word_at(kStateWords, head.state));
    if (head.enforcement) line("enforcement", word_of(*head.enforcement));
    const bool content = std::holds_alternative<ContentPolicy>(policy);
    if (type->output && head.output != (content ? Output::Log : Output::Block)) {
      line("output", word_at(kOutputWords, head.output));
    }
    if (type->looks) {
      line("on", surfaces(head.on));
      if (head.scope != TurnScope::All) line("scope", word_at(kScopeWords, head.scope));
    }
    if (type->detects && head.on_error) line("on_error", word_at(kOnErrorWords, *head.on_error));
    if (head.redaction.style != RedactionStyle::Mask) {
      line("redaction", word_at(kRedactionWords, head.redaction.style));
    }
    if (head.redaction.restore) line("restore", "true");
  }

  void write_binding(const Binding& bind) {
    InlineTable table;
    table.add_list("agents", bind.agents);
    table.add_list("keys", bind.keys);
    table.add_list("integrations", bind.integrations);
    table.add_list("models", bind.models);
    if (table.empty()) return;
    const bool agents_alone = bind.keys.empty() && bind.integrations.empty() && bind.models.empty();
    if (agents_alone) {
      line("agents", quoted_list(bind.agents));
    } else {
      line("bind", table.text());
    }
  }

  static std::string surfaces(Surfaces on) {
    std::vector<std::string> words;
    for (const std::string_view word : kSurfaceWords) {
      if ((on & surface_named(word)) != 0) words.emplace_back(word);
    }
    return quoted_list(words);
  }

  // ---- The types ----

  void write_own(const KeywordPolicy& policy) {
    line("keywords", quoted_list(policy.keywords));
    if (policy.action != Verdict::Block) line("action", word_of(policy.action));
  }

  void write_own(const PiiPolicy& policy) {
    if (policy.score_threshold != PiiPolicy{}.score_threshold) {
      line("threshold", fmt::format("{}", policy.score_threshold));
    }
    InlineTable entities;
    for (std::size_t i = 0; i < policy.entities.size(); ++i) {
      if (policy.entities[i].configured) {
        entities.add(kEntityWords[i], word_of(policy.entities[i].verdict));
      }
    }
    line("entities", entities.text());
    for (const OwnEntity& entity : policy.own) write_own(entity);
    for (const AllowedValues& allowed : policy.allow) {
      table_header("allow");
      line("entity", quoted(allowed.entity));
      if (!allowed.values.empty()) line("values", one_or_list(allowed.values));
      if (!allowed.patterns.empty()) line("pattern", one_or_list(allowed.patterns));
    }
  }

  void write_own(const OwnEntity& entity) {
    table_header("recognizer");
    line("name", quoted(entity.name));
    line("action", word_of(entity.action));
    if (!entity.patterns.empty()) line("pattern", one_or_list(entity.patterns));
    if (!entity.words.empty()) line("words", one_or_list(entity.words));
    if (!entity.context.empty()) line("context", one_or_list(entity.context));
    if (entity.score != OwnEntity{}.score) line("score", fmt::format("{}", entity.score));
    text("checksum", entity.checksum);
  }

  void write_own(const KindsPolicy& policy) {
    if (policy.threshold != KindsPolicy{}.threshold) {
      line("threshold", fmt::format("{}", policy.threshold));
    }
    InlineTable kinds;
    for (const auto& [name, verdict] : policy.named) kinds.add(name, word_of(verdict));
    if (policy.otherwise) kinds.add(kOtherwiseWord, word_of(*policy.otherwise));
    line("kinds", kinds.text());
  }

  void write_own(const AccessPolicy& policy) {
    if (policy.match != Match::First) line("match", word_at(kMatchWords, policy.match));
    line("default", effect_of(policy.default_effect));
    for (std::size_t i = 0; i < policy.rules.size(); ++i) {
      const AccessRule& rule = policy.rules[i];
      rule_header();
      if (rule.id != fmt::format("{}", i)) line("id", quoted(rule.id));
      line("effect", effect_of(rule.effect));
      line("action", one_or_list(rule.actions));
      line("resource", one_or_list(rule.resources));
      write_conditions(rule.when);
      text("reason", rule.reason);
    }
  }

  void write_own(const ListsPolicy& policy) {
    if (policy.models) line("models", names(*policy.models));
    if (policy.tools) line("tools", names(*policy.tools));
    if (policy.network) line("network", network(*policy.network));
    if (policy.on_tool_block != OnToolBlock::Refuse) {
      line("on_tool_block", word_at(kOnToolBlockWords, policy.on_tool_block));
    }
  }

  static std::string names(const NameLists& lists) {
    InlineTable table;
    table.add_list("allow", patterns(lists.allow));
    table.add_list("deny", patterns(lists.deny));
    return table.text();
  }

  static std::string network(const NetworkLists& network) {
    InlineTable table;
    if (!network.configured) table.add("configured", "false");
    if (!network.enabled) table.add("enabled", "false");
    if (network.require_tls) table.add("require_tls", "true");
    table.add_list("allow", patterns(network.hosts.allow));
    table.add_list("deny", patterns(network.hosts.deny));
    return table.text();
  }

  void write_own(const LimitPolicy& policy) {
    const LimitPolicy none;
    if (policy.per != none.per) line("per", word_at(kPerWords, policy.per));
    const auto amount = [this](std::string_view key, std::uint64_t value, std::uint64_t absent) {
      if (value != absent) line(key, fmt::format("{}", value));
    };
    amount("requests_per_minute", policy.requests_per_minute, 0);
    amount("requests_per_hour", policy.requests_per_hour, 0);
    amount("requests_per_day", policy.requests_per_day, 0);
    amount("evaluations_per_month", policy.evaluations_per_month, 0);
    amount("tokens_per_minute", policy.tokens_per_minute, 0);
    amount("tokens_per_hour", policy.tokens_per_hour, 0);
    amount("tokens_per_day", policy.tokens_per_day, 0);
    amount("concurrent_requests", policy.concurrent_requests, 0);
    const auto cost = [this](std::string_view key, std::uint64_t micros) {
      if (micros != 0) line(key, quoted(decimal_of(micros)));
    };
    cost("cost_per_hour", policy.cost_micros_per_hour);
    cost("cost_per_day", policy.cost_micros_per_day);
    cost("cost_per_month", policy.cost_micros_per_month);
    if (!policy.withhold_overrun) line("token_overrun", quoted("deliver"));
    amount("estimate_output_tokens", policy.estimate_output_tokens, none.estimate_output_tokens);
    if (policy.on_store_down) {
      line("on_store_down",
           quoted(kStoreDownWords[static_cast<std::size_t>(*policy.on_store_down)]));
    }
  }

  void write_own(const ContentPolicy& policy) {
    if (policy.first_only) line("evaluate", quoted("first"));
    if (policy.action != Verdict::Block) line("action", word_of(policy.action));
    for (std::size_t i = 0; i < policy.rules.size(); ++i) {
      const ContentRule& rule = policy.rules[i];
      rule_header();
      if (rule.id != fmt::format("{}", i)) line("id", quoted(rule.id));
      if (rule.name != rule.id) text("name", rule.name);
      if (rule.severity != Severity::Medium)
        line("severity", word_at(kSeverityWords, rule.severity));
      text("message", rule.message);
      write_conditions(rule.all);
    }
  }

  void write_own(const PinPolicy& policy) {
    if (policy.on_change != Verdict::Log) line("on_change", word_of(policy.on_change));
  }

  void write_own(const JudgePolicy& policy) {
    const JudgePolicy usual;
    line("url", quoted(policy.url));
    if (policy.threshold != usual.threshold) {
      line("threshold", fmt::format("{}", policy.threshold));
    }
    if (policy.deadline_ms != usual.deadline_ms) {
      line("deadline_ms", fmt::format("{}", policy.deadline_ms));
    }
    if (policy.action != Verdict::Block) line("action", word_of(policy.action));
  }

  void write_own(const OwnKeysPolicy&) {}  // in no file

  void write_own(const FlowPolicy& policy) {
    std::vector<std::string> words;
    for (std::size_t i = 0; i < policy.entities.size(); ++i) {
      if (policy.entities[i]) words.emplace_back(kEntityWords[i]);
    }
    line("entities", quoted_list(words));
    if (policy.action != Verdict::Block) line("action", word_of(policy.action));
    const auto entries = [this](std::string_view key, std::span<const ListEntry> list) {
      if (!list.empty()) line(key, quoted_list(patterns(list)));
    };
    entries("tools_allow", policy.tools_allow);
    entries("hosts_allow", policy.hosts_allow);
  }

  void write_conditions(std::span<const Condition> conditions) {
    if (conditions.empty()) return;
    std::string list = "[";
    for (const Condition& condition : conditions) {
      InlineTable table;
      std::string field(to_string(condition.field));
      if (!condition.path.empty()) field += "." + condition.path;
      table.add("field", quoted(field));
      table.add("op",
                quoted((condition.negated ? "not_" : "") + std::string(to_string(condition.op))));
      if (!condition.values.empty()) table.add("value", one_or_list(condition.values));
      list += (list.size() > 1 ? ", " : "") + table.text();
    }
    line("all", list + "]");
  }

  // ---- Below the policies ----

  void write_price(const PriceRule& price) {
    header("[[price]]");
    line("model", quoted(price.model));
    line("input_per_million", quoted(decimal_of(price.input_micros)));
    line("output_per_million", quoted(decimal_of(price.output_micros)));
  }

  void write_key(const KeyRule& key) {
    header("[[key]]");
    line("user_id", quoted(key.key));
    if (!key.agents.empty()) line("agents", quoted_list(key.agents));
    if (key.explain) line("explain", "true");
  }

  void write_test(const PolicyTest& test) {
    header("[[test]]");
    InlineTable given, expect;
    const auto add = [](InlineTable& table, std::string_view key, const std::string& value) {
      if (!value.empty()) table.add(key, quoted(value));
    };
    add(given, "agent_id", test.agent_id);
    add(given, "key_id", test.key_id);
    add(given, "integration", test.integration);
    if (test.route != PolicyTest{}.route) add(given, "route", test.route);
    add(given, "model", test.model);
    add(given, "prompt", test.prompt);
    add(given, "response", test.response);
    add(given, "tool", test.tool);
    add(given, "tool_args", test.tool_args);
    add(given, "tool_result", test.tool_result);
    given.add_list("tools", test.tools);
    add(given, "action", test.action);
    add(given, "resource", test.resource);
    if (test.stream) given.add("stream", "true");
    add(expect, "verdict", test.verdict);
    add(expect, "decided_by", test.decided_by);
    add(expect, "code", test.code);
    line("given", given.text());
    line("expect", expect.text());
  }

  std::string out_;
  std::string_view indent_;
};

// The strictest of two settings: whatever is set, or the smaller number.
template <class T>
void take_least(std::optional<T>& into, const std::optional<T>& from) {
  if (from && (!into || *from < *into)) into = from;
}

template <class T>
void append(std::vector<T>& into, const std::vector<T>& from) {
  into.insert(into.end(), from.begin(), from.end());
}

}  // namespace

std::string to_toml(const Document& document) {
  return Writer().write(document);
}

Result<Document> joined(std::span<const Document> documents) {
  Document all;
  if (documents.empty()) return all;
  all.name = documents.front().name;
  all.origin = documents.front().origin;
  all.source = "capsem";
  all.priority = documents.front().priority;
  for (const Document& document : documents) {
    if (document.priority != all.priority) {
      return client_error("priorities_differ",
                          fmt::format("{} has priority {}, {} has {}: they cannot be one file",
                                      documents.front().origin.file, all.priority,
                                      document.origin.file, document.priority));
    }
    take_least(all.engine.on_error, document.engine.on_error);
    take_least(all.engine.deadline_ms, document.engine.deadline_ms);
    take_least(all.engine.approval_ttl_s, document.engine.approval_ttl_s);
    if (!all.engine.error_format) all.engine.error_format = document.engine.error_format;
    append(all.policies, document.policies);
    append(all.prices, document.prices);
    append(all.keys, document.keys);
    append(all.tests, document.tests);
  }
  return all;
}

}  // namespace capsem::policy
