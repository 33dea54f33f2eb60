#include "core/policy/native_policies.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/detect/detector.h"
#include "core/policy/condition_reader.h"
#include "core/policy/judge_desk.h"
#include "core/policy/native_file.h"
#include "core/policy/native_keys.h"
#include "core/policy/own_entity_tables.h"
#include "core/policy/rule_names.h"
#include "core/policy/toml_source.h"

namespace capsem::policy {
namespace {

class PolicyReader {
 public:
  PolicyReader(Reporter& report, const SourceNode& node, const PolicyType& type, int priority)
      : report_(report),
        node_(node),
        keys_(keys_of(type)),
        what_(fmt::format("a policy of type {}", type.name)),
        table_(report, node, keys_, what_),
        type_(type),
        priority_(priority) {}

  Policy read() {
    if (type_.name == "keyword") return keyword();
    if (type_.name == "pii") return pii();
    if (type_.name == "secrets") return kinds(KindFamily::Secrets);
    if (type_.name == "injection") return kinds(KindFamily::Injection);
    if (type_.name == "access") return access();
    if (type_.name == "lists") return lists();
    if (type_.name == "limit") return limit();
    if (type_.name == "content") return content();
    if (type_.name == "judge") return judge();
    if (type_.name == "pins") return pins();
    return flow();
  }

 private:
  // ---- What all have in common ----

  void read_head(Head& head, Surfaces on, Output output) {
    head = Head{};
    head.id = table_.text("id");
    head.name = table_.has("name") ? table_.text("name") : head.id;
    head.origin = report_.origin(node_.place);
    head.priority = priority_;
    read_binding(head.bind);
    if (const auto word = table_.word("mode")) head.mode = static_cast<Mode>(*word);
    if (const auto word = table_.word("state")) head.state = static_cast<Lifecycle>(*word);
    head.since = table_.text("since");
    head.enforcement = table_.verdict("enforcement");
    head.output = output;
    head.on = on;
    if (type_.output) {
      if (const auto word = table_.word("output")) head.output = static_cast<Output>(*word);
    }
    if (type_.looks) read_looks(head);
    if (type_.detects) {
      if (const auto word = table_.word("on_error")) head.on_error = static_cast<OnError>(*word);
    }
    if (type_.redacts()) read_redaction(head.redaction);
  }

  void read_redaction(Redaction& redaction) {
    if (const auto word = table_.word("redaction")) {
      redaction.style = static_cast<RedactionStyle>(*word);
    }
    redaction.restore = table_.flag("restore").value_or(false);
    check_redaction(report_, redaction, table_.place("restore"));
  }

  void read_looks(Head& head) {
    if (const auto word = table_.word("scope")) head.scope = static_cast<TurnScope>(*word);
    if (!table_.has("on")) return;
    head.on = 0;
    for (const std::string& word : table_.texts("on")) head.on |= surface_named(word);
    if (head.on == 0) {
      report_.warn("W05", table_.place("on"), "'on' is empty: this policy looks at nothing");
    }
  }

  void read_binding(Binding& bind) {
    if (const SourceNode* node = table_.node("bind")) {
      const TableReader table(report_, *node, kBindKeys, "'bind'");
      bind.agents = table.texts("agents");
      bind.keys = table.texts("keys");
      bind.integrations = table.texts("integrations");
      bind.models = table.texts("models");
    }
    if (!table_.has("agents")) return;
    if (!bind.agents.empty()) {
      report_.error("E03", table_.place("agents"),
                    "'agents' and 'bind.agents' say the same; keep one");
    }
    bind.agents = table_.texts("agents");
  }

  // ---- The types ----

