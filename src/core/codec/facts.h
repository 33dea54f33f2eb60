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

// Adds what the usage object at `at` says, under every provider's names.
void note_usage(Nodes nodes, std::uint32_t at, event::Usage& usage);

// The name that a tool, or a call of one, has of its own: `name`, or that of its function or custom
// tool. Empty when there is none.
std::string_view name_of_tool(Nodes nodes, std::uint32_t at);

// The number, from 1, of the unit that the object at `at` of a stream event is or continues.
// `place` tells choices, and kinds of units, apart.
std::uint64_t number_unit(std::uint32_t at, std::uint64_t place, Nodes nodes,
                          event::ResponseFacts& facts);

// Remembers the name of the tool call that the object at `at` is, under its id, if it has both.
void note_tool_name(Nodes nodes, std::uint32_t at, event::RequestFacts& facts);

// The id of the call that the tool result at `at` answers; empty when it names none.
std::string_view tool_ref_of(Nodes nodes, std::uint32_t at);

}  // namespace capsem::codec
