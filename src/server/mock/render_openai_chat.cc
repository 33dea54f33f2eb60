#include "server/mock/json_out.h"
#include "server/mock/render.h"

namespace capsem::mock {
namespace {

constexpr std::int64_t kCreated = 1'760'000'000;

std::string_view finish_of(const Answer& answer, const Choice& choice) {
  if (!answer.finish.empty()) return answer.finish;
  return choice.calls.empty() ? "stop" : "tool_calls";
}

std::string usage_of(const Answer& answer) {
  return JsonObject()
      .num("prompt_tokens", answer.input_tokens)
      .num("completion_tokens", answer.output_tokens)
      .num("total_tokens", answer.input_tokens + answer.output_tokens)
      .raw("prompt_tokens_details", R"({"cached_tokens":0,"audio_tokens":0})")
      .raw("completion_tokens_details",
           R"({"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,)"
           R"("rejected_prediction_tokens":0})")
      .take();
}

// One token per word, each with itself as the only alternative.
std::string logprobs_of(std::string_view text) {
  std::vector<std::string> tokens;
  for (std::string_view token : deltas(text, 0)) {
    std::string bytes = "[";
    for (char c : token) {
      if (bytes.size() > 1) bytes += ',';
      bytes += std::to_string(static_cast<unsigned char>(c));
    }
    bytes += ']';
    const std::string self =
        JsonObject().str("token", token).raw("logprob", "-0.1").raw("bytes", bytes).take();
    tokens.push_back(JsonObject()
                         .str("token", token)
                         .raw("logprob", "-0.1")
                         .raw("bytes", bytes)
                         .raw("top_logprobs", json_array({self}))
                         .take());
  }
  return JsonObject().raw("content", json_array(tokens)).null("refusal").take();
}

std::string call_id(const Answer& answer, std::size_t choice, std::size_t call) {
  return "call_" + answer.id + std::to_string(choice) + std::to_string(call);
}

std::string message_of(const Answer& answer, std::size_t index) {
  const Choice& choice = answer.choices[index];
  JsonObject message;
  message.str("role", "assistant");
  if (choice.text.empty() && (!choice.calls.empty() || !choice.refusal.empty())) {
    message.null("content");
  } else {
    message.str("content", choice.text);
  }
  if (!choice.reasoning.empty()) message.str("reasoning_content", choice.reasoning);
  if (!choice.calls.empty()) {
    std::vector<std::string> calls;
    for (std::size_t i = 0; i < choice.calls.size(); ++i) {
      const std::string function = JsonObject()
                                       .str("name", choice.calls[i].name)
                                       .str("arguments", choice.calls[i].arguments)
                                       .take();
      calls.push_back(JsonObject()
                          .str("id", call_id(answer, index, i))
                          .str("type", "function")
                          .raw("function", function)
                          .take());
    }
    message.raw("tool_calls", json_array(calls));
  }
  if (choice.refusal.empty()) {
    message.null("refusal");
  } else {
    message.str("refusal", choice.refusal);
  }
  return message.raw("annotations", "[]").take();
}

// A chat.completion.chunk with the given choices and usage, both JSON texts.
Event chunk(const Answer& answer, std::string_view choices, std::string_view usage,
            const Cuts& cuts) {
  JsonObject out;
  out.str("id", "chatcmpl-" + answer.id)
      .str("object", "chat.completion.chunk")
      .num("created", kCreated)
      .str("model", answer.model)
      .str("service_tier", "default")
      .null("system_fingerprint")
      .raw("choices", choices);
  if (cuts.include_usage) out.raw("usage", usage);
  if (cuts.obfuscate) out.str("obfuscation", "xQ9");
  return {"", out.take()};
}

// One choice's part of a chunk.
std::string delta_of(std::size_t index, std::string_view delta, std::string_view finish,
                     std::string_view logprobs = "null") {
  JsonObject out;
  out.num("index", static_cast<std::int64_t>(index)).raw("delta", delta).raw("logprobs", logprobs);
  if (finish.empty()) {
    out.null("finish_reason");
  } else {
    out.str("finish_reason", finish);
  }
  return out.take();
}

// The deltas of one tool call: first its name, then its arguments in pieces.
std::vector<std::string> call_deltas(const Answer& answer, std::size_t choice, std::size_t index,
                                     const Cuts& cuts) {
  const ToolCall& call = answer.choices[choice].calls[index];
  const std::uint32_t cut = cuts.name_characters;
  const std::vector<std::string_view> names =
      cut == 0 ? std::vector<std::string_view>{call.name} : deltas(call.name, cut);
  auto wrap = [&](JsonObject& out) {
    return JsonObject().raw("tool_calls", json_array({out.take()})).take();
  };
  JsonObject first;
  first.num("index", static_cast<std::int64_t>(index))
      .str("id", call_id(answer, choice, index))
      .str("type", "function")
      .raw("function", JsonObject()
                           .str("name", names.empty() ? "" : names.front())
                           .str("arguments", cuts.whole_calls ? call.arguments : "")
                           .take());
  std::vector<std::string> out{wrap(first)};
  for (std::size_t i = 1; i < names.size(); ++i) {
    JsonObject next;
    next.num("index", static_cast<std::int64_t>(index))
        .raw("function", JsonObject().str("name", names[i]).take());
    out.push_back(wrap(next));
  }
  if (cuts.whole_calls) return out;
  for (std::string_view piece : deltas(call.arguments, cuts.characters)) {
    JsonObject next;
    next.num("index", static_cast<std::int64_t>(index))
        .raw("function", JsonObject().str("arguments", piece).take());
    out.push_back(wrap(next));
  }
  return out;
}

std::vector<Event> choice_events(const Answer& answer, std::size_t index, const Cuts& cuts) {
  const Choice& choice = answer.choices[index];
  std::vector<Event> events;
  auto emit = [&](std::string_view delta, std::string_view finish = "",
                  std::string_view logprobs = "null") {
    events.push_back(
        chunk(answer, json_array({delta_of(index, delta, finish, logprobs)}), "null", cuts));
  };
  emit(choice.calls.empty() ? R"({"role":"assistant","content":"","refusal":null})"
                            : R"({"role":"assistant","content":null,"refusal":null})");
  for (std::string_view piece : deltas(choice.reasoning, cuts.characters)) {
    emit(JsonObject().str("reasoning_content", piece).take());
  }
  for (std::string_view piece : deltas(choice.refusal, cuts.characters)) {
    emit(JsonObject().str("refusal", piece).take());
  }
  for (std::string_view piece : deltas(choice.text, cuts.characters)) {
    emit(JsonObject().str("content", piece).take(), "",
         answer.logprobs ? logprobs_of(piece) : "null");
  }
  std::vector<std::vector<Event>> calls;
  for (std::size_t i = 0; i < choice.calls.size(); ++i) {
    std::vector<Event> list;
    for (const auto& delta : call_deltas(answer, index, i, cuts)) {
      list.push_back(chunk(answer, json_array({delta_of(index, delta, "")}), "null", cuts));
    }
    calls.push_back(std::move(list));
  }
  for (Event& event : merge(std::move(calls), cuts.interleave)) events.push_back(std::move(event));
  emit("{}", finish_of(answer, choice));
  return events;
}

}  // namespace