  Policy keyword() {
    KeywordPolicy policy;
    read_head(policy.head, kAllSurfaces, Output::Block);
    policy.keywords.clear();
    for (const ListEntry& word : table_.entries("keywords")) {
      if (word.pattern.empty() || word.pattern.size() >= detect::kLookAhead) {
        report_.error("E03", {word.origin.line, word.origin.column},
                      fmt::format("a keyword must have 1 to {} bytes", detect::kLookAhead - 1));
      } else {
        policy.keywords.push_back(word.pattern);
      }
    }
    if (const SourceNode* node = table_.node("keywords"); node && items_of(*node).empty()) {
      report_.error("E03", node->place, "'keywords' must be a list of one or more words");
    }
    policy.action = table_.verdict("action").value_or(Verdict::Block);
    return policy;
  }

  Policy pii() {
    PiiPolicy policy;
    read_head(policy.head, kPrompt | kToolArgs | kToolResult | kResponse, Output::Block);
    if (const auto share = table_.share("threshold")) {
      policy.score_threshold = static_cast<float>(*share);
    }
    read_recognizers(report_, table_.tables("recognizer"), policy);
    read_allowed_values(report_, table_.tables("allow"), policy);
    const SourceNode* entities = table_.node("entities");
    if (entities == nullptr) return policy;
    for (const SourceMember& member : entities->members) {
      if (const auto verdict = verdict_word(member.value.text)) policy.name(member.key, *verdict);
    }
    if (entities->members.empty() && policy.own.empty()) {
      report_.warn("W05", entities->place, "'entities' is empty: this policy checks nothing");
    }
    return policy;
  }

  Policy kinds(KindFamily family) {
    KindsPolicy policy{.head = {}, .family = family, .named = {}};
    read_head(policy.head, kTextSurfaces, Output::Block);
    if (const auto share = table_.share("threshold")) {
      policy.threshold = static_cast<float>(*share);
    }
    const SourceNode* kinds = table_.node("kinds");
    if (kinds == nullptr) return policy;
    for (const SourceMember& member : kinds->members) {
      if (const auto verdict = verdict_word(member.value.text)) policy.name(member.key, *verdict);
    }
    if (kinds->members.empty()) {
      report_.warn("W05", kinds->place, "'kinds' is empty: this policy checks nothing");
    }
    return policy;
  }

  Policy access() {
    AccessPolicy policy;
    read_head(policy.head, kAllSurfaces, Output::Block);
    if (const auto word = table_.word("match")) policy.match = static_cast<Match>(*word);
    policy.default_effect = table_.verdict("default").value_or(Verdict::Block);
    RuleNames names;
    for (const SourceNode& node : table_.tables("rule")) {
      const TableReader table(report_, node, kAccessRuleKeys, "the rule");
      AccessRule rule;
      rule.id = table.text("id");
      rule.origin = report_.origin(node.place);
      rule.effect = table.verdict("effect").value_or(Verdict::Block);
      rule.actions = table.texts("action");
      rule.resources = table.texts("resource");
      for (auto* patterns : {&rule.actions, &rule.resources}) {
        if (patterns->empty()) patterns->emplace_back("*");
      }
      rule.when = read_rule_conditions(table);
      rule.reason = table.text("reason");
      check_access_rule(report_, rule);
      names.add(report_, policy.rules, std::move(rule));
    }
    return policy;
  }

  std::vector<Condition> read_rule_conditions(const TableReader& table) {
    std::vector<Condition> all;
    if (const SourceNode* when = table.node("when")) all = read_when(report_, *when);
    if (const SourceNode* list = table.node("all")) {
      for (Condition& condition : read_conditions(report_, *list)) {
        all.push_back(std::move(condition));
      }
    }
    return all;
  }

  Policy lists() {
    ListsPolicy policy;
    read_head(policy.head, kAllSurfaces, Output::Block);
    policy.models = read_names("models");
    policy.tools = read_names("tools");
    if (const SourceNode* node = table_.node("network")) policy.network = read_network(*node);
    if (const auto word = table_.word("on_tool_block")) {
      policy.on_tool_block = static_cast<OnToolBlock>(*word);
    }
    if (!policy.models && !policy.tools && !policy.network) {
      report_.error("E03", node_.place, "a policy of type lists needs models, tools or network");
    }
    return policy;
  }

