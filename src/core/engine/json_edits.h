// Edits of one JSON text, by byte ranges.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/codec/codec.h"
#include "core/engine/lane_writer.h"
#include "core/event/event.h"
#include "core/wire/json.h"

namespace capsem::engine {

// Appends `text` with its edits to `out`. They are put in order; of two that overlap, the one that
// begins first (or else the longer) counts.
void apply_edits(std::string_view text, std::vector<codec::BodyEdit>& edits, std::string& out);

// The bytes of `json` that a LaneWriter rewrites for a text: of strings and names, what is between
// the quotes. REQUIRES: the text was read from this JSON.
event::ByteRange written_range(std::string_view json, event::ByteRange raw, Coding coding);

// The values of all members named "logprobs" or "logprobsResult" that hold anything: they spell a
// text once more, token by token. In document order.
std::vector<event::ByteRange> logprobs_of(const wire::JsonReader& json);

// What stands in the place of such a value: an empty one of its kind.
codec::BodyEdit without_logprobs(std::string_view json, event::ByteRange range);

}  // namespace capsem::engine
