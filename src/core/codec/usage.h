// Asking the OpenAI dialects for a stream's usage, and hiding that it was asked (R64). Internal to
// codec/.
#pragma once

#include <optional>

#include "core/codec/codec.h"

namespace capsem::codec {

std::optional<BodyEdit> ask_openai_for_usage(const wire::JsonReader& request);
UsageTrace trace_openai_usage(const wire::JsonReader& event);

}  // namespace capsem::codec
