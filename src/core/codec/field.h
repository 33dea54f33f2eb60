// The coverage contract: every text-bearing field of a dialect as one row of data. The codec's
// walker is compiled from these rows, `capsem coverage` prints them, and a test puts the same
// forbidden word into each of them; there is no second list.
//
// Path grammar, from the root of the JSON text; segments are separated by dots:
//   name            an object member, under each spelling the dialect has for it (camel, snake)
//   $               the root itself, to hang a suffix on: `$[type=error].message`
//   *               any member; the member's NAME is inspected as well
//   **              last segment: the whole value before it, whatever it is. A string is one text,
//                   anything else is inspected as its raw JSON: keys, numbers and all
// Suffixes of a segment:
//   []              any element of an array; each element's text is a lane of its own
//   [+]             any element; the texts of all elements continue each other (one lane)
//   [#index]        any element; its own member `index` is its identity (stream deltas), or,
//   without
//                   that member, its position
//   [k=v|w]         an element, or an object in this very place, whose member k is v or w; an empty
//                   alternative matches when there is no k. `[+k=v]`: the same, continuing
//   #index          the object's member `index` is part of the identity of what is below
//   !               here a unit begins (one tool call, one tool result, one tool). `!word` keeps
//                   units apart whose identities could be equal (`tools[]!` and `functions[]!fn`);
//                   `!word+`: in a stream that gives no index, each object here is a new unit, but
//                   for the pieces of one that says of itself that it `willContinue`
//   @               here a scope begins (one choice, one item, one block)
// Where an element is declared, a lone object or string in its place is read as one element.
//
// Members that no row names are inspected, name and value, at the point of the unit around them.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/event/event.h"

namespace capsem::codec {

enum class Where : std::uint8_t { Request, Response, Stream };
std::string_view to_string(Where where);  // "request", "response", "stream"

enum class Treat : std::uint8_t {
  Text,    // a string, inspected as it is
  Json,    // JSON inside a string, or a JSON value inspected raw: escapes undone
  Bytes,   // an array of byte values that spell a text (logprobs)
  Keys,    // an object whose member names are the text (legacy top_logprobs)
  Media,   // a URL is inspected; data: URLs and base64 are decoded and inspected when their MIME
           // type is text, else noted as unchecked
  Opaque,  // not inspected while it looks opaque (an id, an enum, a signature, a vector); inspected
           // like Text as soon as it does not
  Blob,    // an encrypted or binary value: noted as unchecked while it looks like base64
  End,     // like Opaque; a value here (not null) says that the scope around it has ended
  Tokens,  // token ids: unreadable, noted as unchecked, refused by default
  Unseen,  // names a text the gateway has never seen (a stored item, a file): noted
  Kind,    // the kind of a tool, which is its name when it has none of its own: a string, or the
           // name of the member that an object is (see tool_kind.h). Another row may end here too
};
std::string_view to_string(Treat treat);  // "text", "json", ...

struct Field {
  Where where;
  event::Point point;
  event::Part part;
  Treat treat;
  bool repeat;  // repeats text that stands elsewhere in the same answer
  std::string_view path;
  // Which lane the text belongs to, beside the identities in its path: fields with the same word
  // continue each other (a delta and the block it belongs to), and a repeat repeats the lane of
  // that word. Empty: the field's own lane. "-": each text is whole by itself.
  std::string_view lane = {};
};

}  // namespace capsem::codec
