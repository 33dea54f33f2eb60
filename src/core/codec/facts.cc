#include "core/codec/facts.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "core/base/hash.h"
#include "core/codec/tool_kind.h"

namespace capsem::codec {
namespace {

using wire::JsonKind;
using wire::JsonNode;

std::optional<std::uint64_t> number_of(const JsonNode& node) {
  std::uint64_t value = 0;
  if (node.kind != JsonKind::Number) return std::nullopt;
  const char* end = node.text.data() + node.text.size();
  const auto [stop, error] = std::from_chars(node.text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

std::uint32_t element_count(Nodes nodes, std::uint32_t array) {
  if (nodes[array].kind == JsonKind::Object || nodes[array].kind == JsonKind::String) return 1;
  std::uint32_t count = 0;
  if (nodes[array].kind != JsonKind::Array) return 0;
  for (std::uint32_t i = array + 1; i < nodes[array].next; i = nodes[i].next) ++count;
  return count;
}

// Whether an element of a conversation is the model's. A role decides; the Responses API's items
// and the Interactions API's steps that have none are told by their type, every kind of call among
// them.
bool is_from_model(Nodes nodes, std::uint32_t at) {
  constexpr std::string_view kRoles[] = {"assistant", "model"};
  constexpr std::string_view kTypes[] = {
      "reasoning",      "compaction", "compaction_summary", "mcp_approval_request",
      "mcp_list_tools", "program",    "agent_message",      "thought",
      "model_output",
  };
  if (const JsonNode* role = member_of(nodes, at, "role"); role != nullptr && !role->text.empty()) {
    return std::ranges::find(kRoles, role->text) != std::end(kRoles);
  }
  const JsonNode* type = member_of(nodes, at, "type");
  if (type == nullptr) return false;
  return type->text.ends_with("_call") || std::ranges::find(kTypes, type->text) != std::end(kTypes);
}

std::uint32_t turn_begin(Nodes nodes, std::uint32_t array) {
  if (nodes[array].kind != JsonKind::Array) return 0;
  std::uint32_t begin = 0, after_model = 0, position = 0;
  for (std::uint32_t i = array + 1; i < nodes[array].next; i = nodes[i].next) {
    ++position;
    if (is_from_model(nodes, i)) {
      after_model = position;
    } else {
      begin = after_model;  // something follows: the model's elements before it were answers
    }
  }
  return begin;
}

void assign(std::string& to, const JsonNode& node) {
  if (node.kind == JsonKind::String && !node.text.empty() && to != node.text) to = node.text;
}

// Whose number it is. What a provider counts beside another number is added to it.
enum class Count : std::uint8_t { Input, BesideInput, Output, BesideOutput, Total };
struct UsageName {
  std::string_view key;
  Count count;
};
constexpr UsageName kUsageNames[] = {
    {"prompt_tokens", Count::Input},
    {"input_tokens", Count::Input},
    {"promptTokenCount", Count::Input},
    {"total_input_tokens", Count::Input},
    {"cache_creation_input_tokens", Count::BesideInput},  // Anthropic; OpenAI's are inside
    {"cache_read_input_tokens", Count::BesideInput},
    {"toolUsePromptTokenCount", Count::BesideInput},
    {"total_tool_use_tokens", Count::BesideInput},
    {"completion_tokens", Count::Output},
    {"output_tokens", Count::Output},
    {"candidatesTokenCount", Count::Output},
    {"total_output_tokens", Count::Output},
    {"thoughtsTokenCount", Count::BesideOutput},  // Gemini; OpenAI's and Anthropic's are inside
    {"total_thought_tokens", Count::BesideOutput},
    {"total_reasoning_tokens", Count::BesideOutput},
    {"total_tokens", Count::Total},
    {"totalTokenCount", Count::Total},
};

}  // namespace

const JsonNode* member_of(Nodes nodes, std::uint32_t object, std::string_view name) {
  if (nodes[object].kind != JsonKind::Object) return nullptr;
  for (std::uint32_t i = object + 1; i < nodes[object].next; i = nodes[i].next) {
    if (nodes[i].key == name) return &nodes[i];
  }
  return nullptr;
}

void note_request_fact(Fact fact, Nodes nodes, std::uint32_t at, event::RequestFacts& facts) {
  const JsonNode& node = nodes[at];
  switch (fact) {
    case Fact::Model:
      assign(facts.model, node);
      break;
    case Fact::Stream:
      facts.stream = node.kind == JsonKind::True;
      break;
    case Fact::StreamOptions: {
      const JsonNode* usage = member_of(nodes, at, "include_usage");
      facts.include_usage = usage != nullptr && usage->kind == JsonKind::True;
      break;
    }
    case Fact::Choices:
      if (const auto n = number_of(node)) {
        facts.choices = static_cast<std::uint32_t>(std::min<std::uint64_t>(*n, 0xffffffffU));
      }
      break;
    case Fact::Messages: {
      // Two conversations in one request: the longer of the two turns.
      const std::uint32_t begin = turn_begin(nodes, at);
      facts.turn_begin = facts.messages == 0 ? begin : std::min(facts.turn_begin, begin);
      facts.messages += element_count(nodes, at);
      break;
    }
    case Fact::Tools:
      facts.tools += element_count(nodes, at);
      break;
    case Fact::Background:
      facts.background = node.kind == JsonKind::True;
      break;
    case Fact::OutputMax:
      if (const auto n = number_of(node)) {
        facts.output_tokens_max = std::max(facts.output_tokens_max, *n);
      }
      break;
    case Fact::GenerationConfig:
      if (const JsonNode* most = member_of(nodes, at, "max_output_tokens")) {
        if (const auto n = number_of(*most)) facts.output_tokens_max = *n;
      }
      break;
    case Fact::Attachment:
      if (node.kind >= JsonKind::String) facts.has_files = true;
      break;
    case Fact::Finish:
    case Fact::Usage:
    case Fact::None:
      break;
  }
}

void note_response_fact(Fact fact, Nodes nodes, std::uint32_t at, event::ResponseFacts& facts) {
  switch (fact) {
    case Fact::Model:
      assign(facts.model, nodes[at]);
      break;
    case Fact::Finish:
      assign(facts.finish_reason, nodes[at]);
      break;
    case Fact::Usage:
      note_usage(nodes, at, facts.usage);
      break;
    default:
      break;
  }
}

std::string_view name_of_tool(Nodes nodes, std::uint32_t at) {
  const JsonNode* name = member_of(nodes, at, "name");
  for (const std::string_view around : {"function", "custom"}) {
    if (name != nullptr) break;
    if (const JsonNode* inner = member_of(nodes, at, around)) {
      name = member_of(nodes, static_cast<std::uint32_t>(inner - nodes.data()), "name");
    }
  }
  return name != nullptr && name->kind == JsonKind::String ? name->text : std::string_view();
}

// Streams repeat the numbers, growing, and an event may leave some out: the highest counts.
void note_usage(Nodes nodes, std::uint32_t at, event::Usage& usage) {
  constexpr std::uint64_t kTokensMax = std::uint64_t{1} << 48;  // sums stay far from overflow
  if (nodes[at].kind != JsonKind::Object) return;
  std::uint64_t counts[5] = {};
  for (std::uint32_t i = at + 1; i < nodes[at].next; i = nodes[i].next) {
    const auto value = number_of(nodes[i]);
    if (!value) continue;
    const auto* name = std::ranges::find(kUsageNames, nodes[i].key, &UsageName::key);
    if (name == std::end(kUsageNames)) continue;
    counts[static_cast<std::size_t>(name->count)] += std::min(*value, kTokensMax);
    usage.known = true;
  }
  usage.input_tokens = std::max(usage.input_tokens, counts[0] + counts[1]);
  usage.output_tokens = std::max(usage.output_tokens, counts[2] + counts[3]);
  usage.total_tokens = std::max(
      usage.total_tokens, counts[4] > 0 ? counts[4] : usage.input_tokens + usage.output_tokens);
}

void note_tool_name(Nodes nodes, std::uint32_t at, event::RequestFacts& facts) {
  const JsonNode* id = member_of(nodes, at, "call_id");
  if (id == nullptr) id = member_of(nodes, at, "id");
  if (id == nullptr || id->kind != JsonKind::String) return;
  std::string name(name_of_tool(nodes, at));
  if (name.empty()) {
    const JsonNode* type = member_of(nodes, at, "type");
    if (type != nullptr && type->text.ends_with("_call")) name = name_of_kind(type->text);
  }
  if (!name.empty()) facts.tool_names.emplace_back(id->text, std::move(name));
}

std::uint64_t number_unit(std::uint32_t at, std::uint64_t place, Nodes nodes,
                          event::ResponseFacts& facts) {
  constexpr std::size_t kOpenMax = 64;  // choices whose units are open at once
  const std::string_view name = name_of_tool(nodes, at);
  const JsonNode* more = member_of(nodes, at, "willContinue");
  if (more == nullptr) more = member_of(nodes, at, "will_continue");
  auto open = std::ranges::find(facts.open_units, place, &event::OpenUnit::place);
  const bool continues =
      open != facts.open_units.end() && (name.empty() || hash_bytes(name) == open->name);
  const std::uint32_t number = continues ? open->number : ++facts.numbered_units;
  if (more == nullptr || more->kind != JsonKind::True) {
    if (open != facts.open_units.end()) facts.open_units.erase(open);
  } else if (open != facts.open_units.end()) {
    open->number = number;
    if (!name.empty()) open->name = hash_bytes(name);
  } else if (facts.open_units.size() < kOpenMax) {
    facts.open_units.push_back({place, hash_bytes(name), number});
  }
  return number;
}

std::string_view tool_ref_of(Nodes nodes, std::uint32_t at) {
  for (const std::string_view key : {"tool_call_id", "tool_use_id", "call_id"}) {
    const JsonNode* id = member_of(nodes, at, key);
    if (id != nullptr && id->kind == JsonKind::String) return id->text;
  }
  return {};
}

}  // namespace capsem::codec
