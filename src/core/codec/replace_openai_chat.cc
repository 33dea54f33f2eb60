// Chat Completions: a text in place of refused calls.
#include <algorithm>

#include "core/codec/replacement.h"

namespace capsem::codec {
namespace {

using wire::JsonKind;
using wire::JsonNode;

// What an answer keeps.
constexpr std::string_view kEnvelope[] = {
    "id", "object", "created", "model", "system_fingerprint", "service_tier", "usage"};

void write(const wire::JsonReader& answer, std::string_view text, std::string& out) {
  std::string message, choice;
  ObjectWriter(message)
      .text("role", "assistant")
      .text("content", text)
      .raw("refusal", "null")
      .close();
  ObjectWriter(choice)
      .number("index", 0)
      .raw("message", message)
      .raw("logprobs", "null")
      .text("finish_reason", "stop")
      .close();
  ObjectWriter whole(out);
  copy_members(answer, kEnvelope, false, whole);
  whole.raw("choices", "[" + choice + "]").close();
}

std::uint32_t index_of(const wire::JsonReader& event, std::uint32_t at) {
  const std::string_view index = raw_member(event, at, "index");
  std::uint32_t value = 0;
  for (const char c : index) {
    if (c < '0' || c > '9' || value > 0xffffff) return 0;
    value = value * 10 + static_cast<std::uint32_t>(c - '0');
  }
  return value;
}

void track(const wire::JsonReader& event, bool left, StreamPosition& position) {
  const Nodes nodes = event.nodes();
  track_envelope(event, 0, {"id", "model", "created"}, position);
  if (const JsonNode* usage = member_of(nodes, 0, "usage")) {
    note_usage(nodes, static_cast<std::uint32_t>(usage - nodes.data()), position.usage);
  }
  const JsonNode* choices = member_of(nodes, 0, "choices");
  if (!left || choices == nullptr || choices->kind != JsonKind::Array) return;
  for (auto i = static_cast<std::uint32_t>(choices - nodes.data()) + 1; i < choices->next;
       i = nodes[i].next) {
    StreamPosition::Choice* choice = choice_of(position, index_of(event, i));
    if (choice == nullptr) return;
    const JsonNode* reason = member_of(nodes, i, "finish_reason");
    if (reason != nullptr && reason->kind == JsonKind::String) choice->finished = true;
    const JsonNode* delta = member_of(nodes, i, "delta");
    if (delta == nullptr) continue;
    const auto at = static_cast<std::uint32_t>(delta - nodes.data());
    for (const std::string_view name : {"tool_calls", "function_call"}) {
      const JsonNode* call = member_of(nodes, at, name);
      if (call != nullptr && call->kind >= JsonKind::Array) choice->called = true;
    }
  }
}

void chunk(const StreamPosition& position, std::uint32_t index, std::string_view delta,
           std::string_view finish_reason, std::string& out) {
  std::string choice;
  ObjectWriter(choice)
      .number("index", index)
      .raw("delta", delta)
      .raw("logprobs", "null")
      .raw("finish_reason", finish_reason)
      .close();
  out += "data: ";
  ObjectWriter(out)
      .text("id", position.id.empty() ? "chatcmpl-capsem" : position.id)
      .text("object", "chat.completion.chunk")
      .raw("created", position.created.empty() ? "0" : position.created)
      .text("model", position.model)
      .raw("choices", "[" + choice + "]")
      .close();
  out += "\n\n";
}

void say(const StreamPosition& position, std::uint32_t index, bool begins, bool called,
         std::string_view text, std::string& out) {
  std::string delta;
  ObjectWriter writer(delta);
  if (begins) writer.text("role", "assistant");
  writer.text("content", text).close();
  chunk(position, index, delta, "null", out);
  chunk(position, index, "{}", called ? "\"tool_calls\"" : "\"stop\"", out);
}

void write_stream(std::string_view text, const StreamPosition& position, Framing,
                  std::string& out) {
  bool said = false;
  std::uint32_t next = 0;  // a choice of which nothing has left
  for (const StreamPosition::Choice& choice : position.choices) {
    next = std::max(next, choice.index + 1);
    if (choice.finished) continue;
    say(position, choice.index, false, choice.called, text, out);
    said = true;
  }
  if (!said) say(position, next, true, false, text, out);
  out += "data: [DONE]\n\n";
}

}  // namespace

const Replacement kChatReplacement = {write, track, write_stream};

}  // namespace capsem::codec
