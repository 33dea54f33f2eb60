// From decisions to what the caller is told.
#pragma once

#include <span>
#include <string_view>

#include "core/engine/exchange.h"
#include "core/policy/decision.h"

namespace capsem::engine {

inline constexpr std::string_view kBlockedPrefix = "Request blocked by security policy: ";

// The denial of a settling decision (Block or Confirm; X7). `tool_prefix` introduces blocked tool
// definitions (R20).
Denial denial_of(const policy::Decision& decision, std::string_view tool_prefix);

// The denial of a fault: an inspector that failed, a text that cannot be read, a limit.
Denial denial_of(const Error& error, event::Phase phase);

}  // namespace capsem::engine