  std::optional<NameLists> read_names(std::string_view key) {
    const SourceNode* node = table_.node(key);
    if (node == nullptr) return std::nullopt;
    const TableReader table(report_, *node, kNameListKeys, fmt::format("'{}'", key));
    return NameLists{.allow = table.entries("allow"), .deny = table.entries("deny")};
  }

  NetworkLists read_network(const SourceNode& node) {
    const TableReader table(report_, node, kNetworkKeys, "'network'");
    NetworkLists network;
    network.configured = table.flag("configured").value_or(true);
    network.enabled = table.flag("enabled").value_or(true);
    network.require_tls = table.flag("require_tls").value_or(false);
    network.hosts.allow = checked_hosts(report_, table.entries("allow"));
    network.hosts.deny = checked_hosts(report_, table.entries("deny"));
    network.origin = report_.origin(node.place);
    return network;
  }

  Policy limit() {
    LimitPolicy policy;
    read_head(policy.head, kAllSurfaces, Output::Block);
    if (const auto word = table_.word("per")) policy.per = static_cast<LimitPolicy::Per>(*word);
    policy.requests_per_minute = table_.count("requests_per_minute");
    policy.requests_per_hour = table_.count("requests_per_hour");
    policy.requests_per_day = table_.count("requests_per_day");
    policy.evaluations_per_month = table_.count("evaluations_per_month");
    policy.tokens_per_minute = table_.count("tokens_per_minute");
    policy.tokens_per_hour = table_.count("tokens_per_hour");
    policy.tokens_per_day = table_.count("tokens_per_day");
    policy.concurrent_requests = table_.count("concurrent_requests");
    policy.cost_micros_per_hour = table_.micros("cost_per_hour");
    policy.cost_micros_per_day = table_.micros("cost_per_day");
    policy.cost_micros_per_month = table_.micros("cost_per_month");
    policy.withhold_overrun = table_.text("token_overrun") != "deliver";
    if (table_.has("estimate_output_tokens")) {
      policy.estimate_output_tokens = table_.count("estimate_output_tokens");
    }
    if (const auto word = table_.word("on_store_down")) {
      policy.on_store_down = static_cast<LimitPolicy::OnStoreDown>(*word);
    }
    check_amounts();
    return policy;
  }

  void check_amounts() {
    bool any = false;
    for (const KeyInfo& key : kLimitKeys) {
      const bool cost = key.name.starts_with("cost_per_");
      const bool amount = cost || key.name.starts_with("requests_per_") ||
                          key.name.starts_with("tokens_per_") ||
                          key.name == "evaluations_per_month" || key.name == "concurrent_requests";
      if (!amount || node_.member(key.name) == nullptr) continue;
      any = true;
      if (cost && table_.has(key.name) && table_.micros(key.name) == 0) {
        report_.error("E03", table_.place(key.name),
                      fmt::format("'{}' must be more than 0", key.name));
      }
    }
    if (!any) report_.error("E03", node_.place, "a policy of type limit needs a limit");
  }

  Policy content() {
    ContentPolicy policy;
    // What is judged for the record alone costs no latency; who wants more says so (X3).
    read_head(policy.head, kPrompt | kResponse, Output::Log);
    policy.first_only = table_.text("evaluate") == "first";
    policy.action = table_.verdict("action").value_or(Verdict::Block);
    RuleNames names;
    for (const SourceNode& node : table_.tables("rule")) {
      const TableReader table(report_, node, kContentRuleKeys, "the rule");
      ContentRule rule;
      rule.id = table.text("id");
      rule.origin = report_.origin(node.place);
      if (const auto word = table.word("severity")) rule.severity = static_cast<Severity>(*word);
      rule.message = table.text("message");
      rule.all = read_rule_conditions(table);
      check_phase(report_, rule.all, content_phase(policy.head));
      if (rule.all.empty() && !table.has("all") && !table.has("when")) {
        report_.error("E03", node.place, "the rule needs conditions: 'all' or 'when'");
      } else if (rule.all.empty() && !report_.failed()) {
        report_.error("E03", node.place, "the rule has no condition, so it would always hold");
      }
      rule.name = table.text("name");
      names.add(report_, policy.rules, std::move(rule));
      if (policy.rules.back().name.empty()) policy.rules.back().name = policy.rules.back().id;
    }
    if (table_.has("rule") && policy.rules.empty()) {
      report_.error("E03", table_.place("rule"), "a policy of type content needs a rule");
    }
    return policy;
  }

