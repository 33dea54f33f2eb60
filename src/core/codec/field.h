// The coverage contract: every text-bearing field of a dialect as one row of data. The codec's
// walker is compiled from these rows, `capsem coverage` prints them, and a test puts the same
// forbidden word into each of them; there is no second list.
//
// Path grammar, from the root of the JSON text:
//   name            an object member, under each spelling it has (see Codec for camel/snake case)
//   *               any member; the member's NAME is inspected as well
//   []              any element of an array; each element's text is a lane of its own
//   [+]             any element; the texts of all elements continue each other (one lane)
//   [#index]        any element; its own member `index` is its identity (stream deltas); without
//                   that member, its position
//   [k=v|w]         an element (or, after a plain name or at the root as `$[k=v]`, an object) whose
//                   member k is the string v or w; `[!k]`: one without member k
//   !               after a segment: here a unit begins (one tool call, one tool result, one tool)
//   @               after a segment: here a scope begins (one choice, one item, one block)
//   **              last segment: the whole value, whatever it is. A string is one text; anything
//                   else is inspected as its raw JSON: keys, numbers and all
// Where an element is declared, a lone object or string in its place is read as one element.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/event/event.h"

namespace capsem::codec {

enum class Where : std::uint8_t { Request, Response, Stream };

enum class Treat : std::uint8_t {
  Text,       // a string, inspected as it is
  Json,       // JSON inside a string, or a JSON value inspected raw: escapes undone
  Bytes,      // an array of byte values that spell a text (logprobs)
  Media,      // a URL is inspected; data: URLs and base64 are decoded and inspected when their MIME
              // type is text, else noted as unchecked
  Opaque,     // not inspected while it looks opaque (an id, an enum, a signature, a blob);
              // inspected like Text as soon as it does not
  Tokens,     // token ids: unreadable, noted as unchecked, refused by default
  Unseen,     // names a text the gateway has never seen (a stored item, a file): noted
};

struct Field {
  Where where;
  event::Point point;
  event::Part part;
  Treat treat;
  bool repeat;            // repeats text that stands elsewhere in the same answer
  std::string_view path;
};

}  // namespace capsem::codec
