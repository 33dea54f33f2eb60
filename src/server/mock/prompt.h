// What the mock understands of a request, whatever API it was written for.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace capsem::mock {

enum class Api : std::uint8_t {
  Chat,
  Completions,
  Responses,
  Embeddings,
  Gemini,
  GeminiEmbed,
  Anthropic,
  AnthropicComplete,
};

struct Tool {
  std::string name;
  simdjson::dom::element schema;  // of its parameters; valid while the body's parser is
  bool has_schema = false;
};

struct Prompt {
  Api api = Api::Chat;
  std::string model;
  bool stream = false, include_usage = false, logprobs = false, background = false;
  bool base64_embeddings = false;
  std::uint32_t choices = 1, dimensions = 8, inputs = 1;
  std::string last_user;    // the user's last text
  bool tool_turn = false;   // the conversation ends with a tool's result
  std::string tool_result;  // its text
  std::vector<Tool> tools;
  std::string forced_tool;        // the one the caller insists on
  bool must_call = false;         // the caller insists on any
  simdjson::dom::element schema;  // of a structured answer
  bool has_schema = false;
};

// Reads a body of `api`. Members that are missing or of another type are simply not there.
void read_prompt(Api api, simdjson::dom::element body, Prompt& prompt);

}  // namespace capsem::mock
