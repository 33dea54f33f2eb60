// How far a streamed answer has come on its way to the client: what a dialect must know to end it
// in its own words.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/event/event.h"

namespace capsem::codec {

// A value of one exchange. Codec::track() fills it in; a dialect uses the members that mean
// something to it.
struct StreamPosition {
  bool started = false;  // an event has left: the stream is open
  // The answer's own, as far as it has been told, also by events that have not left.
  std::string id, model, created;  // `created` is a number as written
  event::Usage usage;

  // Chat Completions and Gemini: the choices of which something has left.
  struct Choice {
    std::uint32_t index = 0;
    bool finished = false;  // with a reason
    bool called = false;    // a tool call has left
  };
  std::vector<Choice> choices;

  // Anthropic: content blocks.
  std::optional<std::uint32_t> open_block;
  std::uint32_t next_block = 0;
  bool called = false;  // a tool call has left

  // Responses: what the next event is numbered, and the items that have left: the whole ones, as
  // JSON separated by commas, and the `response` object they are told in, when it has left.
  std::uint64_t next_sequence = 0;
  std::uint32_t next_output = 0;
  std::string items, response;
  // The items that are not whole yet: as they were added, and the pieces that have left since, of
  // their text or their arguments.
  struct OpenItem {
    std::uint32_t output = 0;
    std::string added, said;
  };
  std::vector<OpenItem> open_items;
};

}  // namespace capsem::codec
