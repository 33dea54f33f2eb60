// Anthropic Messages: a text in place of refused calls.
#include <algorithm>
#include <charconv>

#include "core/codec/replacement.h"

namespace capsem::codec {
namespace {

using wire::JsonKind;
using wire::JsonNode;

// What an answer keeps.
constexpr std::string_view kEnvelope[] = {"id", "type", "role", "model", "usage", "container"};

void write(const wire::JsonReader& answer, std::string_view text, std::string& out) {
  std::string block;
  ObjectWriter(block).text("type", "text").text("text", text).close();
  ObjectWriter whole(out);
  copy_members(answer, kEnvelope, false, whole);
  whole.raw("content", "[" + block + "]")
      .text("stop_reason", "end_turn")
      .raw("stop_sequence", "null")
      .close();
}

void note(const wire::JsonReader& event, const JsonNode* usage, StreamPosition& position) {
  if (usage == nullptr) return;
  note_usage(event.nodes(), static_cast<std::uint32_t>(usage - event.nodes().data()),
             position.usage);
}

void track(const wire::JsonReader& event, bool left, StreamPosition& position) {
  const Nodes nodes = event.nodes();
  const std::string_view type = text_member(event, 0, "type");
  if (type == "message_start") {
    if (const JsonNode* message = member_of(nodes, 0, "message")) {
      const auto at = static_cast<std::uint32_t>(message - nodes.data());
      track_envelope(event, at, {"id", "model", ""}, position);
      note(event, member_of(nodes, at, "usage"), position);
    }
  }
  if (type == "message_delta") note(event, member_of(nodes, 0, "usage"), position);
  if (!left) return;

  std::uint32_t index = position.next_block;
  const std::string_view written = raw_member(event, 0, "index");
  std::from_chars(written.data(), written.data() + written.size(), index);
  if (type == "content_block_start") {
    position.open_block = index;
    position.next_block = std::max(position.next_block, index + 1);
    const JsonNode* block = member_of(nodes, 0, "content_block");
    const auto at = block == nullptr ? 0 : static_cast<std::uint32_t>(block - nodes.data());
    if (text_member(event, at, "type") == "tool_use") position.called = true;
  } else if (type == "content_block_stop" && position.open_block == index) {
    position.open_block.reset();
  }
}

void frame(std::string_view type, std::string_view members, std::string& out) {
  out += "event: ";
  out += type;
  out += "\ndata: {\"type\":\"";
  out += type;
  out += '"';
  if (!members.empty()) out += ',';
  out += members;
  out += "}\n\n";
}

void start(const StreamPosition& position, std::string& out) {
  std::string usage, message;
  ObjectWriter(usage)
      .number("input_tokens", position.usage.input_tokens)
      .number("output_tokens", position.usage.output_tokens)
      .close();
  ObjectWriter(message)
      .text("id", position.id.empty() ? "msg_capsem" : position.id)
      .text("type", "message")
      .text("role", "assistant")
      .text("model", position.model)
      .raw("content", "[]")
      .raw("stop_reason", "null")
      .raw("stop_sequence", "null")
      .raw("usage", usage)
      .close();
  frame("message_start", "\"message\":" + message, out);
}

void write_stream(std::string_view text, const StreamPosition& position, Framing,
                  std::string& out) {
  if (!position.started) start(position, out);
  const auto at = [](std::uint32_t index) { return "\"index\":" + std::to_string(index); };
  if (position.open_block) frame("content_block_stop", at(*position.open_block), out);
  const std::string index = at(position.next_block);
  std::string delta;
  ObjectWriter(delta).text("type", "text_delta").text("text", text).close();
  frame("content_block_start", index + R"(,"content_block":{"type":"text","text":""})", out);
  frame("content_block_delta", index + ",\"delta\":" + delta, out);
  frame("content_block_stop", index, out);
  const std::string_view reason = position.called ? "tool_use" : "end_turn";
  frame("message_delta",
        "\"delta\":{\"stop_reason\":\"" + std::string(reason) +
            "\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":" +
            std::to_string(position.usage.output_tokens) + "}",
        out);
  frame("message_stop", "", out);
}

}  // namespace

const Replacement kAnthropicReplacement = {write, track, write_stream};

}  // namespace capsem::codec
