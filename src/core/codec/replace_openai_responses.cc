// Responses: a text in place of refused calls.
#include <algorithm>
#include <charconv>

#include "core/codec/replacement.h"

namespace capsem::codec {
namespace {

using wire::JsonKind;
using wire::JsonNode;

std::string text_part(std::string_view text) {
  std::string out;
  ObjectWriter(out)
      .text("type", "output_text")
      .raw("annotations", "[]")
      .raw("logprobs", "[]")
      .text("text", text)
      .close();
  return out;
}

std::string message_id(std::string_view response_id) {
  constexpr std::string_view kPrefix = "resp_";
  if (response_id.starts_with(kPrefix)) response_id.remove_prefix(kPrefix.size());
  return "msg_capsem" + std::string(response_id.empty() ? "" : "_") + std::string(response_id);
}

std::string message(std::string_view id, std::string_view status, std::string_view content) {
  std::string out;
  ObjectWriter(out)
      .text("id", id)
      .text("type", "message")
      .text("status", status)
      .text("role", "assistant")
      .raw("content", content)
      .close();
  return out;
}

// What a finished answer says in its own way; everything else is copied.
constexpr std::string_view kOwn[] = {"output", "output_text", "status", "error",
                                     "incomplete_details"};

void finish(const wire::JsonReader& answer, std::string_view output, std::string& out) {
  ObjectWriter whole(out);
  copy_members(answer, kOwn, true, whole);
  whole.text("status", "completed")
      .raw("error", "null")
      .raw("incomplete_details", "null")
      .raw("output", output)
      .close();
}

void write(const wire::JsonReader& answer, std::string_view text, std::string& out) {
  const std::string id = message_id(text_member(answer, 0, "id"));
  finish(answer, "[" + message(id, "completed", "[" + text_part(text) + "]") + "]", out);
}

void track_item(const wire::JsonReader& event, std::string_view type, std::uint32_t output,
                StreamPosition& position) {
  constexpr std::size_t kOpenMax = 256;
  constexpr std::string_view kPieces[] = {
      "response.output_text.delta", "response.function_call_arguments.delta",
      "response.custom_tool_call_input.delta", "response.mcp_call_arguments.delta"};
  auto open = std::ranges::find(position.open_items, output, &StreamPosition::OpenItem::output);
  if (type == "response.output_item.added") {
    position.next_output = std::max(position.next_output, output + 1);
    if (open != position.open_items.end() || position.open_items.size() >= kOpenMax) return;
    position.open_items.push_back({output, std::string(raw_member(event, 0, "item")), {}});
  } else if (type == "response.output_item.done") {
    position.next_output = std::max(position.next_output, output + 1);
    if (open != position.open_items.end()) position.open_items.erase(open);
    if (!position.items.empty()) position.items += ',';
    position.items += raw_member(event, 0, "item");
  } else if (open != position.open_items.end() &&
             std::ranges::find(kPieces, type) != std::end(kPieces)) {
    open->said += text_member(event, 0, "delta");
  }
}

void track(const wire::JsonReader& event, bool left, StreamPosition& position) {
  const Nodes nodes = event.nodes();
  if (const JsonNode* response = member_of(nodes, 0, "response")) {
    const auto at = static_cast<std::uint32_t>(response - nodes.data());
    track_envelope(event, at, {"id", "model", "created_at"}, position);
    if (const JsonNode* usage = member_of(nodes, at, "usage")) {
      note_usage(nodes, static_cast<std::uint32_t>(usage - nodes.data()), position.usage);
    }
    if (left) position.response = raw_member(event, 0, "response");
  }
  if (!left) return;
  const auto number = [&event](std::string_view name, std::uint64_t missing) {
    const std::string_view written = raw_member(event, 0, name);
    std::from_chars(written.data(), written.data() + written.size(), missing);
    return missing;
  };
  position.next_sequence = number("sequence_number", position.next_sequence) + 1;
  const auto output = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(number("output_index", position.next_output), 0xffffff));
  track_item(event, text_member(event, 0, "type"), output, position);
}

// One event after the other, numbered.
class Events {
 public:
  Events(const StreamPosition& position, std::string& out)
      : sequence_(position.next_sequence), out_(out) {}

  void write(std::string_view type, std::string_view members) {
    out_ += "event: ";
    out_ += type;
    out_ += "\ndata: {\"type\":\"";
    out_ += type;
    out_ += "\",\"sequence_number\":" + std::to_string(sequence_++) + ",";
    out_ += members;
    out_ += "}\n\n";
  }

