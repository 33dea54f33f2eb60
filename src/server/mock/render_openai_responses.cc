#include "server/mock/json_out.h"
#include "server/mock/render.h"

namespace capsem::mock {
namespace {

constexpr std::int64_t kCreated = 1'760'000'000;

std::string usage_of(const Answer& answer) {
  return JsonObject()
      .num("input_tokens", answer.input_tokens)
      .raw("input_tokens_details", R"({"cached_tokens":0})")
      .num("output_tokens", answer.output_tokens)
      .raw("output_tokens_details", R"({"reasoning_tokens":0})")
      .num("total_tokens", answer.input_tokens + answer.output_tokens)
      .take();
}

std::string logprobs_of(std::string_view text, bool wanted) {
  if (!wanted) return "[]";
  std::vector<std::string> tokens;
  for (std::string_view token : deltas(text, 0)) {
    tokens.push_back(JsonObject()
                         .str("token", token)
                         .raw("logprob", "-0.1")
                         .raw("bytes", "[]")
                         .raw("top_logprobs", "[]")
                         .take());
  }
  return json_array(tokens);
}

std::string text_part(const Answer& answer, std::string_view text) {
  return JsonObject()
      .str("type", "output_text")
      .raw("annotations", "[]")
      .raw("logprobs", logprobs_of(text, answer.logprobs))
      .str("text", text)
      .take();
}

std::string refusal_part(std::string_view text) {
  return JsonObject().str("type", "refusal").str("refusal", text).take();
}

// Collects events and numbers them.
class Writer {
 public:
  void add(std::string_view type, JsonObject& body) {
    JsonObject out;
    out.str("type", "response." + std::string(type));
    std::string rest = body.take();
    std::string text = out.take();
    text.pop_back();
    text += ",\"sequence_number\":" + std::to_string(events_.size());
    text += rest.size() > 2 ? ',' : '}';
    if (rest.size() > 2) text.append(rest, 1);
    events_.push_back({"response." + std::string(type), std::move(text)});
  }
  std::vector<Event> take() { return std::move(events_); }

