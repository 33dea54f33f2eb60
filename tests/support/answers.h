// The same answer in every dialect, streamed and whole: what parity tests feed to the engine.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/codec/codec.h"
#include "core/engine/exchange.h"

namespace capsem::test {

// A way in which an answer can reach the gateway.
struct Channel {
  const char* name;
  codec::Dialect dialect;
  engine::Answer answer;
};
inline constexpr Channel kStreams[] = {
    {"openai_chat", codec::Dialect::OpenAiChat, engine::Answer::Sse},
    {"openai_completions", codec::Dialect::OpenAiCompletions, engine::Answer::Sse},
    {"openai_responses", codec::Dialect::OpenAiResponses, engine::Answer::Sse},
    {"gemini_sse", codec::Dialect::Gemini, engine::Answer::Sse},
    {"gemini_array", codec::Dialect::Gemini, engine::Answer::JsonArray},
    {"anthropic", codec::Dialect::Anthropic, engine::Answer::Sse},
};

std::string json_string(std::string_view text);

// A stream whose answer text comes as these deltas, with the dialect's opening, closing and final
// repeats.
std::string text_stream(const Channel& channel, const std::vector<std::string>& deltas);
// The unstreamed answer with that text.
std::string text_body(codec::Dialect dialect, std::string_view text);

// A stream in which the model calls `tool` with arguments that come as these fragments of a JSON
// text. Gemini sends calls whole: the fragments are joined. Completions have no tools: empty.
std::string tool_stream(const Channel& channel, std::string_view tool,
                        const std::vector<std::string>& fragments);
std::string tool_body(codec::Dialect dialect, std::string_view tool, std::string_view arguments);

// A minimal request of the dialect with this user text.
std::string request_body(codec::Dialect dialect, std::string_view text, bool stream);

// What a client sees of a streamed answer: the text of all its deltas, joined. Ignores repeats.
std::string visible_text(const Channel& channel, std::string_view stream);

}  // namespace capsem::test
