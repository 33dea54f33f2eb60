#include "server/proxy/agent.h"

#include <algorithm>

namespace capsem::proxy {
namespace {

bool names_agent(const http::Field& field) {
  if (field.id != http::FieldId::unknown) return false;
  return http::equals_ignoring_case(field.name, "x-capsem-agent") ||
         http::equals_ignoring_case(field.name, "x-controlzero-agent-id");
}

bool printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c <= 0x7E; });
}

}  // namespace

std::expected<std::string_view, AgentError> agent_of(const http::RequestHead& head,
                                                     Provider provider) {
  std::string_view agent;
  for (const http::Field& field : head.fields) {
    if (!names_agent(field) || field.value.empty()) continue;
    if (!agent.empty() && agent != field.value) {
      return std::unexpected(
          AgentError{"The request names two different agents", "conflicting_agents"});
    }
    agent = field.value;
  }
  if (agent.empty()) return default_agent(provider);
  if (const auto error = agent_error(agent)) return std::unexpected(*error);
  return agent;
}

std::optional<AgentError> agent_error(std::string_view agent) {
  if (agent.size() > kAgentBytesMax) {
    return AgentError{"The agent's name is longer than 128 characters", "invalid_agent"};
  }
  if (!printable(agent)) {
    return AgentError{"The agent's name has a character that is not printable ASCII",
                      "invalid_agent"};
  }
  return std::nullopt;
}

policy::Snapshot::AgentStanding agent_standing(const policy::Snapshot& snapshot,
                                               const Caller& caller) {
  using Standing = policy::Snapshot::AgentStanding;
  const Standing standing = snapshot.agent_standing(caller.user_id, caller.agent);
  if (standing == Standing::Refused || caller.key == nullptr || caller.key->agents.empty()) {
    return standing;
  }
  return caller.key->agents.any_matches(caller.agent) ? Standing::Bound : Standing::Refused;
}

std::string_view default_agent(Provider provider) {
  switch (provider) {
    case Provider::OpenAi:
      return "openai-direct";
    case Provider::Gemini:
      return "gemini-direct";
    case Provider::Anthropic:
      break;
  }
  return "anthropic-direct";
}

}  // namespace capsem::proxy
