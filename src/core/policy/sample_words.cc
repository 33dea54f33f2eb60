#include "core/policy/sample_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/base/glob.h"
#include "core/policy/access_rules.h"

namespace capsem::policy {
namespace {

// An empty word stands for a pattern that matches anything, as the name that nobody mentions does.
void add(std::vector<std::string>& words, std::string word) {
  if (word.empty() || std::ranges::find(words, word) != words.end()) return;
  words.push_back(std::move(word));
}

std::string witness(const std::string& pattern) {
  const auto glob = Glob::parse(pattern);
  return glob ? glob->witness() : pattern;
}

void add_witnesses(std::vector<std::string>& words, const std::vector<std::string>& patterns) {
  for (const std::string& pattern : patterns) add(words, witness(pattern));
}

void add_witnesses(std::vector<std::string>& words, const std::vector<ListEntry>& entries) {
  for (const ListEntry& entry : entries) add(words, witness(entry.pattern));
}

std::string json_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

// {"a":{"b":value}} for a path of members; elements of lists are one-element lists.
std::string json_at(std::string_view path, const std::string& value) {
  if (path.empty()) return value;
  if (path.front() == '[') {
    const auto end = path.find(']');
    if (end == std::string_view::npos) return value;
    std::string_view rest = path.substr(end + 1);
    if (rest.starts_with('.')) rest.remove_prefix(1);
    return "[" + json_at(rest, value) + "]";
  }
  const auto end = path.find_first_of(".[");
  std::string_view rest = end == std::string_view::npos ? std::string_view() : path.substr(end);
  if (rest.starts_with('.')) rest.remove_prefix(1);
  return fmt::format("{{{}:{}}}", json_quoted(path.substr(0, end)), json_at(rest, value));
}

// A value for which the condition holds; nothing when none can be said.
std::optional<std::string> value_for(const Condition& condition) {
  if (condition.op == Op::Exists) return condition.negated ? std::nullopt : std::optional("x");
  if (condition.values.empty()) return std::nullopt;
  const std::string& value = condition.values.front();
  if (condition.negated) return value + "-other";
  const auto moved = [&value](int by) {
    double number = 0;
    std::from_chars(value.data(), value.data() + value.size(), number);
    return fmt::format("{}", number + by);
  };
  switch (condition.op) {
    case Op::Glob:
      return witness(value);
    case Op::Equals:
    case Op::Contains:
    case Op::In:
    case Op::Gte:
    case Op::Lte:
      return value;
    case Op::Gt:
      return moved(1);
    case Op::Lt:
      return moved(-1);
    case Op::Matches:
    case Op::Exists:
      break;
  }
  return std::nullopt;
}

class Collector {
 public:
  explicit Collector(SampleWords& words) : words_(words) {}

  void document(const Document& document) {
    for (const KeyRule& key : document.keys) {
      add(words_.keys, witness(key.key));
      add_witnesses(words_.agents, key.agents);
    }
    for (const Policy& policy : document.policies) {
      const Head& head = head_of(policy);
      if (head.state != Lifecycle::Active) continue;
      add_witnesses(words_.agents, head.bind.agents);
      add_witnesses(words_.keys, head.bind.keys);
      add_witnesses(words_.integrations, head.bind.integrations);
      for (const std::string& model : head.bind.models) bound_model(witness(model));
      std::visit([this](const auto& p) { of(p); }, policy);
    }
  }

 private:
  void bound_model(const std::string& model) {
    add(words_.models, model);
    add(words_.bound_models, model);
  }

  void of(const KeywordPolicy& policy) {
    for (const std::string& keyword : policy.keywords) add(words_.texts, keyword);
  }

  template <class T>
  static bool is_configured(const T& entity) {
    if constexpr (std::is_same_v<T, bool>) {
      return entity;
    } else {
      return entity.configured;
    }
  }

