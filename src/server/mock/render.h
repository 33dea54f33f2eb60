// The same Answer in each provider's words. A stream is a list of events, each ready to be framed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/mock/answer.h"
#include "server/mock/behaviour.h"

namespace capsem::mock {

// One server-sent event; `name` empty: no `event:` line. `data` is one line.
struct Event {
  std::string name;
  std::string data;
};
std::string sse(const Event& event);

// How a stream is cut.
struct Cuts {
  std::uint32_t characters = 0;  // per delta; 0: words
  bool whole_calls = false;      // tool calls in one piece
  bool interleave = false;
  bool include_usage = false;
  bool obfuscate = false;
  std::uint32_t name_characters = 0;  // of a tool's name per delta; 0: all
};

// render_openai_chat.cc
std::string chat_body(const Answer& answer);
std::vector<Event> chat_events(const Answer& answer, const Cuts& cuts);
std::string completions_body(const Answer& answer);
std::vector<Event> completions_events(const Answer& answer, const Cuts& cuts);

// render_openai_responses.cc. `status` e.g. "completed", "queued".
std::string responses_body(const Answer& answer, std::string_view status);
std::vector<Event> responses_events(const Answer& answer, const Cuts& cuts);

// render_gemini.cc. The elements are the data of SSE events or of the array form.
std::string gemini_body(const Answer& answer);
std::vector<std::string> gemini_chunks(const Answer& answer, const Cuts& cuts);
std::string gemini_embeddings(const Prompt& prompt);

// render_anthropic.cc
std::string anthropic_body(const Answer& answer);
std::vector<Event> anthropic_events(const Answer& answer, const Cuts& cuts);
std::string anthropic_complete_body(const Answer& answer);

// render_misc.cc
std::string embeddings_body(const Prompt& prompt, std::int64_t tokens);
enum class Provider : std::uint8_t { OpenAi, Gemini, Anthropic };
std::string models_body(Provider provider);
std::string error_body(Provider provider, int status, std::string_view message, bool as_array);

// Puts lists of events together, in turns or one after the other.
std::vector<Event> merge(std::vector<std::vector<Event>> lists, bool in_turns);

}  // namespace capsem::mock