 private:
  std::vector<Event> events_;
};

std::string message_item(const Answer& answer, const Choice& choice, std::string_view id) {
  std::vector<std::string> parts;
  if (!choice.refusal.empty()) parts.push_back(refusal_part(choice.refusal));
  if (!choice.text.empty() || parts.empty()) parts.push_back(text_part(answer, choice.text));
  return JsonObject()
      .str("id", id)
      .str("type", "message")
      .str("status", "completed")
      .raw("content", json_array(parts))
      .str("role", "assistant")
      .take();
}

std::string reasoning_item(const Choice& choice, std::string_view id) {
  const std::string part =
      JsonObject().str("type", "summary_text").str("text", choice.reasoning).take();
  return JsonObject()
      .str("id", id)
      .str("type", "reasoning")
      .raw("summary", json_array({part}))
      .take();
}

std::string call_item(const Answer& answer, const ToolCall& call, std::size_t index,
                      std::string_view arguments, std::string_view status) {
  return JsonObject()
      .str("id", "fc_" + answer.id + std::to_string(index))
      .str("type", "function_call")
      .str("status", status)
      .str("arguments", arguments)
      .str("call_id", "call_" + answer.id + std::to_string(index))
      .str("name", call.name)
      .take();
}

bool has_message(const Choice& choice) {
  return !choice.text.empty() || !choice.refusal.empty() || choice.calls.empty();
}

std::vector<std::string> output_of(const Answer& answer) {
  std::vector<std::string> items;
  for (std::size_t c = 0; c < answer.choices.size(); ++c) {
    const Choice& choice = answer.choices[c];
    const std::string suffix = answer.id + std::to_string(c);
    if (!choice.reasoning.empty()) items.push_back(reasoning_item(choice, "rs_" + suffix));
    if (has_message(choice)) items.push_back(message_item(answer, choice, "msg_" + suffix));
    for (std::size_t i = 0; i < choice.calls.size(); ++i) {
      items.push_back(
          call_item(answer, choice.calls[i], i, choice.calls[i].arguments, "completed"));
    }
  }
  return items;
}

std::string response_object(const Answer& answer, std::string_view status,
                            const std::vector<std::string>& output) {
  JsonObject out;
  out.str("id", "resp_" + answer.id)
      .str("object", "response")
      .num("created_at", kCreated)
      .str("status", status)
      .boolean("background", false)
      .null("error")
      .null("incomplete_details")
      .null("instructions")
      .null("max_output_tokens")
      .str("model", answer.model)
      .raw("output", json_array(output))
      .boolean("parallel_tool_calls", true)
      .null("previous_response_id")
      .raw("reasoning", R"({"effort":null,"summary":null})")
      .boolean("store", true)
      .raw("temperature", "1.0")
      .raw("text", R"({"format":{"type":"text"}})")
      .str("tool_choice", "auto")
      .raw("tools", "[]")
      .raw("top_p", "1.0")
      .str("truncation", "disabled");
  if (status == "completed") {
    out.raw("usage", usage_of(answer));
  } else {
    out.null("usage");
  }
  return out.null("user").raw("metadata", "{}").take();
}

JsonObject place(std::int64_t output_index, std::string_view item_id) {
  JsonObject out;
  out.num("output_index", output_index).str("item_id", item_id);
  return out;
}

// One part of a message: its text arrives in deltas, in `*.done`, and in content_part.done.
void write_part(Writer& writer, const Answer& answer, std::string_view text, bool is_refusal,
                std::int64_t output_index, std::int64_t content_index, std::string_view item_id,
                const Cuts& cuts) {
  const std::string_view leaf = is_refusal ? "refusal" : "output_text";
  auto at = [&] {
    JsonObject out = place(output_index, item_id);
    out.num("content_index", content_index);
    return out;
  };
  writer.add("content_part.added",
             at().raw("part", is_refusal ? refusal_part("") : text_part(answer, "")));
  for (std::string_view piece : deltas(text, cuts.characters)) {
    JsonObject delta = at();
    delta.str("delta", piece);
    if (!is_refusal) delta.raw("logprobs", logprobs_of(piece, answer.logprobs));
    if (cuts.obfuscate) delta.str("obfuscation", "xQ9");
    writer.add(std::string(leaf) + ".delta", delta);
  }
  JsonObject done = at();
  done.str(is_refusal ? "refusal" : "text", text);
  if (!is_refusal) done.raw("logprobs", logprobs_of(text, answer.logprobs));
  writer.add(std::string(leaf) + ".done", done);
  writer.add("content_part.done",
             at().raw("part", is_refusal ? refusal_part(text) : text_part(answer, text)));
}

void write_message(Writer& writer, const Answer& answer, const Choice& choice, std::int64_t index,
                   std::string_view id, const Cuts& cuts) {
  const std::string shell = JsonObject()
                                .str("id", id)
                                .str("type", "message")
                                .str("status", "in_progress")
                                .raw("content", "[]")
                                .str("role", "assistant")
                                .take();
  writer.add("output_item.added", JsonObject().num("output_index", index).raw("item", shell));
  std::int64_t part = 0;
  if (!choice.refusal.empty()) {
    write_part(writer, answer, choice.refusal, true, index, part++, id, cuts);
  }
  if (!choice.text.empty() || part == 0) {
    write_part(writer, answer, choice.text, false, index, part, id, cuts);
  }
  writer.add("output_item.done",
             JsonObject().num("output_index", index).raw("item", message_item(answer, choice, id)));
}

void write_reasoning(Writer& writer, const Choice& choice, std::int64_t index, std::string_view id,
                     const Cuts& cuts) {
  const std::string shell =
      JsonObject().str("id", id).str("type", "reasoning").raw("summary", "[]").take();
  auto at = [&] {
    JsonObject out = place(index, id);
    out.num("summary_index", 0);
    return out;
  };
  auto part = [](std::string_view text) {
    return JsonObject().str("type", "summary_text").str("text", text).take();
  };
  writer.add("output_item.added", JsonObject().num("output_index", index).raw("item", shell));
  writer.add("reasoning_summary_part.added", at().raw("part", part("")));
  for (std::string_view piece : deltas(choice.reasoning, cuts.characters)) {
    writer.add("reasoning_summary_text.delta", at().str("delta", piece));
  }
  writer.add("reasoning_summary_text.done", at().str("text", choice.reasoning));
  writer.add("reasoning_summary_part.done", at().raw("part", part(choice.reasoning)));
  writer.add("output_item.done",
             JsonObject().num("output_index", index).raw("item", reasoning_item(choice, id)));
}

void write_call(Writer& writer, const Answer& answer, const ToolCall& call, std::size_t number,
                std::int64_t index, const Cuts& cuts) {
  const std::string id = "fc_" + answer.id + std::to_string(number);
  writer.add("output_item.added",
             JsonObject()
                 .num("output_index", index)
                 .raw("item", call_item(answer, call, number, "", "in_progress")));
  const std::uint32_t characters =
      cuts.whole_calls ? static_cast<std::uint32_t>(call.arguments.size()) : cuts.characters;
  for (std::string_view piece : deltas(call.arguments, characters)) {
    JsonObject delta = place(index, id);
    delta.str("delta", piece);
    if (cuts.obfuscate) delta.str("obfuscation", "xQ9");
    writer.add("function_call_arguments.delta", delta);
  }
  writer.add("function_call_arguments.done",
             place(index, id).str("name", call.name).str("arguments", call.arguments));
  writer.add("output_item.done",
             JsonObject()
                 .num("output_index", index)
                 .raw("item", call_item(answer, call, number, call.arguments, "completed")));
}

}  // namespace

std::string responses_body(const Answer& answer, std::string_view status) {
  const bool done = status == "completed";
  return response_object(answer, status, done ? output_of(answer) : std::vector<std::string>{});
}

std::vector<Event> responses_events(const Answer& answer, const Cuts& cuts) {
  Writer writer;
  const std::string started = response_object(answer, "in_progress", {});
  writer.add("created", JsonObject().raw("response", started));
  writer.add("in_progress", JsonObject().raw("response", started));
  std::int64_t index = 0;
  for (std::size_t c = 0; c < answer.choices.size(); ++c) {
    const Choice& choice = answer.choices[c];
    const std::string suffix = answer.id + std::to_string(c);
    if (!choice.reasoning.empty()) {
      write_reasoning(writer, choice, index++, "rs_" + suffix, cuts);
    }
    if (has_message(choice)) {
      write_message(writer, answer, choice, index++, "msg_" + suffix, cuts);
    }
    for (std::size_t i = 0; i < choice.calls.size(); ++i) {
      write_call(writer, answer, choice.calls[i], i, index++, cuts);
    }
  }
  writer.add("completed",
             JsonObject().raw("response", response_object(answer, "completed", output_of(answer))));
  return writer.take();
}

}  // namespace capsem::mock
