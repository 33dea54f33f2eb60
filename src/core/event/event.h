// What was said, by whom, and where in the bytes it stood. Codecs produce these; detectors, policy
// and audit know nothing of a provider beyond them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"

namespace capsem::event {

// The six inspection points.
enum class Point : std::uint8_t {
  Prompt,          // P:  system, developer, user and assistant history, instructions, files
  ToolDefinition,  // TD: name, description, parameter schema
  ToolCall,        // TC: name and arguments, from the model or replayed in history
  ToolResult,      // TR: what a tool returned
  ModelOutput,     // MO: answer text, refusal, annotations, transcripts
  Thought,         // TH: reasoning
};
inline constexpr std::size_t kPointCount = 6;
std::string_view to_string(Point point);   // "prompt", "tool_definition", ...
std::string_view short_code(Point point);  // "P", "TD", "TC", "TR", "MO", "TH"

// Which part of its unit a text is.
enum class Part : std::uint8_t {
  Text,         // the content itself
  ToolName,     // the name of the tool that is defined, called, or that answered
  Arguments,    // a tool call's arguments
  Description,  // a tool definition's description
  Schema,       // a tool definition's parameters and whatever else it holds
};

// How a text stands at its place.
enum class Form : std::uint8_t {
  String,   // a string's content, its escapes undone
  Slice,    // the JSON text itself: a number, an object, an array
  Name,     // the name of the member whose value stands there
  Spelled,  // spelled by what stands there: byte values, one token of several
  Derived,  // made of what stands there: decoded base64, the name that a tool's kind gives it
};

// Bytes [begin, end) of the body or of one stream event.
struct ByteRange {
  std::uint32_t begin = 0, end = 0;
};

enum class Phase : std::uint8_t { Request, Response };

// Text::message of what stands outside the conversation: system instructions, tools, every answer.
inline constexpr std::uint32_t kNoMessage = 0xffffffffU;

// One piece of text.
//
// Lanes: texts with the same lane continue each other, in the order they come: the pieces of one
// streamed answer, the parts of one message. A lane is the "text key" of the wire formats.
// Units: texts with the same unit are judged and reported together: one tool call, one tool result,
// the whole prompt, the answer of one choice. All texts of one lane have the same unit.
// Scopes: texts of one choice, item or content block; when a scope ends, its lanes are complete.
struct Text {
  Point point = Point::Prompt;
  Part part = Part::Text;
  Form form = Form::String;
  // The text is JSON inside a string, or a raw slice of a JSON text: escapes are undone before
  // matching, keys and numbers are matched like everything else.
  bool json = false;
  // The text repeats, in whole or piece by piece, a text of the same unit: logprobs, `*.done`
  // events, `response.completed`. Its findings are not counted on top of the original's.
  bool repeat = false;
  // The text, when it is a whole repeat of another lane (and not a piece of one), names that lane:
  // if its bytes equal what was accumulated there it needs no second look. If nothing has come for
  // that lane yet, this is the original after all (a server that skips the deltas). 0: none.
  std::uint64_t repeats_lane = 0;
  // Index into the codec's field list; 65535: a member that no field names, or its name.
  std::uint16_t field = 0;
  std::uint64_t lane = 0;  // 0: whole by itself, nothing continues it
  std::uint64_t unit = 0;
  std::uint64_t scope = 0;
  // In a request: the index, in the conversation array (messages, contents, input items, steps), of
  // the element this text stands in; 0 where a lone value stands in the array's place.
  std::uint32_t message = kNoMessage;
  // On texts of a tool result: the id of the call it answers, empty when it names none.
  std::string_view tool_ref;
  std::string_view text;  // decoded; valid until the call returns
  ByteRange raw;          // where it stood, quotes included; of a Name: its value
};

// Receives what a codec reads, in document order.
class TextSink {
 public:
  virtual ~TextSink() = default;
  virtual void on_text(const Text& text) = 0;
  // In streams: something of a tool call stands here that is no text (its id, its type). `text` is
  // empty. What a refused call consists of must not leave, text or not.
  virtual void on_call_mention(const Text& /*text*/) {}
  // No further piece will come for the lanes of this scope (a choice's finish_reason, a content
  // block's stop, an item's done).
  virtual void on_scope_end(std::uint64_t scope) = 0;
  // A place that was seen but could not be read: an image, a file id, a stored item, a token
  // array, an encrypted blob. `surface` is its path ("messages[2].content[1]"), `reason` a word.
  virtual void on_unchecked(std::string_view surface, std::string_view reason) = 0;
};

// What a request says about itself beyond its texts.
struct RequestFacts {
  std::string model;
  bool stream = false;
  bool include_usage = false;  // the client asked for the usage chunk
  std::uint32_t messages = 0, tools = 0, choices = 1;
  // The latest turn is the texts with turn_begin <= message < kNoMessage: what follows the last
  // element that came from the model. Elements of the model at the very end (a prefill) begin no
  // turn, for the client sends them new: they belong to the turn they end. 0: there is one turn.
  std::uint32_t turn_begin = 0;
  // The most tokens that one choice may have (max_tokens and its kin); 0 when the request names
  // none. Of all choices together: times `choices`.
  std::uint64_t output_tokens_max = 0;
  // What is attached, wherever it stands (R41): an image; anything else that is no text of the
  // request itself, by value, address or file id. A MIME type that is told (data: URL, member,
  // file name extension) is in `file_types`: sorted, lower case, each once.
  bool has_images = false, has_files = false;
  std::vector<std::string> file_types;
  bool has_token_arrays = false;  // prompts as token ids, which the gateway cannot read
  bool background = false;        // the answer's text comes by a later GET
  // tool_call_id or tool_use_id -> tool name, as found in the same history.
  std::vector<std::pair<std::string, std::string>> tool_names;
};

struct Usage {
  std::uint64_t input_tokens = 0, output_tokens = 0, total_tokens = 0;
  bool known = false;
};

// A tool call that comes in several events of a stream which gives calls no index.
struct OpenUnit {
  std::uint64_t place = 0, name = 0;
  std::uint32_t number = 0;
};

struct ResponseFacts {
  std::string model;
  std::string finish_reason;  // the last one seen
  Usage usage;
  // The codec's memory from one event of a stream to the next; nobody else reads it.
  std::uint32_t numbered_units = 0;
  std::vector<OpenUnit> open_units;
};

}  // namespace capsem::event
