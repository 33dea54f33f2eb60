#include "server/mock/prompt.h"

namespace capsem::mock {
namespace {

using simdjson::dom::element;

// The member `key`, under either spelling; false when there is none.
bool get(element object, std::string_view key, element& out) {
  return object.is_object() && object[key].get(out) == simdjson::SUCCESS;
}
bool get(element object, std::string_view key, std::string_view other, element& out) {
  return get(object, key, out) || get(object, other, out);
}

std::string text_of(element object, std::string_view key) {
  element value;
  std::string_view text;
  if (!get(object, key, value) || value.get(text) != simdjson::SUCCESS) return {};
  return std::string(text);
}

bool flag(element object, std::string_view key) {
  element value;
  bool on = false;
  return get(object, key, value) && value.get(on) == simdjson::SUCCESS && on;
}

std::uint32_t count(element object, std::string_view key, std::uint32_t fallback) {
  element value;
  std::uint64_t n = 0;
  if (!get(object, key, value) || value.get(n) != simdjson::SUCCESS) return fallback;
  return static_cast<std::uint32_t>(n);
}

std::vector<element> list(element object, std::string_view key, std::string_view other = {}) {
  element value;
  if (!get(object, key, value) && (other.empty() || !get(object, other, value))) return {};
  if (!value.is_array()) return {value};
  std::vector<element> out;
  for (element item : simdjson::dom::array(value)) out.push_back(item);
  return out;
}

// A content that is a string, or an array of parts of which `text` members count.
std::string content_text(element object, std::string_view key) {
  element value;
  if (!get(object, key, value)) return {};
  std::string_view whole;
  if (value.get(whole) == simdjson::SUCCESS) return std::string(whole);
  std::string out;
  for (element part : list(object, key)) {
    std::string_view text;
    out += part.get(text) == simdjson::SUCCESS ? std::string(text) : text_of(part, "text");
  }
  return out;
}

void add_tool(Prompt& prompt, element definition, std::string_view schema_key,
              std::string_view other_key = "parametersJsonSchema") {
  Tool tool;
  tool.name = text_of(definition, "name");
  tool.has_schema = get(definition, schema_key, other_key, tool.schema);
  if (!tool.name.empty()) prompt.tools.push_back(std::move(tool));
}

void read_choice(Prompt& prompt, element body, std::string_view nested) {
  element choice;
  if (!get(body, "tool_choice", choice)) return;
  std::string_view word;
  if (choice.get(word) == simdjson::SUCCESS) {
    prompt.must_call = word == "required";
    return;
  }
  const std::string type = text_of(choice, "type");
  prompt.must_call = type == "any" || type == "required";
  element inner;
  prompt.forced_tool =
      get(choice, nested, inner) ? text_of(inner, "name") : text_of(choice, "name");
}

void read_chat(element body, Prompt& prompt) {
  for (element message : list(body, "messages")) {
    const std::string role = text_of(message, "role");
    prompt.tool_turn = role == "tool" || role == "function";
    if (prompt.tool_turn) prompt.tool_result = content_text(message, "content");
    if (role == "user") prompt.last_user = content_text(message, "content");
  }
  for (element tool : list(body, "tools")) {
    element function;
    if (get(tool, "function", "custom", function)) add_tool(prompt, function, "parameters");
  }
  read_choice(prompt, body, "function");
  prompt.choices = count(body, "n", 1);
  prompt.logprobs = flag(body, "logprobs");
  element options, format, schema;
  if (get(body, "stream_options", options)) prompt.include_usage = flag(options, "include_usage");
  if (get(body, "response_format", format) && get(format, "json_schema", schema)) {
    prompt.has_schema = get(schema, "schema", prompt.schema);
  }
}

void read_completions(element body, Prompt& prompt) {
  prompt.last_user = content_text(body, "prompt");
  prompt.choices = count(body, "n", 1);
  element logprobs, options;
  prompt.logprobs = get(body, "logprobs", logprobs) && !logprobs.is_null();
  if (get(body, "stream_options", options)) prompt.include_usage = flag(options, "include_usage");
}

void read_responses(element body, Prompt& prompt) {
  element input;
  std::string_view whole;
  if (get(body, "input", input) && input.get(whole) == simdjson::SUCCESS) {
    prompt.last_user = whole;
  } else {
    for (element item : list(body, "input")) {
      const std::string type = text_of(item, "type");
      prompt.tool_turn = type.ends_with("_call_output");
      if (prompt.tool_turn) prompt.tool_result = content_text(item, "output");
      if (text_of(item, "role") == "user") prompt.last_user = content_text(item, "content");
    }
  }
  for (element tool : list(body, "tools")) add_tool(prompt, tool, "parameters");
  read_choice(prompt, body, "function");
  prompt.background = flag(body, "background");
  element text, format;
  if (get(body, "text", text) && get(text, "format", format)) {
    prompt.has_schema = get(format, "schema", prompt.schema);
  }
}

void read_embeddings(element body, Prompt& prompt) {
  prompt.last_user = content_text(body, "input");
  prompt.dimensions = count(body, "dimensions", 8);
  prompt.base64_embeddings = text_of(body, "encoding_format") == "base64";
  element input;
  if (get(body, "input", input) && input.is_array()) {
    const auto items = list(body, "input");
    prompt.inputs =
        !items.empty() && items.front().is_number() ? 1 : static_cast<std::uint32_t>(items.size());
  }
}

void read_gemini(element body, Prompt& prompt) {
  for (element content : list(body, "contents", "content")) {
    std::string text;
    prompt.tool_turn = false;
    for (element part : list(content, "parts")) {
      element response;
      if (get(part, "functionResponse", "function_response", response)) {
        prompt.tool_turn = true;
        element value;
        if (get(response, "response", value)) prompt.tool_result = simdjson::minify(value);
      }
      text += text_of(part, "text");
    }
    const std::string role = text_of(content, "role");
    if (role != "model" && !text.empty()) prompt.last_user = text;
  }
  for (element tool : list(body, "tools")) {
    for (element f : list(tool, "functionDeclarations", "function_declarations")) {
      add_tool(prompt, f, "parameters");
    }
  }
  element config;
  if (get(body, "generationConfig", "generation_config", config)) {
    prompt.choices = count(config, "candidateCount", 1);
    prompt.logprobs = flag(config, "responseLogprobs");
    prompt.has_schema = get(config, "responseSchema", "responseJsonSchema", prompt.schema);
  }
  prompt.inputs = static_cast<std::uint32_t>(list(body, "requests").size());
}

void read_anthropic(element body, Prompt& prompt) {
  for (element message : list(body, "messages")) {
    prompt.tool_turn = false;
    for (element block : list(message, "content")) {
      if (block.is_object() && text_of(block, "type") == "tool_result") {
        prompt.tool_turn = true;
        prompt.tool_result = content_text(block, "content");
      }
    }
    const std::string text = content_text(message, "content");
    if (text_of(message, "role") == "user" && !text.empty()) prompt.last_user = text;
  }
  for (element tool : list(body, "tools")) add_tool(prompt, tool, "input_schema");
  read_choice(prompt, body, "function");
}

}  // namespace

void read_prompt(Api api, element body, Prompt& prompt) {
  prompt.api = api;
  if (std::string model = text_of(body, "model"); !model.empty()) prompt.model = std::move(model);
  prompt.stream = prompt.stream || flag(body, "stream");
  switch (api) {
    case Api::Chat:
      return read_chat(body, prompt);
    case Api::Completions:
      return read_completions(body, prompt);
    case Api::Responses:
      return read_responses(body, prompt);
    case Api::Embeddings:
      return read_embeddings(body, prompt);
    case Api::Gemini:
    case Api::GeminiEmbed:
      return read_gemini(body, prompt);
    case Api::Anthropic:
      return read_anthropic(body, prompt);
    case Api::AnthropicComplete:
      prompt.last_user = content_text(body, "prompt");
      return;
  }
}

}  // namespace capsem::mock
