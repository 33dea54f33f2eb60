#include "server/mock/json_out.h"
#include "server/mock/render.h"

namespace capsem::mock {
namespace {

// Not a signature of anything, but as opaque as one.
constexpr std::string_view kSignature = "ErUBCkYIBxgCIkDmockmockmockmockmockmockmockmockmock==";

// Anthropic has one answer: the first choice.
const Choice& only(const Answer& answer) {
  return answer.choices.front();
}

std::string stop_reason(const Answer& answer) {
  if (answer.finish == "length") return "max_tokens";
  if (!answer.finish.empty() && answer.finish != "stop") return answer.finish;
  if (!only(answer).refusal.empty()) return "refusal";
  return only(answer).calls.empty() ? "end_turn" : "tool_use";
}

std::string tool_block(const Answer& answer, std::size_t index, std::string_view input) {
  return JsonObject()
      .str("type", "tool_use")
      .str("id", "toolu_" + answer.id + std::to_string(index))
      .str("name", only(answer).calls[index].name)
      .raw("input", input)
      .take();
}

std::string text_block(std::string_view text) {
  return JsonObject().str("type", "text").str("text", text).take();
}

std::string visible_text(const Choice& choice) {
  return choice.refusal + choice.text;
}

std::string usage_of(const Answer& answer, std::int64_t output_tokens) {
  return JsonObject()
      .num("input_tokens", answer.input_tokens)
      .num("cache_creation_input_tokens", 0)
      .num("cache_read_input_tokens", 0)
      .num("output_tokens", output_tokens)
      .str("service_tier", "standard")
      .take();
}

std::string message(const Answer& answer, const std::vector<std::string>& content,
                    std::string_view stop, std::int64_t output_tokens) {
  JsonObject out;
  out.str("id", "msg_" + answer.id)
      .str("type", "message")
      .str("role", "assistant")
      .str("model", answer.model)
      .raw("content", json_array(content));
  if (stop.empty()) {
    out.null("stop_reason");
  } else {
    out.str("stop_reason", stop);
  }
  return out.null("stop_sequence").raw("usage", usage_of(answer, output_tokens)).take();
}

// Collects the events of one stream, block after block.
class Writer {
 public:
  void add(std::string_view type, JsonObject& rest) {
    JsonObject out;
    std::string text = out.str("type", type).take();
    const std::string more = rest.take();
    if (more.size() > 2) {
      text.pop_back();
      text += ',';
      text.append(more, 1);
    }
    events_.push_back({std::string(type), std::move(text)});
  }
  void begin_block(std::string_view block) {
    add("content_block_start", JsonObject().num("index", index_).raw("content_block", block));
  }
  void delta(std::string_view type, std::string_view key, std::string_view piece) {
    add("content_block_delta",
        JsonObject()
            .num("index", index_)
            .raw("delta", JsonObject().str("type", type).str(key, piece).take()));
  }
  void end_block() { add("content_block_stop", JsonObject().num("index", index_++)); }
  std::vector<Event> take() { return std::move(events_); }

 private:
  std::vector<Event> events_;
  std::int64_t index_ = 0;
};

void write_thinking(Writer& writer, const Choice& choice, const Cuts& cuts) {
  if (choice.reasoning.empty()) return;
  writer.begin_block(R"({"type":"thinking","thinking":"","signature":""})");
  for (std::string_view piece : deltas(choice.reasoning, cuts.characters)) {
    writer.delta("thinking_delta", "thinking", piece);
  }
  writer.delta("signature_delta", "signature", kSignature);
  writer.end_block();
}

void write_calls(Writer& writer, const Answer& answer, const Cuts& cuts) {
  const auto& calls = only(answer).calls;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    writer.begin_block(tool_block(answer, i, "{}"));
    writer.delta("input_json_delta", "partial_json", "");
    const std::string& arguments = calls[i].arguments;
    const std::uint32_t characters =
        cuts.whole_calls ? static_cast<std::uint32_t>(arguments.size()) : cuts.characters;
    for (std::string_view piece : deltas(arguments, characters)) {
      writer.delta("input_json_delta", "partial_json", piece);
    }
    writer.end_block();
  }
}

}  // namespace

std::string anthropic_body(const Answer& answer) {
  const Choice& choice = only(answer);
  std::vector<std::string> content;
  if (!choice.reasoning.empty()) {
    content.push_back(JsonObject()
                          .str("type", "thinking")
                          .str("thinking", choice.reasoning)
                          .str("signature", kSignature)
                          .take());
  }
  const std::string text = visible_text(choice);
  if (!text.empty() || choice.calls.empty()) content.push_back(text_block(text));
  for (std::size_t i = 0; i < choice.calls.size(); ++i) {
    content.push_back(tool_block(answer, i, choice.calls[i].arguments));
  }
  return message(answer, content, stop_reason(answer), answer.output_tokens);
}

std::vector<Event> anthropic_events(const Answer& answer, const Cuts& cuts) {
  const Choice& choice = only(answer);
  Writer writer;
  writer.add("message_start", JsonObject().raw("message", message(answer, {}, "", 1)));
  write_thinking(writer, choice, cuts);
  JsonObject nothing;
  writer.add("ping", nothing);
  const std::string text = visible_text(choice);
  if (!text.empty() || choice.calls.empty()) {
    writer.begin_block(text_block(""));
    for (std::string_view piece : deltas(text, cuts.characters)) {
      writer.delta("text_delta", "text", piece);
    }
    writer.end_block();
  }
  write_calls(writer, answer, cuts);
  writer.add(
      "message_delta",
      JsonObject()
          .raw("delta",
               JsonObject().str("stop_reason", stop_reason(answer)).null("stop_sequence").take())
          .raw("usage", JsonObject().num("output_tokens", answer.output_tokens).take()));
  JsonObject last;
  writer.add("message_stop", last);
  return writer.take();
}

std::string anthropic_complete_body(const Answer& answer) {
  return JsonObject()
      .str("type", "completion")
      .str("id", "compl_" + answer.id)
      .str("completion", visible_text(only(answer)))
      .str("stop_reason", "stop_sequence")
      .str("model", answer.model)
      .take();
}

}  // namespace capsem::mock
