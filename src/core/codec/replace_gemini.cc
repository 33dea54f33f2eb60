// Gemini: a text in place of refused calls.
#include "core/codec/replacement.h"

namespace capsem::codec {
namespace {

using wire::JsonKind;
using wire::JsonNode;

// What an answer keeps.
constexpr std::string_view kEnvelope[] = {"usageMetadata", "modelVersion", "responseId",
                                          "createTime"};

std::string candidate(std::string_view text, std::uint32_t index) {
  std::string part, content, out;
  ObjectWriter(part).text("text", text).close();
  ObjectWriter(content).raw("parts", "[" + part + "]").text("role", "model").close();
  ObjectWriter(out)
      .raw("content", content)
      .text("finishReason", "STOP")
      .number("index", index)
      .close();
  return out;
}

void write(const wire::JsonReader& answer, std::string_view text, std::string& out) {
  ObjectWriter whole(out);
  whole.raw("candidates", "[" + candidate(text, 0) + "]");
  copy_members(answer, kEnvelope, false, whole);
  whole.close();
}

void track(const wire::JsonReader& event, bool left, StreamPosition& position) {
  const Nodes nodes = event.nodes();
  track_envelope(event, 0, {"responseId", "modelVersion", ""}, position);
  if (const JsonNode* usage = member_of(nodes, 0, "usageMetadata")) {
    note_usage(nodes, static_cast<std::uint32_t>(usage - nodes.data()), position.usage);
  }
  const JsonNode* candidates = member_of(nodes, 0, "candidates");
  if (!left || candidates == nullptr || candidates->kind != JsonKind::Array) return;
  for (auto i = static_cast<std::uint32_t>(candidates - nodes.data()) + 1; i < candidates->next;
       i = nodes[i].next) {
    const JsonNode* index = member_of(nodes, i, "index");
    const bool is_number = index != nullptr && index->kind == JsonKind::Number;
    const auto choice =
        choice_of(position, is_number && index->text.size() == 1
                                ? static_cast<std::uint32_t>(index->text.front() - '0')
                                : 0);
    if (choice == nullptr) return;
    if (member_of(nodes, i, "finishReason") != nullptr) choice->finished = true;
  }
}

void write_stream(std::string_view text, const StreamPosition& position, Framing framing,
                  std::string& out) {
  std::string candidates;
  const auto say = [&](std::uint32_t index) {
    if (!candidates.empty()) candidates += ',';
    candidates += candidate(text, index);
  };
  for (const StreamPosition::Choice& choice : position.choices) {
    if (!choice.finished) say(choice.index);
  }
  if (candidates.empty()) {
    // Older models put a reason on every chunk: it says nothing.
    for (const StreamPosition::Choice& choice : position.choices) say(choice.index);
  }
  if (candidates.empty()) say(0);

  out += framing == Framing::Sse ? "data: " : position.started ? "," : "[";
  ObjectWriter event(out);
  event.raw("candidates", "[" + candidates + "]");
  if (position.usage.known) {
    std::string usage;
    ObjectWriter(usage)
        .number("promptTokenCount", position.usage.input_tokens)
        .number("candidatesTokenCount", position.usage.output_tokens)
        .number("totalTokenCount", position.usage.total_tokens)
        .close();
    event.raw("usageMetadata", usage);
  }
  if (!position.model.empty()) event.text("modelVersion", position.model);
  if (!position.id.empty()) event.text("responseId", position.id);
  event.close();
  out += framing == Framing::Sse ? "\n\n" : "]";
}

}  // namespace

const Replacement kGeminiReplacement = {write, track, write_stream};

}  // namespace capsem::codec
