// The Responses API's items and tools, which stand in requests, answers, stream events and echoes
// alike. Internal to codec/.
#pragma once

#include <string>

#include "core/codec/rows.h"

namespace capsem::codec {

struct ItemsAre {
  event::Point text;     // where a message's text is inspected
  event::Point thought;  // and a reasoning item's
  bool stream = false;   // lanes are shared with the deltas that build the items up
  bool repeat = false;   // what stands here was streamed before
  bool echo = false;     // what stands here was sent by the client
};

// Items at `prefix`, which is the path of their array (or of one item).
void add_items(Table& rows, Where where, const std::string& prefix, const ItemsAre& are);

// An annotation of an output text at `prefix`, which ends in a dot.
void add_annotation(Table& rows, Where where, const std::string& prefix, const ItemsAre& are);

// Tools at `prefix`, the path of their array.
void add_tools(Table& rows, Where where, const std::string& prefix, bool echo);

}  // namespace capsem::codec
