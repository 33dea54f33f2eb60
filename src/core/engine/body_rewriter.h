// Redacts, and restores, in one complete JSON text: from findings in the lanes of a BodyInspector
// to edits of the text.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "core/codec/codec.h"
#include "core/engine/body_buffers.h"
#include "core/engine/patch.h"
#include "core/engine/redactor.h"
#include "core/engine/units.h"
#include "core/event/event.h"
#include "core/wire/json.h"

namespace capsem::engine {

// By lane: what is redacted in it, and nothing that is put back.
using Redactions = std::map<std::uint32_t, PatchList>;

// The redactions outlive what is returned.
UnitBook::PatchesAt patches_in(const Redactions& redactions);

struct RewrittenBody {
  std::vector<codec::BodyEdit> edits;
  Redactions redactions;  // what cannot be edited is among them, too
};

// The edits that put something else in the place of all that `buffers.found` names. `json` holds
// the text that was inspected. Of a request, values are kept for the answer.
RewrittenBody rewrite_body(const BodyBuffers& buffers, const wire::JsonReader& json,
                           event::Phase phase, Redactor& redactor);
// Of a text that is no JSON, in which nothing can be edited.
Redactions redactions_of_plain(const BodyBuffers& buffers, Redactor& redactor);

}  // namespace capsem::engine