  void entities(const auto& all) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (!is_configured(all[i])) continue;
      const std::string_view text = sample_text(static_cast<detect::EntityType>(i));
      if (!text.empty()) add(words_.texts, std::string(text));
    }
  }
  void of(const PiiPolicy& policy) {
    entities(policy.entities);
    for (const OwnEntity& entity : policy.own) {
      if (!entity.words.empty()) add(words_.texts, entity.words.front());
    }
  }

  void of(const AccessPolicy& policy) {
    for (const AccessRule& rule : policy.rules) {
      Scenario wanted = scenario(policy.head, rule.when);
      const std::string action = canonical_action(witness(rule.actions.front()));
      const std::string model = std::exchange(wanted.model, {});
      if (const std::string tool = tool_of(action); !tool.empty()) add(words_.tools, tool);
      for (const std::string& pattern : rule.resources) {
        const std::string resource = witness(pattern);
        Scenario sample = wanted;
        sample.model = model;
        if (resource.starts_with("model/") || resource.empty()) {
          if (!resource.empty()) add(words_.models, resource.substr(6));
          if (rule.when.empty()) continue;
          if (model.empty() && !resource.empty()) sample.model = resource.substr(6);
          if (action.starts_with("embedding.")) sample.action = "embedding.generate";
        } else if (resource.starts_with("tool/")) {
          add(words_.tools, resource.substr(5));
          if (rule.when.empty()) continue;
          sample.call.emplace(resource.substr(5), wanted.call ? wanted.call->second : "{}");
        } else {
          sample.action = action;
          sample.resource = resource;
        }
        words_.rules.push_back(std::move(sample));
      }
    }
  }

  // A tool may be named by the action: `delete_file`, `files:read`.
  static std::string tool_of(const std::string& action) {
    const auto dot = action.find('.');
    const std::string name = action.substr(0, dot), method = action.substr(dot + 1);
    if (name == "llm" || name == "embedding" || name == "tool" || dot == std::string::npos) {
      return {};
    }
    return method.empty() || method == "call" ? name : name + ":" + method;
  }

  void of(const ListsPolicy& policy) {
    const auto names = [](const std::optional<NameLists>& lists, std::vector<std::string>& words) {
      if (!lists) return;
      add_witnesses(words, lists->allow);
      add_witnesses(words, lists->deny);
    };
    names(policy.models, words_.models);
    names(policy.tools, words_.tools);
    if (!policy.network) return;
    for (const auto* entries : {&policy.network->hosts.allow, &policy.network->hosts.deny}) {
      hosts(*entries);
    }
    add(words_.hosts, "elsewhere.example");
  }

  // "*.example.com" is example.com and all below it.
  void hosts(const std::vector<ListEntry>& entries) {
    for (const ListEntry& entry : entries) {
      if (entry.pattern.starts_with("*.")) {
        add(words_.hosts, entry.pattern.substr(2));
        add(words_.hosts, "any" + entry.pattern.substr(1));
      } else {
        add(words_.hosts, entry.pattern == "*" ? "elsewhere.example" : entry.pattern);
      }
    }
  }

  void of(const KindsPolicy&) {}  // compared by their verdicts
  void of(const JudgePolicy&) {}  // not asked
  void of(const LimitPolicy&) {}
  void of(const PinPolicy&) {}
  void of(const OwnKeysPolicy&) {}

  void of(const ContentPolicy& policy) {
    for (const ContentRule& rule : policy.rules) {
      words_.rules.push_back(scenario(policy.head, rule.all));
      for (const Condition& condition : rule.all) {
        if (condition.field != Field::Content || condition.op == Op::Matches) continue;
        if (const auto text = value_for(condition)) add(words_.texts, *text);
      }
    }
  }

  void of(const FlowPolicy& policy) {
    entities(policy.entities);
    for (const ListEntry& tool : policy.tools_allow) add(words_.tools, witness(tool.pattern));
    hosts(policy.hosts_allow);
  }