 private:
  std::uint64_t sequence_;
  std::string& out_;
};

// The response object that the stream is about, for a server whose own has not left.
std::string bare_response(const StreamPosition& position) {
  std::string out;
  ObjectWriter(out)
      .text("id", position.id.empty() ? "resp_capsem" : position.id)
      .text("object", "response")
      .raw("created_at", position.created.empty() ? "0" : position.created)
      .text("status", "in_progress")
      .raw("error", "null")
      .raw("incomplete_details", "null")
      .raw("instructions", "null")
      .raw("metadata", "{}")
      .text("model", position.model)
      .raw("output", "[]")
      .raw("parallel_tool_calls", "true")
      .raw("temperature", "null")
      .text("tool_choice", "auto")
      .raw("tools", "[]")
      .raw("top_p", "null")
      .raw("usage", "null")
      .close();
  return out;
}

void say(std::string_view text, const std::string& id, std::uint32_t output, Events& events) {
  const std::string item = "\"output_index\":" + std::to_string(output);
  const std::string part = "\"item_id\":\"" + id + "\"," + item + ",\"content_index\":0,";
  std::string delta, done;
  ObjectWriter(delta).text("delta", text).raw("logprobs", "[]").close();
  ObjectWriter(done).text("text", text).raw("logprobs", "[]").close();
  const auto members = [](const std::string& object) {
    return object.substr(1, object.size() - 2);
  };
  const std::string whole = message(id, "completed", "[" + text_part(text) + "]");
  events.write("response.output_item.added",
               item + ",\"item\":" + message(id, "in_progress", "[]"));
  events.write("response.content_part.added", part + "\"part\":" + text_part(""));
  events.write("response.output_text.delta", part + members(delta));
  events.write("response.output_text.done", part + members(done));
  events.write("response.content_part.done", part + "\"part\":" + text_part(text));
  events.write("response.output_item.done", item + ",\"item\":" + whole);
}

// What has left of an item, as an item.
std::string closed(const StreamPosition::OpenItem& item) {
  // A member that grows in pieces, and what it is called in which kind of item.
  struct Grows {
    std::string_view type, member;
  };
  constexpr Grows kGrows[] = {{"function_call", "arguments"},
                              {"mcp_call", "arguments"},
                              {"custom_tool_call", "input"},
                              {"message", "content"}};
  std::string padded = item.added;
  padded.append(wire::JsonReader::kPadding, ' ');
  wire::JsonReader added;
  if (!added.parse(std::string_view(padded).substr(0, item.added.size()))) return item.added;
  const auto* grows = std::ranges::find(kGrows, text_member(added, 0, "type"), &Grows::type);
  if (grows == std::end(kGrows)) return item.added;
  const std::string_view own[] = {grows->member, "status"};
  std::string out;
  ObjectWriter writer(out);
  copy_members(added, own, true, writer);
  writer.text("status", "incomplete");
  if (grows->type == "message") {
    writer.raw("content", "[" + text_part(item.said) + "]");
  } else {
    writer.text(grows->member, item.said);
  }
  writer.close();
  return out;
}

void write_stream(std::string_view text, const StreamPosition& position, Framing,
                  std::string& out) {
  Events events(position, out);
  std::string response = position.response;
  if (response.empty()) {
    response = bare_response(position);
    events.write("response.created", "\"response\":" + response);
    events.write("response.in_progress", "\"response\":" + response);
  }
  // Ids are written as they are below: one that needs escapes is none.
  std::string id = message_id(position.id);
  for (char& c : id) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                       c == '_' || c == '-' || c == '.';
    if (!plain) c = '_';
  }
  // Clients accept the end only when every item that was added is done.
  std::string items = position.items;
  for (const StreamPosition::OpenItem& open : position.open_items) {
    const std::string item = closed(open);
    events.write("response.output_item.done",
                 "\"output_index\":" + std::to_string(open.output) + ",\"item\":" + item);
    items += (items.empty() ? "" : ",") + item;
  }
  say(text, id, position.next_output, events);

  const std::string mine = message(id, "completed", "[" + text_part(text) + "]");
  const std::string output = "[" + items + (items.empty() ? "" : ",") + mine + "]";
  const std::size_t size = response.size();
  response.append(wire::JsonReader::kPadding, ' ');
  wire::JsonReader reader;
  std::string finished;
  if (reader.parse(std::string_view(response).substr(0, size))) finish(reader, output, finished);
  events.write("response.completed", "\"response\":" + finished);
}

}  // namespace

const Replacement kResponsesReplacement = {write, track, write_stream};

}  // namespace capsem::codec
