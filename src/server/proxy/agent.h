// Which agent a request speaks for (R81): what the caller says, which X11 lets a key's
// configuration confirm or forbid.
#pragma once

#include <expected>
#include <optional>
#include <string_view>

#include "core/policy/snapshot.h"
#include "server/http/head.h"
#include "server/proxy/caller.h"
#include "server/proxy/settings.h"

namespace capsem::proxy {

inline constexpr std::size_t kAgentBytesMax = 128;

struct AgentError {
  std::string_view message, code;  // of a 400
};

// X-Capsem-Agent, or its alias X-ControlZero-Agent-ID: at most kAgentBytesMax printable ASCII
// characters. An empty header counts as none; two that differ are an error. None: the provider's
// default. The view points into `head`, or lives as long as the program.
std::expected<std::string_view, AgentError> agent_of(const http::RequestHead& head,
                                                     Provider provider);

// What is wrong with an agent's name, wherever it was given; nothing when it can be one.
std::optional<AgentError> agent_error(std::string_view agent);

// X11: what the policies' key rules and, of a gateway key, its own list say of its agent.
policy::Snapshot::AgentStanding agent_standing(const policy::Snapshot& snapshot,
                                               const Caller& caller);

std::string_view default_agent(Provider provider);  // "openai-direct"

}  // namespace capsem::proxy
