// What a request carries that is no text: images and files, and of which types (R41). Internal to
// codec/.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "core/codec/facts.h"

namespace capsem::codec {

// A value that is an attachment, holds one or points to one, and the two objects around it.
struct Attached {
  std::uint32_t at = 0, around = 0, beyond = 0;
};
void note_attachment(Nodes nodes, const Attached& place, event::RequestFacts& facts);

// The MIME type of a file name's or address' extension, in lower case; empty for one nobody knows.
std::string_view mime_of_name(std::string_view name);

}  // namespace capsem::codec
