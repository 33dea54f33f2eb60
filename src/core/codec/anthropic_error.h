// How Anthropic's dialects end a stream. Internal to codec/.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/codec/codec.h"

namespace capsem::codec {

// The `event:` line is required: without it the SDKs skip the frame.
void write_anthropic_stream_error(std::string_view message, std::string_view code, Framing framing,
                                  bool first, std::uint64_t next_sequence, std::string& out);

}  // namespace capsem::codec
