// What a request or an answer says about itself beside its texts. Internal to codec/.
#pragma once

#include <cstdint>
#include <span>

#include "core/codec/trie.h"
#include "core/event/event.h"
#include "core/wire/json.h"

namespace capsem::codec {

using Nodes = std::span<const wire::JsonNode>;

// The member `name` of the object at `object`; nullptr when there is none or it is no object.
const wire::JsonNode* member_of(Nodes nodes, std::uint32_t object, std::string_view name);

void note_request_fact(Fact fact, Nodes nodes, std::uint32_t at, event::RequestFacts& facts);
void note_response_fact(Fact fact, Nodes nodes, std::uint32_t at, event::ResponseFacts& facts);

// Remembers the name of the tool call that the object at `at` is, under its id, if it has both.
void note_tool_name(Nodes nodes, std::uint32_t at, event::RequestFacts& facts);

// The id of the call that the tool result at `at` answers; empty when it names none.
std::string_view tool_ref_of(Nodes nodes, std::uint32_t at);

}  // namespace capsem::codec
