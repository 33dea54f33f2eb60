#include "server/proxy/routes.h"

#include <array>

namespace capsem::proxy {
namespace {

using codec::Dialect;

constexpr std::string_view kToolPrefix = "Tool blocked by security policy: ";

// Paths without variable parts. Sorted by provider, as in wire-formats' table.
struct Row {
  std::string_view path;
  std::string_view method;
  Action action;
  Provider provider;
  Dialect dialect;
  bool tool_prefix = false;   // R20
  bool original_405 = false;  // R13
  PolicyCall call = PolicyCall::Enforce;
};
constexpr std::array kRows = {
    Row{"/health", "GET", Action::Health, Provider::OpenAi, Dialect::OpenAiChat},
    Row{"/health/liveliness", "GET", Action::Live, Provider::OpenAi, Dialect::OpenAiChat},
    Row{"/health/liveness", "GET", Action::Live, Provider::OpenAi, Dialect::OpenAiChat},
    Row{"/healthz", "GET", Action::Live, Provider::OpenAi, Dialect::OpenAiChat},
    Row{"/health/readiness", "GET", Action::Ready, Provider::OpenAi, Dialect::OpenAiChat},
    Row{"/ready", "GET", Action::Ready, Provider::OpenAi, Dialect::OpenAiChat},
    Row{"/v1/chat/completions", "POST", Action::Inspect, Provider::OpenAi, Dialect::OpenAiChat,
        true, true},
    Row{"/v1/completions", "POST", Action::Inspect, Provider::OpenAi, Dialect::OpenAiCompletions},
    Row{"/v1/responses", "POST", Action::Inspect, Provider::OpenAi, Dialect::OpenAiResponses, false,
        true},
    Row{"/v1/responses/compact", "POST", Action::Inspect, Provider::OpenAi,
        Dialect::OpenAiResponses},
    Row{"/v1/responses/input_tokens", "POST", Action::Inspect, Provider::OpenAi,
        Dialect::OpenAiResponses},
    Row{"/v1/embeddings", "POST", Action::Inspect, Provider::OpenAi, Dialect::OpenAiEmbeddings},
    Row{"/v1beta/interactions", "POST", Action::Inspect, Provider::Gemini,
        Dialect::GeminiInteractions},
    Row{"/v1beta/openai/chat/completions", "POST", Action::Inspect, Provider::Gemini,
        Dialect::OpenAiChat, true},
    Row{"/v1beta/openai/embeddings", "POST", Action::Inspect, Provider::Gemini,
        Dialect::OpenAiEmbeddings},
    Row{"/v1/messages", "POST", Action::Inspect, Provider::Anthropic, Dialect::Anthropic},
    Row{"/v1/messages/count_tokens", "POST", Action::Inspect, Provider::Anthropic,
        Dialect::Anthropic},
    Row{"/v1/policy/enforce", "POST", Action::Ask, Provider::OpenAi, Dialect::OpenAiChat, false,
        false, PolicyCall::Enforce},
    Row{"/v1/policy/evaluate", "POST", Action::Ask, Provider::OpenAi, Dialect::OpenAiChat, false,
        false, PolicyCall::Explain},
    Row{"/v1/evaluate", "POST", Action::Ask, Provider::OpenAi, Dialect::OpenAiChat, false, false,
        PolicyCall::Evaluate},
    Row{"/v1/complete", "POST", Action::Inspect, Provider::Anthropic, Dialect::AnthropicComplete},
};

constexpr std::string_view kGenerate = "llm.generate", kEmbedding = "embedding.generate";
constexpr std::array<std::string_view, 3> kGeminiVersions = {"/v1/", "/v1beta/", "/v1alpha/"};

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// One path segment that can be an id: not empty, no further slash, no verb.
bool is_id(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    const bool fine = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      c == '-' || c == '_' || c == '.';
    if (!fine) return false;
  }
  return true;
}

// Model names may hold slashes and colons ("publishers/google/models/x", "ft:gpt-4o:org").
bool is_model(std::string_view text) {
  if (text.empty() || text.front() == '/' || text.back() == '/') return false;
  for (const char c : text) {
    const bool fine = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      c == '-' || c == '_' || c == '.' || c == '/' || c == ':' || c == '@';
    if (!fine) return false;
  }
  return true;
}

Route wrong_method(std::string_view allow, bool original_405 = false) {
  Route route;
  route.action = Action::WrongMethod;
  route.allow = allow;
  route.original_405 = original_405;
  return route;
}

Route found(Action action, Provider provider, Dialect dialect = Dialect::OpenAiChat) {
  Route route;
  route.action = action;
  route.provider = provider;
  route.profile.dialect = dialect;
  if (action == Action::Inspect) {
    route.asks = dialect == Dialect::OpenAiEmbeddings ? kEmbedding : kGenerate;
  }
  return route;
}

bool find_row(std::string_view method, std::string_view path, Route& route) {
  for (const Row& row : kRows) {
    if (row.path != path) continue;
    if (row.method != method && !(row.method == "GET" && method == "HEAD")) {
      route = wrong_method(row.method, row.original_405 && method == "GET");
      return true;
    }
    route = found(row.action, row.provider, row.dialect);
    route.call = row.call;
    if (row.tool_prefix) route.profile.tool_prefix = kToolPrefix;
    return true;
  }
  return false;
}

// /{v}/models/{m}:verb, and tunedModels likewise.
bool find_gemini_verb(std::string_view method, std::string_view path, Route& route) {
  for (const std::string_view version : kGeminiVersions) {
    std::string_view rest = path;
    if (!take_prefix(rest, version)) continue;
    const bool tuned = rest.starts_with("tunedModels/");
    std::string_view name = rest;
    if (!take_prefix(name, tuned ? "tunedModels/" : "models/")) return false;
    const auto colon = name.rfind(':');
    if (colon == std::string_view::npos) return false;
    const std::string_view verb = name.substr(colon + 1);
    name = name.substr(0, colon);
    const bool streams = verb == "streamGenerateContent";
    const bool embeds = verb == "embedContent" || verb == "batchEmbedContents";
    const bool known = streams || embeds || verb == "generateContent" || verb == "countTokens";
    if (!known || !is_model(name)) return false;
    if (method != "POST") {
      route = wrong_method("POST");
      return true;
    }
    route = found(Action::Inspect, Provider::Gemini, Dialect::Gemini);
    route.profile.stream_by_path = streams;
    if (streams) route.profile.tool_prefix = kToolPrefix;
    if (embeds) route.asks = kEmbedding;
    // A tuned model may have any name, that of an allowed model too.
    route.model = tuned ? rest.substr(0, rest.size() - verb.size() - 1) : name;
    return true;
  }
  return false;
}

// Lists of models and one model's description carry no text of the caller.
bool find_models(std::string_view method, std::string_view path, bool anthropic, Route& route) {
  for (const std::string_view version : kGeminiVersions) {
    std::string_view rest = path;
    if (!take_prefix(rest, version) || !take_prefix(rest, "models")) continue;
    if (!rest.empty() && (!take_prefix(rest, "/") || !is_model(rest))) return false;
    // A colon is a verb at Gemini, and part of a fine-tuned model's name at OpenAI.
    const bool verb = rest.find(':') != std::string_view::npos;
    if (verb && (version != "/v1/" || method != "GET")) return false;
    if (method != "GET") {
      if (method == "DELETE") return false;  // deletes a fine-tuned model: no harmless read
      route = wrong_method("GET");
      return true;
    }
    const Provider shared = anthropic ? Provider::Anthropic : Provider::OpenAi;
    route = found(Action::Relay, version == "/v1/" ? shared : Provider::Gemini);
    return true;
  }
  return false;
}

// Stored responses: their text was perhaps never seen (background: true).
bool find_stored(std::string_view method, std::string_view path, Route& route) {
  std::string_view id = path;
  const auto answer = [&](std::string_view allowed, Provider provider, Dialect dialect) {
    const bool fits = method == allowed || (allowed == "GET" && method == "DELETE");
    route = fits ? found(Action::InspectAnswer, provider, dialect)
                 : wrong_method(allowed == "GET" ? "GET, DELETE" : allowed);
    return true;
  };
  if (take_prefix(id, "/v1beta/interactions/")) {
    return is_id(id) && answer("GET", Provider::Gemini, Dialect::GeminiInteractions);
  }
  if (!take_prefix(id, "/v1/responses/")) return false;
  constexpr std::string_view kItems = "/input_items", kCancel = "/cancel";
  if (id.ends_with(kItems)) {
    if (!is_id(id.substr(0, id.size() - kItems.size())) || method == "DELETE") return false;
    return answer("GET", Provider::OpenAi, Dialect::OpenAiResponses);
  }
  if (id.ends_with(kCancel)) {
    return is_id(id.substr(0, id.size() - kCancel.size())) &&
           answer("POST", Provider::OpenAi, Dialect::OpenAiResponses);
  }
  return is_id(id) && answer("GET", Provider::OpenAi, Dialect::OpenAiResponses);
}

Route unlisted(std::string_view path, bool anthropic) {
  Route route;
  for (const std::string_view prefix : {"/v1beta/", "/v1alpha/", "/upload/", "/ws/"}) {
    if (path.starts_with(prefix)) return found(Action::Unlisted, Provider::Gemini);
  }
  if (path.starts_with("/v1/")) {
    return found(Action::Unlisted, anthropic ? Provider::Anthropic : Provider::OpenAi);
  }
  return route;
}

}  // namespace

Route find_route(std::string_view method, std::string_view path, bool anthropic) {
  Route route;
  if (find_row(method, path, route)) return route;
  if (find_gemini_verb(method, path, route)) return route;
  if (find_models(method, path, anthropic, route)) return route;
  if (find_stored(method, path, route)) return route;
  return unlisted(path, anthropic);
}

Route find_review_route(std::string_view method, std::string_view path) {
  Route route;
  if (!take_prefix(path, kReviewPrefix) || !is_id(path)) return route;
  if (method != "GET" && method != "HEAD") return wrong_method("GET");
  route.action = Action::Poll;
  return route;
}

}  // namespace capsem::proxy