  RulePhase content_phase(const Head& head) const {
    return {.what = "this policy",
            .texts = true,
            .tools = (head.on & (kToolName | kToolDefinition | kToolArgs | kToolResult)) != 0,
            .answers = (head.on & kResponse) != 0,
            .hint =
                "it looks at no tools; add tool_args, tool_name, tool_definition or "
                "tool_result to 'on'"};
  }

  Policy judge() {
    JudgePolicy policy;
    read_head(policy.head, kPrompt | kToolResult, Output::Block);
    policy.url = table_.text("url");
    if (JudgeUrl url; table_.has("url") && !read_judge_url(policy.url, url)) {
      report_.error("E03", table_.place("url"),
                    "'url' must be such as \"http://127.0.0.1:9000/judge\"");
    }
    if (const auto share = table_.share("threshold")) {
      policy.threshold = static_cast<float>(*share);
    }
    if (const auto ms = table_.whole("deadline_ms")) {
      policy.deadline_ms = static_cast<std::uint32_t>(*ms);
    }
    policy.action = table_.verdict("action").value_or(Verdict::Block);
    if ((policy.head.on & (kToolName | kToolDefinition)) != 0) {
      report_.error("E03", table_.place("on"),
                    "a judge looks at prompt, tool_args, tool_result and response");
    }
    return policy;
  }

  Policy pins() {
    PinPolicy policy;
    read_head(policy.head, kAllSurfaces, Output::Block);
    policy.on_change = table_.verdict("on_change").value_or(Verdict::Log);
    return policy;
  }

  Policy flow() {
    FlowPolicy policy;
    read_head(policy.head, kAllSurfaces, Output::Block);
    for (const std::size_t index : table_.words("entities")) policy.entities[index] = true;
    policy.action = table_.verdict("action").value_or(Verdict::Block);
    policy.tools_allow = table_.entries("tools_allow");
    policy.hosts_allow = checked_hosts(report_, table_.entries("hosts_allow"));
    if (const SourceNode* node = table_.node("entities"); node && items_of(*node).empty()) {
      report_.error("E03", node->place, "'entities' names no type");
    }
    return policy;
  }

  Reporter& report_;
  const SourceNode& node_;
  const std::vector<KeyInfo> keys_;
  const std::string what_;
  const TableReader table_;
  const PolicyType& type_;
  const int priority_;
};

}  // namespace

std::optional<Policy> read_policy(Reporter& report, const SourceNode& node, int priority) {
  const SourceMember* type = node.member("type");
  if (node.kind != SourceNode::Kind::Table || type == nullptr) {
    report.error("E03", node.place, "a policy must be a table with a 'type'");
    return std::nullopt;
  }
  const auto found = std::ranges::find(kPolicyTypes, type->value.text, &PolicyType::name);
  if (type->value.as_string() && found != kPolicyTypes.end()) {
    return PolicyReader(report, node, *found, priority).read();
  }
  std::array<std::string_view, kPolicyTypes.size()> names;
  std::ranges::transform(kPolicyTypes, names.begin(), &PolicyType::name);
  report.error("E03", type->value.place,
               fmt::format("unknown policy type '{}'{}; types are {}", type->value.text,
                           suggestion(type->value.text, names), fmt::join(names, ", ")));
  return std::nullopt;
}

}  // namespace capsem::policy
