// What the mock has to say, before it is put into a provider's words. Deterministic: the same
// request gets the same answer, ids included.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "server/mock/behaviour.h"
#include "server/mock/prompt.h"

namespace capsem::mock {

struct Choice {
  std::string text, reasoning, refusal;
  std::vector<ToolCall> calls;
};

struct Answer {
  std::string id;  // hexadecimal, derived from the request
  std::string model;
  std::vector<Choice> choices;
  std::string finish;  // empty: what follows from the choice
  std::int64_t input_tokens = 0, output_tokens = 0;
  bool logprobs = false;
};

Answer compose(const Prompt& prompt, const Behaviour& behaviour, std::string_view body);

// `text` in deltas: `characters` each, or one word each when 0. Never inside a UTF-8 sequence.
std::vector<std::string_view> deltas(std::string_view text, std::uint32_t characters);

// Every ASCII character of a JSON text's strings as a \uXXXX escape.
std::string escape_strings(std::string_view json);

}  // namespace capsem::mock
