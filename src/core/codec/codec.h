// A dialect: where the text is in one provider API's requests, answers and stream events, and how a
// refusal looks there. A codec turns a parsed JSON text into event::Text pieces; it knows nothing
// of policy, so it cannot decide that something need not be inspected.
//
// Codecs are immutable and shared by all threads.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/codec/field.h"
#include "core/codec/stream_position.h"
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

// Replaces `size` bytes of a body at `offset` by `text`.
struct BodyEdit {
  std::uint32_t offset = 0, size = 0;
  std::string text;
};

// What of a stream event stands there only because usage was asked for.
struct UsageTrace {
  bool whole_event = false;  // all of it: without asking the event would not exist
  event::ByteRange member;   // this member with its comma; empty when there is none
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

  // The edit that makes a streamed request ask for its usage (R64). nullopt when it asks already,
  // is no stream, cannot be asked this way (`stream_options` is neither an object nor null: the
  // provider's to refuse), or the dialect reports usage unasked, as all but Chat Completions and
  // Completions do. Offsets are into request.text().
  virtual std::optional<BodyEdit> ask_for_usage(const wire::JsonReader& request) const = 0;

  // For streams whose request was edited so: how to make of an event what the provider would have
  // sent without. An event of which neither applies is as it would have been.
  virtual UsageTrace usage_trace(const wire::JsonReader& event) const = 0;

  // Refused tool calls that are replaced by a text (R84, on_tool_block = "replace"). Chat
  // Completions, Responses, Gemini and Anthropic Messages can; the others return false and write
  // nothing, and their calls are refused as if nothing had been said of replacing: Completions,
  // Embeddings and Anthropic's completions know no tool calls, and the Interactions API's streams
  // end by write_stream_error().

  // A complete answer that keeps the envelope of `answer` (id, model, time, usage; of a Responses
  // answer its echo of the request too) and whose only output is `text`, said by the assistant and
  // finished normally. Appended to `out`.
  virtual bool write_replacement(const wire::JsonReader& answer, std::string_view text,
                                 std::string& out) const = 0;

  // Takes note of a stream event. `left`: it goes to the client; of one that does not, the answer's
  // id, model, time and usage are kept and nothing else. Events in the order they leave.
  virtual void track(const wire::JsonReader& event, bool left, StreamPosition& position) const = 0;

  // The rest of a stream of which `position` has left: `text`, said by the assistant, and the
  // frames that end the stream normally, last separator and [DONE] included. No part of a call that
  // is replaced may have left. When another call has, the stream ends as one that calls tools does.
  // Appended to `out`.
  virtual bool write_stream_replacement(std::string_view text, const StreamPosition& position,
                                        Framing framing, std::string& out) const = 0;
};

// The codec of a dialect. Never null; lives for the whole program.
const Codec& codec_for(Dialect dialect);

}  // namespace capsem::codec
