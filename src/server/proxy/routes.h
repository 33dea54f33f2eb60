// The route table: method and decoded path, matched exactly. Nothing reaches a provider without a
// row that says so (T04, X10).
#pragma once

#include <cstdint>
#include <string_view>

#include "core/engine/exchange.h"
#include "server/proxy/settings.h"

namespace capsem::proxy {

enum class Action : std::uint8_t {
  Inspect,        // request and answer
  InspectAnswer,  // the request carries no text: GET of a stored response
  Relay,          // a harmless read
  Through,        // of integrations: unread, whatever its method and body (R35)
  Poll,           // a review's state (R49)
  Ask,            // the check API: answered by the policies, not by a provider
  Health,
  Live,
  Ready,
  WrongMethod,  // the path is known; `allow` names its methods
  Unlisted,     // looks like a provider's path, but no row names it
  Unknown,
};

// What the check API is asked: R83, the explanation, R53.
enum class PolicyCall : std::uint8_t { Enforce, Explain, Evaluate };

struct Route {
  Action action = Action::Unknown;
  Provider provider = Provider::OpenAi;
  bool integration = false;  // the provider's key is the vault's
  engine::RouteProfile profile{};
  // R72, for access rules: "llm.generate", "embedding.generate"; empty: nothing is generated.
  // Token counting asks for generation too, since prompts leave through it.
  std::string_view asks{};
  // From the path (Gemini), a view of it: "gemini-2.5-flash", "tunedModels/x".
  std::string_view model{};
  PolicyCall call = PolicyCall::Enforce;  // with Ask
  std::string_view allow{};               // with WrongMethod
  bool original_405 = false;              // R13's text
};

// `anthropic`: the request carries anthropic-version, which decides the paths that OpenAI and
// Anthropic share. Views of the route point into `path`.
Route find_route(std::string_view method, std::string_view path, bool anthropic);

// GET /v1/reviews/{id}; other paths below /v1/reviews are Unknown.
Route find_review_route(std::string_view method, std::string_view path);
inline constexpr std::string_view kReviewPrefix = "/v1/reviews/";

}  // namespace capsem::proxy
