#include "server/mock/json_out.h"
#include "server/mock/render.h"

namespace capsem::mock {
namespace {

std::string text_part(std::string_view text, bool thought) {
  JsonObject part;
  part.str("text", text);
  if (thought) part.boolean("thought", true);
  return part.take();
}

std::string call_part(const ToolCall& call) {
  return JsonObject()
      .raw("functionCall", JsonObject().str("name", call.name).raw("args", call.arguments).take())
      .take();
}

// Gemini has no refusal of its own: it is text.
std::vector<std::string> parts_of(const Choice& choice) {
  std::vector<std::string> parts;
  if (!choice.reasoning.empty()) parts.push_back(text_part(choice.reasoning, true));
  if (!choice.refusal.empty()) parts.push_back(text_part(choice.refusal, false));
  if (!choice.text.empty() || (parts.empty() && choice.calls.empty())) {
    parts.push_back(text_part(choice.text, false));
  }
  for (const ToolCall& call : choice.calls) parts.push_back(call_part(call));
  return parts;
}

std::string logprobs_of(std::string_view text) {
  std::vector<std::string> chosen;
  for (std::string_view token : deltas(text, 0)) {
    chosen.push_back(
        JsonObject().str("token", token).num("tokenId", 1).raw("logProbability", "-0.1").take());
  }
  return JsonObject().raw("chosenCandidates", json_array(chosen)).take();
}

std::string candidate(const Answer& answer, std::size_t index,
                      const std::vector<std::string>& parts, std::string_view finish) {
  JsonObject out;
  out.raw("content", JsonObject().raw("parts", json_array(parts)).str("role", "model").take());
  if (!finish.empty()) out.str("finishReason", finish);
  out.num("index", static_cast<std::int64_t>(index));
  if (answer.logprobs && !finish.empty()) {
    out.raw("logprobsResult", logprobs_of(answer.choices[index].text));
  }
  return out.take();
}

std::string whole(const Answer& answer, const std::vector<std::string>& candidates) {
  return JsonObject()
      .raw("candidates", json_array(candidates))
      .raw("usageMetadata", JsonObject()
                                .num("promptTokenCount", answer.input_tokens)
                                .num("candidatesTokenCount", answer.output_tokens)
                                .num("totalTokenCount", answer.input_tokens + answer.output_tokens)
                                .take())
      .str("modelVersion", answer.model)
      .str("responseId", answer.id)
      .take();
}

std::string finish_of(const Answer& answer) {
  if (answer.finish.empty() || answer.finish == "stop") return "STOP";
  return answer.finish == "length" ? "MAX_TOKENS" : answer.finish;
}

}  // namespace

std::string gemini_body(const Answer& answer) {
  std::vector<std::string> candidates;
  for (std::size_t i = 0; i < answer.choices.size(); ++i) {
    candidates.push_back(candidate(answer, i, parts_of(answer.choices[i]), finish_of(answer)));
  }
  return whole(answer, candidates);
}

std::vector<std::string> gemini_chunks(const Answer& answer, const Cuts& cuts) {
  std::vector<std::vector<Event>> lists;
  for (std::size_t i = 0; i < answer.choices.size(); ++i) {
    const Choice& choice = answer.choices[i];
    std::vector<Event> list;
    auto emit = [&](const std::vector<std::string>& parts, std::string_view finish) {
      list.push_back({"", whole(answer, {candidate(answer, i, parts, finish)})});
    };
    for (std::string_view piece : deltas(choice.reasoning, cuts.characters)) {
      emit({text_part(piece, true)}, "");
    }
    for (std::string_view piece : deltas(choice.refusal, cuts.characters)) {
      emit({text_part(piece, false)}, "");
    }
    for (std::string_view piece : deltas(choice.text, cuts.characters)) {
      emit({text_part(piece, false)}, "");
    }
    for (const ToolCall& call : choice.calls) emit({call_part(call)}, "");
    emit({text_part("", false)}, finish_of(answer));
    lists.push_back(std::move(list));
  }
  std::vector<std::string> chunks;
  for (Event& event : merge(std::move(lists), true)) chunks.push_back(std::move(event.data));
  return chunks;
}

std::string gemini_embeddings(const Prompt& prompt) {
  std::vector<std::string> values(prompt.dimensions, "0.25");
  const std::string one = JsonObject().raw("values", json_array(values)).take();
  if (prompt.inputs == 0) return JsonObject().raw("embedding", one).take();
  return JsonObject()
      .raw("embeddings", json_array(std::vector<std::string>(prompt.inputs, one)))
      .take();
}

}  // namespace capsem::mock
