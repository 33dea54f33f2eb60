// What a policy file says, whatever dialect it is written in (TOML, sekuire.yml, Control Zero, the
// original's one-policy files). Loaders make these values; Snapshot::freeze() compiles them. Plain
// data: no pattern in here has been compiled, but every one has been checked by its loader.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/detect/entity.h"
#include "core/policy/decision.h"

namespace capsem::policy {

// Where in which file something was written. Lines and columns count from 1.
struct Origin {
  std::string file;
  std::uint32_t line = 1, column = 1;
};
std::string to_string(const Origin& origin);  // "policy.toml:43:3"

// ---- What all policies have in common ----

// The parts of a conversation a policy looks at; a set of bits.
using Surfaces = std::uint8_t;
inline constexpr Surfaces kPrompt = 1, kToolName = 2, kToolDefinition = 4, kToolArgs = 8,
                          kToolResult = 16, kResponse = 32, kAllSurfaces = 63;
inline constexpr Surfaces kTextSurfaces = kAllSurfaces & ~kToolName;  // all but names
// "prompt", "tool_name", "tool_definition", "tool_args", "tool_result", "response"; 0: no such
// word.
Surfaces surface_named(std::string_view word);
// The surface of a text: its point, and, for tools, which part of the unit it is.
Surfaces surface_of(event::Point point, event::Part part);

// To whom a policy applies: each list holds globs joined by OR, an empty list is everybody, and all
// four must agree.
struct Binding {
  std::vector<std::string> agents, keys, integrations, models;
};

enum class Mode : std::uint8_t { Enforce, Shadow };  // shadow: judged, never enforced
enum class Lifecycle : std::uint8_t { Draft, Active, Deprecated };  // only Active acts (R39)
enum class OnError : std::uint8_t { Block, Warn, Allow };
// X3. Block: an answer is judged before it leaves. Log: it is judged, and recorded.
enum class Output : std::uint8_t { Block, Log };
enum class TurnScope : std::uint8_t { All, LatestTurn };

// What stands where something was redacted: [EMAIL_ADDRESS]; [EMAIL_ADDRESS:3f9a1c22], the same for
// the same value; <EMAIL_ADDRESS_1>, numbered within a conversation.
enum class RedactionStyle : std::uint8_t { Mask, Hash, Placeholder };
struct Redaction {
  RedactionStyle style = RedactionStyle::Mask;
  bool restore = false;  // placeholders of a request become their values again in its answer
};

struct Head {
  std::string id{};    // unique among the policies of a snapshot
  std::string name{};  // shown in texts and records; the id when the file gives none
  Origin origin{};
  int priority = 100;  // of its document; lower comes first
  Binding bind{};
  Mode mode = Mode::Enforce;
  Lifecycle state = Lifecycle::Active;
  Output output = Output::Block;
  TurnScope scope = TurnScope::All;
  Surfaces on = kAllSurfaces;
  std::optional<Verdict> enforcement{};  // no verdict of this policy is stricter than this
  std::optional<OnError> on_error{};     // of its detectors; the snapshot's otherwise
  Redaction redaction{};                 // of what its verdict Redact speaks of
  std::string since{};                   // "2026-11-01": shadow since (W08)
};

// ---- Conditions ----

// What a condition looks at.
enum class Field : std::uint8_t {
  Content,  // the text of the unit; of the whole prompt for prompts (R40)
  Model,
  Provider,   // "openai"
  Endpoint,   // "/v1/chat/completions"
  Stream,     // "true", "false"
  HasImages,  // R41
  HasFiles,
  FileTypes,  // a list: a condition holds if it holds for one of them; NOT_*: for none
  AgentId,
  AgentBound,  // X11: the key's configuration allows the agent
  KeyId,       // the hashed user id, or a stored key's id
  Integration,
  Action,
  Resource,
  ToolName,
  ToolArgs,    // the arguments' JSON text
  ToolArg,     // one value in it: Condition::path
  UsageInput,  // answers only (E06)
  UsageOutput,
  UsageTotal,
  Context,  // a key of the context that POST /v1/policy/enforce is given: Condition::path
};

enum class Op : std::uint8_t { Glob, Equals, Contains, Matches, In, Gt, Gte, Lt, Lte, Exists };

// Absent is false, negated or not; only Exists speaks of absence.
struct Condition {
  Field field = Field::Content;
  std::string path;  // "path", "items[0].url", "items[*].url": any element
  Op op = Op::Equals;
  bool negated = false;
  std::vector<std::string> values;  // In and Glob: any of them; Exists: none; else one
  Origin origin;
};

// ---- The types ----

// A fixed word anywhere, letter case ignored (R19-R21).
struct KeywordPolicy {
  Head head{.id = "debug", .name = "Debug"};
  std::vector<std::string> keywords = {"capsem_block"};
  Verdict action = Verdict::Block;
};

// An entity that a policy defines itself (own_entities.h). Matches of a pattern score `score`, more
// after a word of context, 1 with a checksum that fits; the words score 1.
struct OwnEntity {
  std::string name;  // as texts and records show it
  Origin origin;
  Verdict action = Verdict::Block;
  std::vector<std::string> patterns, words, context;
  float score = 0.5F;
  std::string checksum;  // "luhn"; empty: none
};

// Values of one entity, a type's or an own one's, that are no findings.
struct AllowedValues {
  std::string entity;
  Origin origin;
  std::vector<std::string> values, patterns;
};

// R22-R25, R29.
struct PiiPolicy {
  Head head{
      .id = "pii", .name = "PIIDetection", .on = kPrompt | kToolArgs | kToolResult | kResponse};
  float score_threshold = 0.5F;
  struct EntityDecision {
    bool configured = false;  // unlisted types are not checked
    Verdict verdict = Verdict::Allow;
    std::uint8_t closeness = 0;  // of the word that said so: see name()
  };
  std::array<EntityDecision, detect::kEntityTypeCount> entities{};
  std::vector<OwnEntity> own{};        // looked for beside the types
  std::vector<AllowedValues> allow{};  // found, and let pass

