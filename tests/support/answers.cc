#include "tests/support/answers.h"

#include "core/codec/denial.h"

namespace capsem::test {
namespace {

using codec::Dialect;

std::string join(const std::vector<std::string>& pieces) {
  std::string all;
  for (const auto& piece : pieces) all += piece;
  return all;
}

std::string data(const std::string& json) {
  return "data: " + json + "\n\n";
}

std::string named(const std::string& type, const std::string& rest) {
  return "event: " + type + "\ndata: {\"type\":\"" + type + "\"" + rest + "}\n\n";
}

// Gemini elements as SSE events or as one JSON array.
std::string gemini_frames(const Channel& channel, const std::vector<std::string>& elements) {
  std::string out;
  if (channel.answer == engine::Answer::Sse) {
    for (const auto& element : elements) out += data(element);
    return out;
  }
  out = "[";
  for (std::size_t i = 0; i < elements.size(); ++i) out += (i ? ",\r\n" : "") + elements[i];
  return out + "\n]";
}

std::string gemini_part(const std::string& part, bool last) {
  return R"({"candidates":[{"content":{"parts":[)" + part + R"(],"role":"model"})" +
         (last ? R"(,"finishReason":"STOP")" : "") + R"(,"index":0}],"modelVersion":"m"})";
}

std::string chat_chunk(const std::string& delta, const std::string& finish = "null") {
  return data(R"({"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[)"
              R"({"index":0,"delta":)" +
              delta + R"(,"logprobs":null,"finish_reason":)" + finish + "}]}");
}

std::string responses_frame(const std::string& item_shell, const std::string& item,
                            const std::string& deltas) {
  return named(
             "response.created",
             R"(,"sequence_number":0,"response":{"id":"resp_1","object":"response","status":"in_progress","output":[]})") +
         named("response.output_item.added",
               R"(,"sequence_number":1,"output_index":0,"item":)" + item_shell) +
         deltas +
         named("response.output_item.done",
               R"(,"sequence_number":90,"output_index":0,"item":)" + item) +
         named(
             "response.completed",
             R"(,"sequence_number":91,"response":{"id":"resp_1","object":"response","status":"completed","output":[)" +
                 item + "]}");
}

std::string responses_text_item(std::string_view text) {
  return R"({"id":"msg_1","type":"message","role":"assistant","status":"completed","content":[{"type":"output_text","annotations":[],"text":)" +
         json_string(text) + "}]}";
}

std::string responses_call_item(std::string_view tool, std::string_view arguments) {
  return R"({"id":"fc_1","type":"function_call","call_id":"call_1","status":"completed","name":)" +
         json_string(tool) + R"(,"arguments":)" + json_string(arguments) + "}";
}

std::string anthropic_frame(const std::string& block, const std::string& deltas,
                            const std::string& stop) {
  return named(
             "message_start",
             R"(,"message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"usage":{"input_tokens":1,"output_tokens":1}})") +
         named("content_block_start", R"(,"index":0,"content_block":)" + block) + deltas +
         named("content_block_stop", R"(,"index":0)") +
         named("message_delta", R"(,"delta":{"stop_reason":")" + stop +
                                    R"(","stop_sequence":null},"usage":{"output_tokens":9})") +
         named("message_stop", "");
}

}  // namespace

std::string json_string(std::string_view text) {
  std::string out;
  codec::append_json_string(out, text);
  return out;
}

std::string text_stream(const Channel& channel, const std::vector<std::string>& deltas) {
  std::string out;
  switch (channel.dialect) {
    case Dialect::OpenAiChat:
      out = chat_chunk(R"({"role":"assistant","content":""})");
      for (const auto& d : deltas) out += chat_chunk(R"({"content":)" + json_string(d) + "}");
      return out + chat_chunk("{}", "\"stop\"") + "data: [DONE]\n\n";
    case Dialect::OpenAiCompletions:
      for (const auto& d : deltas) {
        out += data(
            R"({"id":"c1","object":"text_completion","model":"m","choices":[{"index":0,"text":)" +
            json_string(d) + R"(,"finish_reason":null}]})");
      }
      return out + "data: [DONE]\n\n";
    case Dialect::OpenAiResponses: {
      const std::string at =
          R"(,"sequence_number":3,"item_id":"msg_1","output_index":0,"content_index":0)";
      out = named("response.content_part.added",
                  at + R"(,"part":{"type":"output_text","text":"","annotations":[]})");
      for (const auto& d : deltas) {
        out += named("response.output_text.delta", at + R"(,"delta":)" + json_string(d));
      }
      const std::string text = json_string(join(deltas));
      out += named("response.output_text.done", at + R"(,"text":)" + text);
      out += named("response.content_part.done",
                   at + R"(,"part":{"type":"output_text","annotations":[],"text":)" + text + "}");
      return responses_frame(R"({"id":"msg_1","type":"message","role":"assistant","content":[]})",
                             responses_text_item(join(deltas)), out);
    }
    case Dialect::Gemini: {
      std::vector<std::string> elements;
      for (std::size_t i = 0; i < deltas.size(); ++i) {
        elements.push_back(
            gemini_part(R"({"text":)" + json_string(deltas[i]) + "}", i + 1 == deltas.size()));
      }
      return gemini_frames(channel, elements);
    }
    case Dialect::Anthropic:
      for (const auto& d : deltas) {
        out += named("content_block_delta",
                     R"(,"index":0,"delta":{"type":"text_delta","text":)" + json_string(d) + "}");
      }
      return anthropic_frame(R"({"type":"text","text":""})", out, "end_turn");
    default:
      return {};
  }
}

