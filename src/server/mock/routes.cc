#include "server/mock/routes.h"

namespace capsem::mock {
namespace {

// "v1beta/models/x:verb" -> the part between the version and the verb, and the verb.
bool gemini_route(std::string_view path, std::string_view query, Route& route) {
  const auto colon = path.rfind(':');
  const auto models = path.find("odels/");  // models/, tunedModels/
  if (colon == std::string_view::npos || models == std::string_view::npos) return false;
  const std::string_view verb = path.substr(colon + 1);
  route.provider = Provider::Gemini;
  route.api = Api::Gemini;
  route.model = path.substr(models + 6, colon - models - 6);
  if (verb == "generateContent" || verb == "streamGenerateContent") {
    route.action = Action::Generate;
    route.stream = verb == "streamGenerateContent";
    route.array_stream = route.stream && query.find("alt=sse") == std::string_view::npos;
  } else if (verb == "countTokens") {
    route.action = Action::CountTokens;
  } else if (verb == "embedContent" || verb == "batchEmbedContents") {
    route.action = Action::Generate;
    route.api = Api::GeminiEmbed;
  }
  return route.action != Action::None;
}

struct Fixed {
  std::string_view path;
  Provider provider;
  Api api;
  Action action;
};
constexpr Fixed kPosts[] = {
    {"/chat/completions", Provider::OpenAi, Api::Chat, Action::Generate},
    {"/v1/completions", Provider::OpenAi, Api::Completions, Action::Generate},
    {"/v1/responses", Provider::OpenAi, Api::Responses, Action::Generate},
    {"/v1/responses/input_tokens", Provider::OpenAi, Api::Responses, Action::CountTokens},
    {"/v1/responses/compact", Provider::OpenAi, Api::Responses, Action::Compact},
    {"/embeddings", Provider::OpenAi, Api::Embeddings, Action::Generate},
    {"/v1/messages", Provider::Anthropic, Api::Anthropic, Action::Generate},
    {"/v1/messages/count_tokens", Provider::Anthropic, Api::Anthropic, Action::CountTokens},
    {"/v1/complete", Provider::Anthropic, Api::AnthropicComplete, Action::Generate},
};

// GET /v1/responses/{id} and /v1/responses/{id}/input_items
void response_route(std::string_view path, std::string_view query, Route& route) {
  constexpr std::string_view kPrefix = "/v1/responses/", kItems = "/input_items";
  const auto at = path.find(kPrefix);
  if (at == std::string_view::npos) return;
  std::string_view id = path.substr(at + kPrefix.size());
  route.api = Api::Responses;
  route.action = id.ends_with(kItems) ? Action::Items : Action::Retrieve;
  if (id.ends_with(kItems)) id.remove_suffix(kItems.size());
  route.model = id;
  route.stream = query.find("stream=true") != std::string_view::npos;
}

}  // namespace

Route route_of(std::string_view method, std::string_view target, bool is_anthropic) {
  const auto mark = target.find('?');
  const std::string_view path = target.substr(0, mark);
  const std::string_view query =
      mark == std::string_view::npos ? std::string_view{} : target.substr(mark + 1);
  Route route;
  if (method == "POST") {
    if (gemini_route(path, query, route)) return route;
    // The longest ending wins: a prefix in front of the API's own path is the operator's.
    std::size_t longest = 0;
    for (const Fixed& fixed : kPosts) {
      if (!path.ends_with(fixed.path) || fixed.path.size() <= longest) continue;
      longest = fixed.path.size();
      route.provider = fixed.provider;
      route.api = fixed.api;
      route.action = fixed.action;
    }
    return route;
  }
  if (method != "GET") return route;
  if (path.find("/models") != std::string_view::npos) {
    route.action = Action::Models;
    route.provider = path.find("/v1beta/") != std::string_view::npos ? Provider::Gemini
                     : is_anthropic                                  ? Provider::Anthropic
                                                                     : Provider::OpenAi;
    return route;
  }
  response_route(path, query, route);
  return route;
}

}  // namespace capsem::mock