  // Somebody to whom the policy applies, meeting what can be met.
  Scenario scenario(const Head& head, const std::vector<Condition>& conditions) {
    const auto first = [](const std::vector<std::string>& patterns) {
      return patterns.empty() ? std::string() : witness(patterns.front());
    };
    Scenario sample;
    sample.agent = first(head.bind.agents);
    sample.key = first(head.bind.keys);
    sample.integration = first(head.bind.integrations);
    sample.model = first(head.bind.models);
    for (const Condition& condition : conditions) {
      if (condition.op == Op::Matches) ++words_.unsampled;
      if (const auto value = value_for(condition)) meet(sample, condition, *value);
    }
    return sample;
  }

  void meet(Scenario& sample, const Condition& condition, const std::string& value) {
    const auto tool = [&sample]() -> std::pair<std::string, std::string>& {
      if (!sample.call) sample.call.emplace("", "{}");
      return *sample.call;
    };
    switch (condition.field) {
      case Field::Content:
      case Field::UsageInput:
      case Field::UsageOutput:
      case Field::UsageTotal:
        break;
      case Field::Model:
        sample.model = value;
        bound_model(value);
        return;
      case Field::AgentId:
        sample.agent = value;
        return add(words_.agents, value);
      case Field::KeyId:
        sample.key = value;
        return add(words_.keys, value);
      case Field::Integration:
        sample.integration = value;
        return add(words_.integrations, value);
      case Field::Provider:
        sample.provider = value;
        return;
      case Field::Endpoint:
        sample.endpoint = value;
        return;
      case Field::Stream:
        sample.stream = value == "true";
        return;
      case Field::HasImages:
        sample.has_images = value == "true";
        return;
      case Field::HasFiles:
        sample.has_files = value == "true";
        return;
      case Field::AgentBound:
        sample.agent_bound = value == "true";
        return;
      case Field::FileTypes:
        sample.has_files = true;
        sample.file_types.push_back(value);
        return;
      case Field::Action:
        sample.action = value;
        return;
      case Field::Resource:
        sample.resource = value;
        return;
      case Field::ToolName:
        tool().first = value;
        return add(words_.tools, value);
      case Field::ToolArgs:
        tool().second = value;
        return;
      case Field::ToolArg:
        tool().second = json_at(condition.path, json_quoted(value));
        return;
      case Field::Context:
        sample.context.emplace_back(condition.path, value);
        return;
    }
    if (condition.field == Field::Content) sample.prompt = sample.response = value;
  }

  SampleWords& words_;
};

}  // namespace

std::string_view sample_text(detect::EntityType type) {
  using enum detect::EntityType;
  struct Row {
    detect::EntityType type;
    std::string_view text;
  };
  static constexpr Row kRows[] = {
      {CreditCard, "my credit card number is 4111 1111 1111 1111"},
      {Crypto, "my bitcoin wallet is 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"},
      {EmailAddress, "my email address is someone@example.com"},
      {IbanCode, "my iban is DE89 3704 0044 0532 0130 00"},
      {IpAddress, "my ip address is 192.168.10.20"},
      {PhoneNumber, "my phone number is (212) 555-0142"},
      {UsSsn, "my social security number is 078-05-1127"},
      {UsBankNumber, "my bank account number is 945456787654"},
      {UsDriverLicense, "my driver license number is H12234567"},
      {UsPassport, "my us passport number is 912803456"},
      {Person, "My name is John Smith"},
      {Location, "I live in New York"},
      {DateTime, "it happened on May 1, 2024"},
  };
  const auto* row = std::ranges::find(kRows, type, &Row::type);
  return row == std::end(kRows) ? std::string_view() : row->text;
}

SampleWords sample_words(std::span<const Document> before, std::span<const Document> after) {
  SampleWords words;
  Collector collector(words);
  for (const Document& document : before) collector.document(document);
  for (const Document& document : after) collector.document(document);
  add(words.agents, "another-agent");
  add(words.keys, "another-key");
  words.integrations.emplace_back();
  add(words.models, "another-model");
  add(words.tools, "another_tool");
  return words;
}

}  // namespace capsem::policy