std::string text_body(Dialect dialect, std::string_view text) {
  const std::string t = json_string(text);
  switch (dialect) {
    case Dialect::OpenAiChat:
      return R"({"id":"c1","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":)" +
             t +
             R"(,"refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}})";
    case Dialect::OpenAiCompletions:
      return R"({"id":"c1","object":"text_completion","model":"m","choices":[{"index":0,"text":)" +
             t + R"(,"finish_reason":"stop"}]})";
    case Dialect::OpenAiResponses:
      return R"({"id":"resp_1","object":"response","status":"completed","output":[)" +
             responses_text_item(text) + "]}";
    case Dialect::Gemini:
      return gemini_part(R"({"text":)" + t + "}", true);
    case Dialect::Anthropic:
      return R"({"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":)" +
             t + R"(}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":2}})";
    default:
      return {};
  }
}

std::string tool_stream(const Channel& channel, std::string_view tool,
                        const std::vector<std::string>& fragments) {
  std::string out;
  const std::string name = json_string(tool);
  switch (channel.dialect) {
    case Dialect::OpenAiChat:
      out = chat_chunk(
          R"({"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":)" +
          name + R"(,"arguments":""}}]})");
      for (const auto& f : fragments) {
        out += chat_chunk(R"({"tool_calls":[{"index":0,"function":{"arguments":)" + json_string(f) +
                          "}}]}");
      }
      return out + chat_chunk("{}", "\"tool_calls\"") + "data: [DONE]\n\n";
    case Dialect::OpenAiResponses: {
      const std::string at = R"(,"sequence_number":3,"item_id":"fc_1","output_index":0)";
      for (const auto& f : fragments) {
        out +=
            named("response.function_call_arguments.delta", at + R"(,"delta":)" + json_string(f));
      }
      out += named("response.function_call_arguments.done",
                   at + R"(,"arguments":)" + json_string(join(fragments)));
      return responses_frame(responses_call_item(tool, ""),
                             responses_call_item(tool, join(fragments)), out);
    }
    case Dialect::Gemini:
      return gemini_frames(channel, {gemini_part(R"({"functionCall":{"name":)" + name +
                                                     R"(,"args":)" + join(fragments) + "}}",
                                                 true)});
    case Dialect::Anthropic:
      for (const auto& f : fragments) {
        out += named("content_block_delta",
                     R"(,"index":0,"delta":{"type":"input_json_delta","partial_json":)" +
                         json_string(f) + "}");
      }
      return anthropic_frame(
          R"({"type":"tool_use","id":"toolu_1","name":)" + name + R"(,"input":{}})", out,
          "tool_use");
    default:
      return {};
  }
}

std::string tool_body(Dialect dialect, std::string_view tool, std::string_view arguments) {
  const std::string name = json_string(tool);
  const std::string args(arguments);
  switch (dialect) {
    case Dialect::OpenAiChat:
      return R"({"id":"c1","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":)" +
             name + R"(,"arguments":)" + json_string(arguments) +
             R"(}}]},"finish_reason":"tool_calls"}]})";
    case Dialect::OpenAiResponses:
      return R"({"id":"resp_1","object":"response","status":"completed","output":[)" +
             responses_call_item(tool, arguments) + "]}";
    case Dialect::Gemini:
      return gemini_part(R"({"functionCall":{"name":)" + name + R"(,"args":)" + args + "}}", true);
    case Dialect::Anthropic:
      return R"({"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"tool_use","id":"toolu_1","name":)" +
             name + R"(,"input":)" + args + R"(}],"stop_reason":"tool_use"})";
    default:
      return {};
  }
}

std::string request_body(Dialect dialect, std::string_view text, bool stream) {
  const std::string t = json_string(text);
  const std::string s = stream ? ",\"stream\":true" : "";
  switch (dialect) {
    case Dialect::OpenAiCompletions:
      return R"({"model":"m","prompt":)" + t + s + "}";
    case Dialect::OpenAiResponses:
      return R"({"model":"m","input":)" + t + s + "}";
    case Dialect::OpenAiEmbeddings:
      return R"({"model":"m","input":)" + t + "}";
    case Dialect::Gemini:
      return R"({"contents":[{"role":"user","parts":[{"text":)" + t + "}]}]}";
    case Dialect::Anthropic:
      return R"({"model":"m","max_tokens":9,"messages":[{"role":"user","content":)" + t + "}]" + s +
             "}";
    default:
      return R"({"model":"m","messages":[{"role":"user","content":)" + t + "}]" + s + "}";
  }
}

std::string visible_text(const Channel& channel, std::string_view stream) {
  // The delta leaf of each dialect, by the bytes before it; the builders above fix the layout.
  std::string_view before;
  switch (channel.dialect) {
    case Dialect::OpenAiChat:
      before = R"("delta":{"content":)";
      break;
    case Dialect::OpenAiCompletions:
      before = R"("index":0,"text":)";
      break;
    case Dialect::OpenAiResponses:
      before = R"("delta":)";
      break;
    case Dialect::Gemini:
      before = R"("parts":[{"text":)";
      break;
    default:
      before = R"("text_delta","text":)";
      break;
  }
  std::string text;
  for (std::size_t at = stream.find(before); at != std::string_view::npos;
       at = stream.find(before, at)) {
    at += before.size() + 1;
    const std::size_t begin = at;
    while (at < stream.size() && stream[at] != '"') at += stream[at] == '\\' ? 2 : 1;
    text += stream.substr(begin, at - begin);
  }
  return text;
}

}  // namespace capsem::test
