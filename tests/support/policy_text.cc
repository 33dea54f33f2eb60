#include "tests/support/policy_text.h"

#include <fmt/format.h>

#include "core/policy/condition.h"

namespace capsem::test {
namespace {

using namespace policy;

std::string list(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const std::string& text : texts) out += (out.size() > 1 ? "|" : "") + text;
  return out + "]";
}

std::string list(const std::vector<ListEntry>& entries) {
  std::vector<std::string> texts;
  for (const ListEntry& entry : entries) texts.push_back(entry.pattern);
  return list(texts);
}

std::string list(const std::vector<Condition>& conditions) {
  std::vector<std::string> texts;
  for (const Condition& condition : conditions) texts.push_back(text_of(condition));
  return list(texts);
}

std::string text_of(const NameLists& lists) {
  return "allow" + list(lists.allow) + " deny" + list(lists.deny);
}

int number(auto value) {
  return static_cast<int>(value);
}

std::string text_of(const Head& head) {
  std::string out = fmt::format(
      "{} name={} priority={} agents{} keys{} integrations{} models{} mode={} state={} output={} "
      "scope={} on={}",
      head.id, head.name, head.priority, list(head.bind.agents), list(head.bind.keys),
      list(head.bind.integrations), list(head.bind.models), number(head.mode), number(head.state),
      number(head.output), number(head.scope), number(head.on));
  if (head.enforcement) out += fmt::format(" enforcement={}", to_string(*head.enforcement));
  if (head.on_error) out += fmt::format(" on_error={}", number(*head.on_error));
  if (!head.since.empty()) out += " since=" + head.since;
  return out;
}

std::string own(const KeywordPolicy& policy) {
  return list(policy.keywords) + " " + std::string(to_string(policy.action));
}

std::string own(const PiiPolicy& policy) {
  std::string out = fmt::format("threshold={}", policy.score_threshold);
  for (std::size_t i = 0; i < policy.entities.size(); ++i) {
    if (!policy.entities[i].configured) continue;
    out += fmt::format(" {}={}", detect::to_string(static_cast<detect::EntityType>(i)),
                       to_string(policy.entities[i].verdict));
  }
  return out;
}

std::string own(const KindsPolicy& policy) {
  std::string out = fmt::format("threshold={}", policy.threshold);
  for (const auto& [name, verdict] : policy.named) {
    out += fmt::format(" {}={}", name, to_string(verdict));
  }
  if (policy.otherwise) out += fmt::format(" default={}", to_string(*policy.otherwise));
  return out;
}

std::string own(const AccessPolicy& policy) {
  std::string out =
      fmt::format("match={} default={}", number(policy.match), to_string(policy.default_effect));
  for (const AccessRule& rule : policy.rules) {
    out += fmt::format("\n  {} {} {} {} when{} reason={}", rule.id, to_string(rule.effect),
                       list(rule.actions), list(rule.resources), list(rule.when), rule.reason);
  }
  return out;
}

std::string own(const ListsPolicy& policy) {
  std::string out;
  if (policy.models) out += "models " + text_of(*policy.models) + " ";
  if (policy.tools) out += "tools " + text_of(*policy.tools) + " ";
  if (policy.network) {
    out += fmt::format("network configured={} enabled={} tls={} {} ", policy.network->configured,
                       policy.network->enabled, policy.network->require_tls,
                       text_of(policy.network->hosts));
  }
  return out + fmt::format("on_tool_block={}", number(policy.on_tool_block));
}

std::string own(const LimitPolicy& p) {
  return fmt::format(
      "per={} requests={}/{}/{} tokens={}/{}/{} concurrent={} cost={}/{}/{} withhold={} "
      "estimate={}{}",
      number(p.per), p.requests_per_minute, p.requests_per_hour, p.requests_per_day,
      p.tokens_per_minute, p.tokens_per_hour, p.tokens_per_day, p.concurrent_requests,
      p.cost_micros_per_hour, p.cost_micros_per_day, p.cost_micros_per_month, p.withhold_overrun,
      p.estimate_output_tokens,
      p.on_store_down ? fmt::format(" down={}", number(*p.on_store_down)) : "");
}

std::string own(const ContentPolicy& policy) {
  std::string out = fmt::format("first={} {}", policy.first_only, to_string(policy.action));
  for (const ContentRule& rule : policy.rules) {
    out += fmt::format("\n  {} name={} {} message={} all{}", rule.id, rule.name,
                       to_string(rule.severity), rule.message, list(rule.all));
  }
  return out;
}

std::string own(const JudgePolicy& policy) {
  return fmt::format("{} threshold={} deadline_ms={} {}", policy.url, policy.threshold,
                     policy.deadline_ms, to_string(policy.action));
}

std::string own(const PinPolicy& policy) {
  return std::string(to_string(policy.on_change));
}

std::string own(const OwnKeysPolicy& policy) {
  return fmt::format("{} keys", policy.names.size());
}

std::string own(const FlowPolicy& policy) {
  std::string out(to_string(policy.action));
  for (std::size_t i = 0; i < policy.entities.size(); ++i) {
    if (policy.entities[i]) {
      out += fmt::format(" {}", detect::to_string(static_cast<detect::EntityType>(i)));
    }
  }
  return out + " tools" + list(policy.tools_allow) + " hosts" + list(policy.hosts_allow);
}

}  // namespace

std::string text_of(const Condition& condition) {
  std::string out(to_string(condition.field));
  if (!condition.path.empty()) out += "." + condition.path;
  return out + (condition.negated ? " not_" : " ") + std::string(to_string(condition.op)) +
         list(condition.values);
}

std::string text_of(const Policy& policy) {
  return fmt::format("{} {}\n  {}", type_of(policy), text_of(head_of(policy)),
                     std::visit([](const auto& p) { return own(p); }, policy));
}

std::string text_of(const Document& document) {
  const EngineDefaults& engine = document.engine;
  std::string out =
      fmt::format("document {} priority={} engine={}/{}/{}/{}", document.name, document.priority,
                  engine.on_error ? number(*engine.on_error) : -1, engine.deadline_ms.value_or(0),
                  engine.approval_ttl_s.value_or(0), engine.error_format.value_or(""));
  for (const Policy& policy : document.policies) out += "\n" + text_of(policy);
  for (const PriceRule& price : document.prices) {
    out += fmt::format("\nprice {} {} {}", price.model, price.input_micros, price.output_micros);
  }
  for (const KeyRule& key : document.keys) {
    out += fmt::format("\nkey {} agents{} explain={}", key.key, list(key.agents), key.explain);
  }
  for (const PolicyTest& test : document.tests) {
    out += fmt::format("\ntest {}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{} -> {}/{}/{}",
                       test.agent_id, test.key_id, test.integration, test.route, test.model,
                       test.prompt, test.response, test.tool, test.tool_args, test.tool_result,
                       list(test.tools), test.action, test.resource, test.stream, test.verdict,
                       test.decided_by, test.code);
  }
  return out;
}

}  // namespace capsem::test