std::string chat_body(const Answer& answer) {
  std::vector<std::string> choices;
  for (std::size_t i = 0; i < answer.choices.size(); ++i) {
    choices.push_back(
        JsonObject()
            .num("index", static_cast<std::int64_t>(i))
            .raw("message", message_of(answer, i))
            .raw("logprobs", answer.logprobs ? logprobs_of(answer.choices[i].text) : "null")
            .str("finish_reason", finish_of(answer, answer.choices[i]))
            .take());
  }
  return JsonObject()
      .str("id", "chatcmpl-" + answer.id)
      .str("object", "chat.completion")
      .num("created", kCreated)
      .str("model", answer.model)
      .raw("choices", json_array(choices))
      .raw("usage", usage_of(answer))
      .str("service_tier", "default")
      .null("system_fingerprint")
      .take();
}

std::vector<Event> chat_events(const Answer& answer, const Cuts& cuts) {
  std::vector<std::vector<Event>> lists;
  for (std::size_t i = 0; i < answer.choices.size(); ++i) {
    lists.push_back(choice_events(answer, i, cuts));
  }
  std::vector<Event> events = merge(std::move(lists), cuts.interleave || answer.choices.size() > 1);
  if (cuts.include_usage) events.push_back(chunk(answer, "[]", usage_of(answer), cuts));
  events.push_back({"", "[DONE]"});
  return events;
}

namespace {

// `usage` is a JSON text; empty: no such member.
std::string completions_with(const Answer& answer, std::string_view choices,
                             std::string_view usage) {
  JsonObject out;
  out.str("id", "cmpl-" + answer.id)
      .str("object", "text_completion")
      .num("created", kCreated)
      .str("model", answer.model)
      .raw("choices", choices);
  if (!usage.empty()) out.raw("usage", usage);
  return out.take();
}

std::string completion_choice(std::size_t index, std::string_view text, std::string_view finish,
                              bool logprobs) {
  JsonObject out;
  out.num("index", static_cast<std::int64_t>(index)).str("text", text);
  std::vector<std::string> tokens;
  for (std::string_view token : deltas(text, 0)) tokens.push_back(json_string(token));
  if (logprobs) {
    out.raw("logprobs", JsonObject().raw("tokens", json_array(tokens)).take());
  } else {
    out.null("logprobs");
  }
  if (finish.empty()) {
    out.null("finish_reason");
  } else {
    out.str("finish_reason", finish);
  }
  return out.take();
}

}  // namespace

std::string completions_body(const Answer& answer) {
  std::vector<std::string> choices;
  for (std::size_t i = 0; i < answer.choices.size(); ++i) {
    const Choice& choice = answer.choices[i];
    choices.push_back(
        completion_choice(i, choice.text, finish_of(answer, choice), answer.logprobs));
  }
  return completions_with(answer, json_array(choices), usage_of(answer));
}

std::vector<Event> completions_events(const Answer& answer, const Cuts& cuts) {
  std::vector<std::vector<Event>> lists;
  for (std::size_t i = 0; i < answer.choices.size(); ++i) {
    std::vector<Event> list;
    auto emit = [&](std::string_view text, std::string_view finish) {
      const std::string choice = completion_choice(i, text, finish, answer.logprobs);
      list.push_back(
          {"", completions_with(answer, json_array({choice}), cuts.include_usage ? "null" : "")});
    };
    for (std::string_view piece : deltas(answer.choices[i].text, cuts.characters)) emit(piece, "");
    emit("", finish_of(answer, answer.choices[i]));
    lists.push_back(std::move(list));
  }
  std::vector<Event> events = merge(std::move(lists), true);
  if (cuts.include_usage) events.push_back({"", completions_with(answer, "[]", usage_of(answer))});
  events.push_back({"", "[DONE]"});
  return events;
}

}  // namespace capsem::mock
