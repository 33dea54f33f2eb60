#include <algorithm>

#include "server/mock/json_out.h"
#include "server/mock/render.h"

namespace capsem::mock {

std::string sse(const Event& event) {
  std::string out;
  out.reserve(event.name.size() + event.data.size() + 20);
  if (!event.name.empty()) {
    out += "event: ";
    out += event.name;
    out += '\n';
  }
  out += "data: ";
  out += event.data;
  out += "\n\n";
  return out;
}

std::vector<Event> merge(std::vector<std::vector<Event>> lists, bool in_turns) {
  std::vector<Event> out;
  if (!in_turns) {
    for (auto& list : lists) std::move(list.begin(), list.end(), std::back_inserter(out));
    return out;
  }
  std::size_t longest = 0;
  for (const auto& list : lists) longest = std::max(longest, list.size());
  for (std::size_t i = 0; i < longest; ++i) {
    for (auto& list : lists) {
      if (i < list.size()) out.push_back(std::move(list[i]));
    }
  }
  return out;
}

std::string embeddings_body(const Prompt& prompt, std::int64_t tokens) {
  std::string vector = json_array(std::vector<std::string>(prompt.dimensions, "0.25"));
  if (prompt.base64_embeddings) {
    // 0.25f is 00 00 80 3E; six characters and a half of base64 each, so three repeat evenly.
    std::string base64;
    const std::uint32_t groups = (prompt.dimensions + 2) / 3;
    for (std::uint32_t i = 0; i < groups; ++i) base64 += "AACAPgAAgD4AAIA+";
    const std::uint32_t spare = groups * 3 - prompt.dimensions;
    if (spare == 1) base64.replace(base64.size() - 16, 16, "AACAPgAAgD4=");
    if (spare == 2) base64.replace(base64.size() - 16, 16, "AACAPg==");
    vector = json_string(base64);
  }
  std::vector<std::string> data;
  for (std::uint32_t i = 0; i < prompt.inputs; ++i) {
    data.push_back(
        JsonObject().str("object", "embedding").num("index", i).raw("embedding", vector).take());
  }
  return JsonObject()
      .str("object", "list")
      .raw("data", json_array(data))
      .str("model", prompt.model)
      .raw("usage", JsonObject().num("prompt_tokens", tokens).num("total_tokens", tokens).take())
      .take();
}

std::string models_body(Provider provider) {
  switch (provider) {
    case Provider::OpenAi:
      return R"({"object":"list","data":[{"id":"gpt-5-nano","object":"model","created":1760000000,)"
             R"("owned_by":"mock"}]})";
    case Provider::Gemini:
      return R"({"models":[{"name":"models/gemini-2.0-flash-exp","displayName":"mock",)"
             R"("supportedGenerationMethods":["generateContent"]}]})";
    case Provider::Anthropic:
      return R"({"data":[{"type":"model","id":"claude-mock","display_name":"mock",)"
             R"("created_at":"2026-01-01T00:00:00Z"}],"has_more":false,"first_id":"claude-mock",)"
             R"("last_id":"claude-mock"})";
  }
  return "{}";
}

namespace {

struct Named {
  int status;
  std::string_view openai, gemini, anthropic;
};
constexpr Named kErrors[] = {
    {400, "invalid_request_error", "INVALID_ARGUMENT", "invalid_request_error"},
    {401, "invalid_request_error", "UNAUTHENTICATED", "authentication_error"},
    {403, "invalid_request_error", "PERMISSION_DENIED", "permission_error"},
    {404, "invalid_request_error", "NOT_FOUND", "not_found_error"},
    {413, "invalid_request_error", "INVALID_ARGUMENT", "request_too_large"},
    {429, "rate_limit_error", "RESOURCE_EXHAUSTED", "rate_limit_error"},
    {500, "server_error", "INTERNAL", "api_error"},
    {503, "server_error", "UNAVAILABLE", "api_error"},
    {529, "server_error", "UNAVAILABLE", "overloaded_error"},
};

}  // namespace

std::string error_body(Provider provider, int status, std::string_view message, bool as_array) {
  const auto* named = std::find_if(std::begin(kErrors), std::end(kErrors),
                                   [&](const Named& n) { return n.status == status; });
  if (named == std::end(kErrors)) named = &kErrors[status >= 500 ? 6 : 0];
  switch (provider) {
    case Provider::OpenAi:
      return JsonObject()
          .raw("error", JsonObject()
                            .str("message", message)
                            .str("type", named->openai)
                            .null("param")
                            .str("code", status == 401   ? "invalid_api_key"
                                         : status == 429 ? "rate_limit_exceeded"
                                                         : named->openai)
                            .take())
          .take();
    case Provider::Gemini: {
      std::string error = JsonObject()
                              .raw("error", JsonObject()
                                                .num("code", status)
                                                .str("message", message)
                                                .str("status", named->gemini)
                                                .take())
                              .take();
      return as_array ? json_array({error}) : error;
    }
    case Provider::Anthropic:
      return JsonObject()
          .str("type", "error")
          .raw("error", JsonObject().str("type", named->anthropic).str("message", message).take())
          .str("request_id", "req_mock")
          .take();
  }
  return "{}";
}

}  // namespace capsem::mock