  // A type, or a group of types (detect::entity_group). The closest word counts, in whatever order
  // they come: the type's own, then its country's, then "eu", then "default". False: no such word.
  bool name(std::string_view word, Verdict verdict);
};
// Every word that PiiPolicy::name() takes.
std::span<const std::string_view> entity_words();

// What finding a secret, or an attempt at injection, means: by the kind's name, by its group's, or
// else `otherwise`; the most specific counts (kind_rules.h).
enum class KindFamily : std::uint8_t { Secrets, Injection };
inline constexpr std::size_t kKindFamilyCount = 2;
// The word that stands for all kinds that nothing else names.
inline constexpr std::string_view kOtherwiseWord = "default";

struct KindsPolicy {
  Head head;
  KindFamily family = KindFamily::Secrets;
  float threshold = 0.5F;  // of scores as the inspection point weighs them
  struct Named {
    std::string name;  // of a kind, or of a group
    Verdict verdict = Verdict::Allow;
  };
  std::vector<Named> named;            // as they were written
  std::optional<Verdict> otherwise{};  // unset: what nothing names is not looked for

  void name(std::string_view word, Verdict verdict);  // a kind, a group, or "default"
};

// As secrets.toml and injection.toml begin: they look at every text, and decide on nothing yet.
KindsPolicy secrets_policy();
KindsPolicy injection_policy();

enum class Match : std::uint8_t { First, DenyOverrides };

struct AccessRule {
  std::string id;  // within its policy; its index ("0") when the file gives none
  Origin origin;
  Verdict effect = Verdict::Block;              // allow: Allow; audit: Monitor; warn: Log
  std::vector<std::string> actions, resources;  // globs, joined by OR; never empty
  std::vector<Condition> when;                  // all must hold
  std::string reason;                           // shown to the caller
};

// S4: which action on which resource. Judges models and embeddings always, tools when one of its
// rules could speak of a tool.
struct AccessPolicy {
  Head head;
  Match match = Match::First;
  Verdict default_effect = Verdict::Block;
  std::vector<AccessRule> rules;
};

struct ListEntry {
  std::string pattern;
  Origin origin;
};
// Denied first, then allowed; an empty allow list allows all (R55).
struct NameLists {
  std::vector<ListEntry> allow, deny;
};

// S3's permissions.network (R66, R67).
struct NetworkLists {
  bool configured = true;  // false: permissions are there, but say nothing of the network
  bool enabled = true, require_tls = false;
  NameLists hosts;
  Origin origin;
};

enum class OnToolBlock : std::uint8_t { Refuse, Replace };  // R84

struct ListsPolicy {
  Head head;
  std::optional<NameLists> models, tools;
  std::optional<NetworkLists> network;
  OnToolBlock on_tool_block = OnToolBlock::Refuse;
};

// R62-R65. 0: no such limit.
struct LimitPolicy {
  Head head;
  enum class Per : std::uint8_t { Agent, Key, Integration, Everyone } per = Per::Agent;
  std::uint64_t requests_per_minute = 0, requests_per_hour = 0, requests_per_day = 0;
  std::uint64_t evaluations_per_month = 0;  // R48: requests that policies are asked about
  std::uint64_t tokens_per_minute = 0, tokens_per_hour = 0, tokens_per_day = 0;
  std::uint64_t concurrent_requests = 0;
  std::uint64_t cost_micros_per_hour = 0, cost_micros_per_day = 0, cost_micros_per_month = 0;
  bool withhold_overrun = true;                // token_overrun = "withhold" | "deliver"
  std::uint64_t estimate_output_tokens = 256;  // reserved when the client sets no bound
  // While the store that gateways share is down. Unset: budgets (tokens, cost) are closed, the
  // others local.
  enum class OnStoreDown : std::uint8_t { Closed, Local, Open };
  std::optional<OnStoreDown> on_store_down{};
};

enum class Severity : std::uint8_t { Low, Medium, High, Critical };
std::string_view to_string(Severity severity);  // "LOW"

struct ContentRule {
  std::string id, name;
  Origin origin;
  Severity severity = Severity::Medium;
  std::string message;
  std::vector<Condition> all;  // joined by AND; never empty
};

// S2's deterministic rules (R52).
struct ContentPolicy {
  Head head;
  bool first_only = false;  // evaluate = "first" | "all"
  Verdict action = Verdict::Block;
  std::vector<ContentRule> rules;
};

// A tool whose name, description or schema changed since this principal first showed it (T18).
struct PinPolicy {
  Head head;
  Verdict on_change = Verdict::Log;
};

// A value found first in a tool result may not go out again in a later tool call, except to the
// tools and hosts that are named.
struct FlowPolicy {
  Head head;
  std::array<bool, detect::kEntityTypeCount> entities{};
  Verdict action = Verdict::Block;
  std::vector<ListEntry> tools_allow;  // globs of tool names
  std::vector<ListEntry> hosts_allow;  // domains: the call may hold URLs of these hosts alone
};

// A model of the operator's own, asked over HTTP what it makes of a text (judge_desk.h).
struct JudgePolicy {
  Head head;
  std::string url;
  float threshold = 0.5F;  // scores from here on are findings
  std::uint32_t deadline_ms = 1'000;
  Verdict action = Verdict::Block;
};

// The gateway's own stored provider keys, found in what others say. In no file: made of what is
// stored; the keys themselves are not in here.
struct OwnKeysPolicy {
  Head head;
  std::vector<std::string> names;
};

using Policy =
    std::variant<KeywordPolicy, PiiPolicy, AccessPolicy, ListsPolicy, LimitPolicy, ContentPolicy,
                 PinPolicy, FlowPolicy, OwnKeysPolicy, JudgePolicy, KindsPolicy>;
const Head& head_of(const Policy& policy);
Head& head_of(Policy& policy);
std::string_view type_of(const Policy& policy);  // "keyword", "pii", "access", ...

// ---- Documents ----

// Which agents a key may speak for, and what it may see (X11).
struct KeyRule {
  std::string key;                  // glob over the hashed user id
  std::vector<std::string> agents;  // globs; empty: any, and never bound
  bool explain = false;             // X-Capsem-Explain is honoured
  Origin origin;
};

// Money per million tokens, in millionths of the currency unit.
struct PriceRule {
  std::string model;  // glob; the first that matches counts
  std::uint64_t input_micros = 0, output_micros = 0;
  Origin origin;
};

// One [[test]] block.
struct PolicyTest {
  Origin origin;
  // given
  std::string agent_id, key_id, integration, route = "chat", model, prompt, response;
  std::string tool, tool_args, tool_result;  // a returned call; its arguments; an earlier result
  std::vector<std::string> tools;            // names of defined tools
  std::string action, resource;              // instead of a request
  bool stream = false;
  // expect; empty: not asserted
  std::string verdict, decided_by, code;
};

// Defaults of the [engine] table; the strictest of all documents counts.
struct EngineDefaults {
  std::optional<OnError> on_error;
  std::optional<std::uint32_t> deadline_ms;
  std::optional<std::uint32_t> approval_ttl_s;
  std::optional<std::string> error_format;
};

struct Document {
  std::string name;
  Origin origin;       // the file, 1:1
  std::string source;  // "capsem", "original", "sekuire", "controlzero"
  int priority = 100;  // operators: -1000 to -10; users: 10 to 1000
  EngineDefaults engine;
  std::vector<Policy> policies;
  std::vector<PriceRule> prices;
  std::vector<KeyRule> keys;
  std::vector<PolicyTest> tests;
};

}  // namespace capsem::policy
