#include "core/codec/usage.h"

#include "core/codec/facts.h"

namespace capsem::codec {
namespace {

using wire::JsonKind;
using wire::JsonNode;

constexpr std::string_view kAsk = R"("include_usage":true)";

BodyEdit insert(std::uint32_t offset, std::string text) {
  return {offset, 0, std::move(text)};
}
BodyEdit replace(const JsonNode& value, std::string text) {
  return {value.begin, value.end - value.begin, std::move(text)};
}

// The member whose value is nodes[at] of the object at `object`, its name and one comma included:
// without these bytes the object is written as if it had never had the member.
event::ByteRange member_bytes(std::string_view text, Nodes nodes, std::uint32_t object,
                              std::uint32_t at) {
  const JsonNode* before = nullptr;
  for (std::uint32_t i = object + 1; i < at; i = nodes[i].next) before = &nodes[i];
  if (before != nullptr) return {before->end, nodes[at].end};
  const auto quote = [text](std::size_t from) {
    return static_cast<std::uint32_t>(text.find('"', from));
  };
  const std::uint32_t name = quote(nodes[object].begin);
  const bool is_last = nodes[at].next == nodes[object].next;
  return {name, is_last ? nodes[at].end : quote(nodes[at].end)};
}

}  // namespace

std::optional<BodyEdit> ask_openai_for_usage(const wire::JsonReader& request) {
  const Nodes nodes = request.nodes();
  if (nodes.empty()) return std::nullopt;
  const JsonNode* stream = member_of(nodes, 0, "stream");
  if (stream == nullptr || stream->kind != JsonKind::True) return std::nullopt;
  const JsonNode* options = member_of(nodes, 0, "stream_options");
  if (options == nullptr) {  // `stream` follows, so a comma does
    return insert(nodes[0].begin + 1, "\"stream_options\":{" + std::string(kAsk) + "},");
  }
  if (options->kind == JsonKind::Null) return replace(*options, "{" + std::string(kAsk) + "}");
  if (options->kind != JsonKind::Object) return std::nullopt;
  const auto at = static_cast<std::uint32_t>(options - nodes.data());
  if (const JsonNode* asked = member_of(nodes, at, "include_usage")) {
    if (asked->kind == JsonKind::True) return std::nullopt;
    return replace(*asked, "true");
  }
  const bool is_empty = options->next == at + 1;
  return insert(options->begin + 1, std::string(kAsk) + (is_empty ? "" : ","));
}

UsageTrace trace_openai_usage(const wire::JsonReader& event) {
  const Nodes nodes = event.nodes();
  if (nodes.empty()) return {};
  const JsonNode* usage = member_of(nodes, 0, "usage");
  if (usage == nullptr) return {};
  const auto at = static_cast<std::uint32_t>(usage - nodes.data());
  if (usage->kind == JsonKind::Null) {
    return {.whole_event = false, .member = member_bytes(event.text(), nodes, 0, at)};
  }
  // Servers that report usage unasked do so in a chunk that has a choice.
  const JsonNode* choices = member_of(nodes, 0, "choices");
  const bool says_nothing = choices != nullptr && choices->kind == JsonKind::Array &&
                            choices->next == static_cast<std::uint32_t>(choices - nodes.data()) + 1;
  return {.whole_event = says_nothing, .member = {}};
}

}  // namespace capsem::codec
