// A dialect: where the text is in one provider API's requests, answers and stream events, and how a
// refusal looks there. A codec turns a parsed JSON text into event::Text pieces; it knows nothing
// of policy, so it cannot decide that something need not be inspected.
//
// Codecs are immutable and shared by all threads.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/codec/field.h"
#include "core/event/event.h"
#include "core/wire/json.h"

namespace capsem::codec {

enum class Dialect : std::uint8_t {
  OpenAiChat,
  OpenAiCompletions,
  OpenAiResponses,
  OpenAiEmbeddings,
  Gemini,
  GeminiInteractions,
  Anthropic,
  AnthropicComplete,
};
inline constexpr std::size_t kDialectCount = 8;
std::string_view to_string(Dialect dialect);  // "openai_chat", "gemini", ...

// How a streamed answer is framed.
enum class Framing : std::uint8_t {
  Sse,        // text/event-stream
  JsonArray,  // Gemini without alt=sse: one JSON array that arrives piece by piece
};

class Codec {
 public:
  virtual ~Codec() = default;

  virtual Dialect dialect() const = 0;

  // Every field this dialect inspects or exempts, as data. Text::field indexes into it.
  virtual std::span<const Field> fields() const = 0;

  // Reads a parsed request. An error (a JSON text that is not an object, say) refuses the request.
  virtual Status read_request(const wire::JsonReader& json, event::RequestFacts& facts,
                              event::TextSink& sink) const = 0;

  // Reads a whole, parsed answer. Also used for error bodies, which may quote the prompt.
  virtual Status read_response(const wire::JsonReader& json, event::ResponseFacts& facts,
                               event::TextSink& sink) const = 0;

  // Reads one stream event's data (or one element of the array form). `name` is the `event:` line.
  virtual Status read_event(std::string_view name, const wire::JsonReader& json,
                            event::ResponseFacts& facts, event::TextSink& sink) const = 0;

  // The frame that ends a stream of this dialect so that the official SDKs raise `message`
  // (wire-formats section 9), appended to `out`. `next_sequence` is the Responses API's
  // sequence_number; other dialects ignore it.
  // JsonArray framing: `first` says that no element has been written, so the frame opens the array.
  virtual void write_stream_error(std::string_view message, std::string_view code, Framing framing,
                                  bool first, std::uint64_t next_sequence,
                                  std::string& out) const = 0;
};

// The codec of a dialect. Never null; lives for the whole program.
const Codec& codec_for(Dialect dialect);

}  // namespace capsem::codec
