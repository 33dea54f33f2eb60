// The keys of the native format (schema = 1), table by table. Loader and JSON schema read these
// rows; docs/policies.md explains them.
#pragma once

#include <array>
#include <span>
#include <string_view>
#include <vector>

#include "core/policy/kind_rules.h"
#include "core/policy/own_entities.h"
#include "core/policy/shape.h"

namespace capsem::policy {

inline constexpr std::int64_t kCountMax = 1'000'000'000'000;

// ---- Words ----

inline constexpr std::array<std::string_view, 3> kOnErrorWords = {"block", "warn", "allow"};
inline constexpr std::array<std::string_view, 4> kErrorFormatWords = {"auto", "capsem", "openai",
                                                                      "both"};
inline constexpr std::array<std::string_view, 2> kModeWords = {"enforce", "shadow"};
inline constexpr std::array<std::string_view, 3> kStateWords = {"draft", "active", "deprecated"};
inline constexpr std::array<std::string_view, 3> kRedactionWords = {"mask", "hash", "placeholder"};
inline constexpr std::array<std::string_view, 2> kOutputWords = {"block", "log"};
inline constexpr std::array<std::string_view, 2> kScopeWords = {"all", "latest_turn"};
inline constexpr std::array<std::string_view, 6> kSurfaceWords = {
    "prompt", "tool_name", "tool_definition", "tool_args", "tool_result", "response"};
inline constexpr std::array<std::string_view, 2> kMatchWords = {"first", "deny-overrides"};
inline constexpr std::array<std::string_view, 2> kEvaluateWords = {"all", "first"};
inline constexpr std::array<std::string_view, 4> kPerWords = {"agent", "key", "integration",
                                                              "everyone"};
inline constexpr std::array<std::string_view, 3> kStoreDownWords = {"closed", "local", "open"};
inline constexpr std::array<std::string_view, 2> kOverrunWords = {"withhold", "deliver"};
inline constexpr std::array<std::string_view, 2> kOnToolBlockWords = {"refuse", "replace"};
inline constexpr std::array<std::string_view, 4> kSeverityWords = {"low", "medium", "high",
                                                                   "critical"};
inline constexpr std::array<std::string_view, 7> kRouteWords = {
    "chat", "completions", "responses", "embeddings", "gemini", "messages", "tool"};
inline constexpr std::span<const std::string_view> kEntityWords = detect::kEntityNames;

// ---- Tables below policies ----

inline constexpr std::array kConditionKeys = {
    KeyInfo{.name = "field",
            .shape = Shape::Field,
            .doc = "what is looked at: content, model, metadata.hasFiles, agent_id, tool.name, "
                   "args.<path>, usage.total_tokens, ...",
            .required = true},
    KeyInfo{.name = "op",
            .shape = Shape::Operator,
            .doc = "equals, contains, matches, in, glob, gt, gte, lt, lte, exists; each also with "
                   "not_",
            .required = true},
    KeyInfo{.name = "value", .shape = Shape::Value, .doc = "what it is compared with"},
};

inline constexpr std::array kAccessRuleKeys = {
    KeyInfo{.name = "id", .shape = Shape::Name, .doc = "names the rule in decisions and tests"},
    KeyInfo{.name = "description", .doc = "for readers of the file"},
    KeyInfo{.name = "effect",
            .shape = Shape::Verdict,
            .doc = "what happens when the rule matches",
            .required = true},
    KeyInfo{.name = "action",
            .shape = Shape::Globs,
            .doc = "patterns of actions: llm.generate, embedding.generate; absent: any"},
    KeyInfo{.name = "resource",
            .shape = Shape::Globs,
            .doc = "patterns of resources: model/gpt-4*, tool/*; absent: any"},
    KeyInfo{.name = "when", .shape = Shape::When, .doc = "conditions that must all hold"},
    KeyInfo{.name = "all", .shape = Shape::Conditions, .doc = "conditions that must all hold"},
    KeyInfo{.name = "reason", .doc = "shown to the caller"},
};

inline constexpr std::array kContentRuleKeys = {
    KeyInfo{.name = "id", .shape = Shape::Name, .doc = "names the rule in decisions and tests"},
    KeyInfo{.name = "name", .doc = "shown in violations; the id otherwise"},
    KeyInfo{.name = "description", .doc = "for readers of the file"},
    KeyInfo{.name = "severity",
            .shape = Shape::Word,
            .doc = "how bad a violation is; medium",
            .words = kSeverityWords},
    KeyInfo{.name = "message", .doc = "what a violation says"},
    KeyInfo{.name = "when", .shape = Shape::When, .doc = "conditions that must all hold"},
    KeyInfo{.name = "all", .shape = Shape::Conditions, .doc = "conditions that must all hold"},
};

inline constexpr std::array kNameListKeys = {
    KeyInfo{.name = "allow", .shape = Shape::Globs, .doc = "only these, unless the list is empty"},
    KeyInfo{.name = "deny", .shape = Shape::Globs, .doc = "never these; looked at first"},
};

inline constexpr std::array kNetworkKeys = {
    KeyInfo{.name = "configured",
            .shape = Shape::Flag,
            .doc = "false: nothing is said of the network, so nothing may be reached"},
    KeyInfo{.name = "enabled", .shape = Shape::Flag, .doc = "false: no host may be reached"},
    KeyInfo{.name = "require_tls", .shape = Shape::Flag, .doc = "no unencrypted connections"},
    KeyInfo{.name = "allow",
            .shape = Shape::Texts,
            .doc = "only these hosts, unless the list is empty; *.example.com is example.com and "
                   "all below it"},
    KeyInfo{.name = "deny", .shape = Shape::Texts, .doc = "never these hosts; looked at first"},
};

inline constexpr std::array kBindKeys = {
    KeyInfo{.name = "agents", .shape = Shape::Globs, .doc = "patterns of agent names"},
    KeyInfo{.name = "keys", .shape = Shape::Globs, .doc = "patterns of hashed user ids"},
    KeyInfo{.name = "integrations", .shape = Shape::Globs, .doc = "patterns of integrations"},
    KeyInfo{.name = "models", .shape = Shape::Globs, .doc = "patterns of models"},
};

// ---- Keys of policies ----

inline constexpr std::array kHeadKeys = {
    KeyInfo{.name = "id",
            .shape = Shape::Name,
            .doc = "names the policy in decisions and tests; unique in all files",
            .required = true},
    KeyInfo{.name = "name", .shape = Shape::Name, .doc = "shown in texts; the id otherwise"},
    KeyInfo{.name = "description", .doc = "for readers of the file"},
    KeyInfo{.name = "type",
            .shape = Shape::Type,
            .doc = "what kind of policy this is",
            .required = true},
    KeyInfo{.name = "agents",
            .shape = Shape::Globs,
            .doc = "patterns of agents it applies to; short for bind.agents"},
    KeyInfo{.name = "bind",
            .shape = Shape::Table,
            .doc = "to whom it applies; all lists that are given must agree",
            .members = kBindKeys},
    KeyInfo{.name = "mode",
            .shape = Shape::Word,
            .doc = "shadow: evaluated and recorded, never enforced",
            .words = kModeWords},
    KeyInfo{.name = "since", .shape = Shape::Date, .doc = "in shadow mode since this day"},
    KeyInfo{.name = "state",
            .shape = Shape::Word,
            .doc = "only active policies act; active",
            .words = kStateWords},
    KeyInfo{.name = "enforcement",
            .shape = Shape::Verdict,
            .doc = "no verdict of this policy is stricter than this"},
};

inline constexpr std::array kOutputKeys = {
    KeyInfo{.name = "output",
            .shape = Shape::Word,
            .doc = "block: answers are judged before they leave; log: they are judged and recorded",
            .words = kOutputWords},
};

inline constexpr std::array kLookKeys = {
    KeyInfo{.name = "on",
            .shape = Shape::Words,
            .doc = "the parts of a conversation it looks at",
            .words = kSurfaceWords},
    KeyInfo{.name = "scope",
            .shape = Shape::Word,
            .doc = "latest_turn: only what came in since the model last spoke",
            .words = kScopeWords},
};

inline constexpr std::array kDetectorKeys = {
    KeyInfo{.name = "on_error",
            .shape = Shape::Word,
            .doc = "what counts when its detector fails or times out; the engine's otherwise",
            .words = kOnErrorWords},
};

inline constexpr std::array kRedactionKeys = {
    KeyInfo{.name = "redaction",
            .shape = Shape::Word,
            .doc = "what stands where something was redacted: mask, [EMAIL_ADDRESS]; hash, "
                   "[EMAIL_ADDRESS:3f9a1c22]; placeholder, <EMAIL_ADDRESS_1>; mask",
            .words = kRedactionWords},
    KeyInfo{.name = "restore",
            .shape = Shape::Flag,
            .doc = "placeholders become their values again in the answer; false"},
};

inline constexpr std::array kKeywordKeys = {
    KeyInfo{.name = "keywords",
            .shape = Shape::Texts,
            .doc = "words to find anywhere, in any letter case",
            .required = true},
    KeyInfo{.name = "action", .shape = Shape::Verdict, .doc = "what finding one means; block"},
};

inline constexpr std::array kRecognizerKeys = {
    KeyInfo{.name = "name",
            .shape = Shape::Name,
            .doc = "what its findings are called: letters, digits, '_' and '-'",
            .required = true},
    KeyInfo{.name = "action",
            .shape = Shape::Verdict,
            .doc = "what finding one means",
            .required = true},
    KeyInfo{.name = "pattern",
            .shape = Shape::Texts,
            .doc = "regular expressions (RE2), matched between the boundaries of words"},
    KeyInfo{.name = "words",
            .shape = Shape::Texts,
            .doc = "words and phrases, in any letter case; they score 1"},
    KeyInfo{.name = "context",
            .shape = Shape::Texts,
            .doc = "words that raise the score by 0.35 when one stands up to 100 bytes before"},
    KeyInfo{.name = "score", .shape = Shape::Share, .doc = "of what a pattern matches; 0.5"},
    KeyInfo{.name = "checksum",
            .shape = Shape::Word,
            .doc = "what its letters and digits have to pass; they score 1 then",
            .words = kChecksumWords},
};

inline constexpr std::array kAllowKeys = {
    KeyInfo{.name = "entity",
            .shape = Shape::Name,
            .doc = "the type, or the recognizer, whose findings these are",
            .required = true},
    KeyInfo{.name = "values", .shape = Shape::Texts, .doc = "whole values, in any letter case"},
    KeyInfo{.name = "pattern",
            .shape = Shape::Texts,
            .doc = "regular expressions (RE2) that are found anywhere in the value"},
};

inline constexpr std::array kPiiKeys = {
    KeyInfo{.name = "threshold",
            .shape = Shape::Share,
            .doc = "findings scored lower are dropped; 0.5"},
    KeyInfo{.name = "entities",
            .shape = Shape::Verdicts,
            .doc =
                "what finding each type means, by its name, its country's (us, uk, de, ...), eu, "
                "or default: the closest counts; types that nothing names are not looked for",
            .required = true,
            .noun = "PII entity type",
            .late_words = entity_words},
    KeyInfo{.name = "recognizer",
            .shape = Shape::Tables,
            .doc = "entities of your own, looked for beside the types",
            .members = kRecognizerKeys},
    KeyInfo{.name = "allow",
            .shape = Shape::Tables,
            .doc = "values that are found and let pass",
            .members = kAllowKeys},
};

constexpr std::array<KeyInfo, 2> kinds_keys(std::span<const std::string_view> (*words)(),
                                            std::string_view noun) {
  return {{{.name = "threshold",
            .shape = Shape::Share,
            .doc = "findings scored lower are dropped; 0.5"},
           {.name = "kinds",
            .shape = Shape::Verdicts,
            .doc = "what finding each kind means, by its name, its group's, or default: the most "
                   "specific counts; what nothing names is not looked for",
            .required = true,
            .noun = noun,
            .late_words = words}}};
}

inline constexpr auto kSecretsKeys =
    kinds_keys([] { return kind_words(KindFamily::Secrets); }, "kind of secret");
inline constexpr auto kInjectionKeys =
    kinds_keys([] { return kind_words(KindFamily::Injection); }, "kind of prompt injection");

inline constexpr std::array kAccessKeys = {
    KeyInfo{.name = "match",
            .shape = Shape::Word,
            .doc = "first: the first rule that matches decides; deny-overrides: the strictest",
            .words = kMatchWords},
    KeyInfo{.name = "default",
            .shape = Shape::Verdict,
            .doc = "what counts when no rule matches; deny"},
    KeyInfo{.name = "rule",
            .shape = Shape::Tables,
            .doc = "the rules, in their order",
            .members = kAccessRuleKeys},
};

inline constexpr std::array kListsKeys = {
    KeyInfo{.name = "models",
            .shape = Shape::Table,
            .doc = "which models may be used",
            .members = kNameListKeys},
    KeyInfo{.name = "tools",
            .shape = Shape::Table,
            .doc = "which tools may be offered and called",
            .members = kNameListKeys},
    KeyInfo{.name = "network",
            .shape = Shape::Table,
            .doc = "which hosts may be reached",
            .members = kNetworkKeys},
    KeyInfo{.name = "on_tool_block",
            .shape = Shape::Word,
            .doc = "replace: a refused call gives way to a text instead of ending the answer",
            .words = kOnToolBlockWords},
};

constexpr KeyInfo amount_row(std::string_view name, std::string_view doc) {
  return {.name = name, .shape = Shape::Whole, .doc = doc, .min = 1, .max = kCountMax};
}

inline constexpr std::array kLimitKeys = {
    KeyInfo{.name = "per",
            .shape = Shape::Word,
            .doc = "who has a counter of their own; agent",
            .words = kPerWords},
    amount_row("requests_per_minute", "requests in any 60 seconds"),
    amount_row("requests_per_hour", "requests in any hour"),
    amount_row("requests_per_day", "requests in any day"),
    amount_row("evaluations_per_month", "requests judged in any 30 days (a quota)"),
    amount_row("tokens_per_minute", "tokens in any 60 seconds"),
    amount_row("tokens_per_hour", "tokens in any hour"),
    amount_row("tokens_per_day", "tokens in any day"),
    amount_row("concurrent_requests", "requests at a time"),
    KeyInfo{.name = "cost_per_hour", .shape = Shape::Money, .doc = "spending in any hour"},
    KeyInfo{.name = "cost_per_day", .shape = Shape::Money, .doc = "spending in any day"},
    KeyInfo{.name = "cost_per_month", .shape = Shape::Money, .doc = "spending in any 30 days"},
    KeyInfo{.name = "token_overrun",
            .shape = Shape::Word,
            .doc = "what happens to the answer that crosses a budget; withhold",
            .words = kOverrunWords},
    amount_row("estimate_output_tokens",
               "tokens reserved for an answer when the request sets no bound; 256"),
    KeyInfo{.name = "on_store_down",
            .shape = Shape::Word,
            .doc = "while the store that gateways share is down: refuse, count here with this "
                   "gateway's share, or admit; closed for tokens and cost, local for the others",
            .words = kStoreDownWords},
};

inline constexpr std::array kContentKeys = {
    KeyInfo{.name = "evaluate",
            .shape = Shape::Word,
            .doc = "first: stop at the first violated rule; all",
            .words = kEvaluateWords},
    KeyInfo{.name = "action", .shape = Shape::Verdict, .doc = "what a violation means; block"},
    KeyInfo{.name = "rule",
            .shape = Shape::Tables,
            .doc = "the rules, in their order",
            .members = kContentRuleKeys,
            .required = true},
};

inline constexpr std::array kPinsKeys = {
    KeyInfo{.name = "on_change",
            .shape = Shape::Verdict,
            .doc = "what it means that a tool's name, description or schema changed; log"},
};

inline constexpr std::array kFlowKeys = {
    KeyInfo{.name = "entities",
            .shape = Shape::Words,
            .doc = "types of values that may not go out again",
            .words = kEntityWords,
            .required = true},
    KeyInfo{.name = "action", .shape = Shape::Verdict, .doc = "what it means; block"},
    KeyInfo{
        .name = "tools_allow", .shape = Shape::Globs, .doc = "tools that may be given such values"},
    KeyInfo{.name = "hosts_allow",
            .shape = Shape::Texts,
            .doc = "hosts that a call with such values may name"},
};

inline constexpr std::array kJudgeKeys = {
    KeyInfo{
        .name = "url", .doc = "where it is asked: http://127.0.0.1:9000/judge", .required = true},
    KeyInfo{
        .name = "threshold", .shape = Shape::Share, .doc = "scores from here on are findings; 0.5"},
    KeyInfo{.name = "deadline_ms",
            .shape = Shape::Whole,
            .doc = "time one question gets; 1000",
            .min = 1,
            .max = 60'000},
    KeyInfo{.name = "action", .shape = Shape::Verdict, .doc = "what a finding means; block"},
};

struct PolicyType {
  std::string_view name;
  std::string_view doc;
  std::span<const KeyInfo> own;
  bool output = false;   // has something to say of answers
  bool looks = false;    // at texts of its choice
  bool detects = false;  // by detectors, which can fail

  // What it finds has a place, in which something else can stand.
  bool redacts() const { return looks && detects && name != "content" && name != "judge"; }
};

inline constexpr std::array kPolicyTypes = {
    PolicyType{"keyword", "fixed words anywhere", kKeywordKeys, true, true, true},
    PolicyType{"pii", "personal data", kPiiKeys, true, true, true},
    PolicyType{"secrets", "keys, tokens and passwords", kSecretsKeys, true, true, true},
    PolicyType{"injection", "attempts to give a model orders", kInjectionKeys, true, true, true},
    PolicyType{"access", "which action on which resource", kAccessKeys, true},
    PolicyType{"lists", "models, tools and hosts by name", kListsKeys, true},
    PolicyType{"limit", "requests, tokens, cost", kLimitKeys},
    PolicyType{"content", "conditions on texts and on what is known of a request", kContentKeys,
               true, true, true},
    PolicyType{"judge", "texts, by a model of your own", kJudgeKeys, true, true, true},
    PolicyType{"pins", "tools that change", kPinsKeys},
    PolicyType{"flow", "values that may not leave", kFlowKeys, true, false, true},
};

// All rows of one type: those that all policies have, then its own.
inline std::vector<KeyInfo> keys_of(const PolicyType& type) {
  std::vector<KeyInfo> keys(kHeadKeys.begin(), kHeadKeys.end());
  if (type.output) keys.insert(keys.end(), kOutputKeys.begin(), kOutputKeys.end());
  if (type.looks) keys.insert(keys.end(), kLookKeys.begin(), kLookKeys.end());
  if (type.detects) keys.insert(keys.end(), kDetectorKeys.begin(), kDetectorKeys.end());
  if (type.redacts()) keys.insert(keys.end(), kRedactionKeys.begin(), kRedactionKeys.end());
  keys.insert(keys.end(), type.own.begin(), type.own.end());
  return keys;
}

// ---- The document ----

inline constexpr std::array kEngineKeys = {
    KeyInfo{.name = "on_error",
            .shape = Shape::Word,
            .doc = "what counts when a detector fails or times out",
            .words = kOnErrorWords},
    KeyInfo{.name = "deadline_ms",
            .shape = Shape::Whole,
            .doc = "time the detectors of one unit get",
            .min = 1,
            .max = 60'000},
    KeyInfo{.name = "approval_ttl_s",
            .shape = Shape::Whole,
            .doc = "time a held request waits for approval",
            .min = 1,
            .max = 30 * 86'400},
    KeyInfo{.name = "error_format",
            .shape = Shape::Word,
            .doc = "shape of refusals",
            .words = kErrorFormatWords},
};

inline constexpr std::array kPriceKeys = {
    KeyInfo{.name = "model",
            .shape = Shape::Globs,
            .doc = "pattern of models; the first row that matches counts",
            .required = true},
    KeyInfo{.name = "input_per_million",
            .shape = Shape::Money,
            .doc = "price of a million input tokens",
            .required = true},
    KeyInfo{.name = "output_per_million",
            .shape = Shape::Money,
            .doc = "price of a million output tokens",
            .required = true},
};

inline constexpr std::array kKeyKeys = {
    KeyInfo{.name = "user_id", .shape = Shape::Globs, .doc = "pattern of hashed user ids"},
    KeyInfo{.name = "key", .shape = Shape::Globs, .doc = "the same as user_id"},
    KeyInfo{.name = "agents",
            .shape = Shape::Globs,
            .doc = "agents the key may speak for, which makes them bound; absent: any, unbound"},
    KeyInfo{.name = "explain", .shape = Shape::Flag, .doc = "X-Capsem-Explain is honoured; false"},
};

inline constexpr std::array kGivenKeys = {
    KeyInfo{.name = "agent_id", .doc = "who asks"},
    KeyInfo{.name = "key_id", .doc = "the hashed user id"},
    KeyInfo{.name = "user_id", .doc = "the same as key_id"},
    KeyInfo{.name = "integration", .doc = "the integration asked"},
    KeyInfo{.name = "route",
            .shape = Shape::Word,
            .doc = "the kind of call; chat",
            .words = kRouteWords},
    KeyInfo{.name = "model", .doc = "the model asked for"},
    KeyInfo{.name = "prompt", .doc = "what the user says"},
    KeyInfo{.name = "response", .doc = "what the model answers"},
    KeyInfo{.name = "tool", .doc = "the tool the model calls"},
    KeyInfo{.name = "tool_args", .doc = "the arguments of that call, as JSON"},
    KeyInfo{.name = "tool_result", .doc = "an earlier tool result in the history"},
    KeyInfo{.name = "tools", .shape = Shape::Texts, .doc = "names of the tools that are offered"},
    KeyInfo{.name = "action", .doc = "instead of a request: the action asked about"},
    KeyInfo{.name = "resource", .doc = "instead of a request: the resource asked about"},
    KeyInfo{.name = "stream", .shape = Shape::Flag, .doc = "the answer is streamed"},
};

inline constexpr std::array kExpectKeys = {
    KeyInfo{.name = "verdict", .shape = Shape::Verdict, .doc = "the verdict"},
    KeyInfo{.name = "decided_by", .doc = "policy/rule that decides"},
    KeyInfo{.name = "code", .doc = "the code that callers see"},
};

inline constexpr std::array kTestKeys = {
    KeyInfo{.name = "given",
            .shape = Shape::Table,
            .doc = "the request",
            .members = kGivenKeys,
            .required = true},
    KeyInfo{.name = "expect",
            .shape = Shape::Table,
            .doc = "what must come of it",
            .members = kExpectKeys,
            .required = true},
};

inline constexpr std::array kDocumentKeys = {
    KeyInfo{.name = "schema",
            .shape = Shape::Whole,
            .doc = "the version of this format",
            .required = true,
            .min = 1,
            .max = 1},
    KeyInfo{.name = "name", .shape = Shape::Name, .doc = "names the document"},
    KeyInfo{.name = "description", .doc = "for readers of the file"},
    KeyInfo{.name = "priority",
            .shape = Shape::Priority,
            .doc = "lower comes first: -1000 to -10 for operators, 10 to 1000 for users; 100"},
    KeyInfo{.name = "engine",
            .shape = Shape::Table,
            .doc = "how the engine treats what policies leave open",
            .members = kEngineKeys},
    KeyInfo{.name = "policy", .shape = Shape::Tables, .doc = "the policies, in their order"},
    KeyInfo{
        .name = "price", .shape = Shape::Tables, .doc = "what tokens cost", .members = kPriceKeys},
    KeyInfo{.name = "key",
            .shape = Shape::Tables,
            .doc = "which agents a key may speak for",
            .members = kKeyKeys},
    KeyInfo{.name = "test",
            .shape = Shape::Tables,
            .doc = "requests and what must come of them",
            .members = kTestKeys},
};

}  // namespace capsem::policy
