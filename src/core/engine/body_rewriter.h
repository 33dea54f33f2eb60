// Redacts, and restores, in one complete JSON text: from findings in the lanes of a BodyInspector
// to edits of the text.
#pragma once

#include <vector>

#include "core/codec/codec.h"
#include "core/engine/body_buffers.h"
#include "core/engine/redactor.h"
#include "core/event/event.h"
#include "core/wire/json.h"

namespace capsem::engine {

// The edits that put something else in the place of all that `buffers.found` names. `json` holds
// the text that was inspected. Of a request, values are kept for the answer.
std::vector<codec::BodyEdit> rewrite_body(const BodyBuffers& buffers, const wire::JsonReader& json,
                                          event::Phase phase, Redactor& redactor);

}  // namespace capsem::engine
