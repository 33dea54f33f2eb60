#include "server/proxy/routes.h"

#include <gtest/gtest.h>

namespace capsem::proxy {
namespace {

using codec::Dialect;

struct Case {
  const char* method;
  const char* path;
  bool anthropic;
  Action action;
  Provider provider = Provider::OpenAi;
  Dialect dialect = Dialect::OpenAiChat;
};

constexpr Case kCases[] = {
    {"GET", "/health", false, Action::Health},
    {"HEAD", "/health", false, Action::Health},
    {"GET", "/health/liveliness", false, Action::Live},
    {"GET", "/health/liveness", false, Action::Live},
    {"GET", "/healthz", false, Action::Live},
    {"GET", "/health/readiness", false, Action::Ready},
    {"GET", "/ready", false, Action::Ready},
    {"POST", "/health", false, Action::WrongMethod},
    {"POST", "/v1/chat/completions", false, Action::Inspect},
    {"POST", "/v1/completions", false, Action::Inspect, Provider::OpenAi,
     Dialect::OpenAiCompletions},
    {"POST", "/v1/responses", false, Action::Inspect, Provider::OpenAi, Dialect::OpenAiResponses},
    {"POST", "/v1/responses/compact", false, Action::Inspect, Provider::OpenAi,
     Dialect::OpenAiResponses},
    {"POST", "/v1/responses/input_tokens", false, Action::Inspect, Provider::OpenAi,
     Dialect::OpenAiResponses},
    {"POST", "/v1/embeddings", false, Action::Inspect, Provider::OpenAi, Dialect::OpenAiEmbeddings},
    {"GET", "/v1/responses/resp_1", false, Action::InspectAnswer, Provider::OpenAi,
     Dialect::OpenAiResponses},
    {"GET", "/v1/responses/resp_1/input_items", false, Action::InspectAnswer, Provider::OpenAi,
     Dialect::OpenAiResponses},
    {"DELETE", "/v1/responses/resp_1", false, Action::InspectAnswer, Provider::OpenAi,
     Dialect::OpenAiResponses},
    {"POST", "/v1/responses/resp_1/cancel", false, Action::InspectAnswer, Provider::OpenAi,
     Dialect::OpenAiResponses},
    {"POST", "/v1/responses/resp_1", false, Action::WrongMethod},
    {"GET", "/v1/responses/a/b", false, Action::Unlisted},
    {"POST", "/v1beta/models/gemini-2.5-pro:generateContent", false, Action::Inspect,
     Provider::Gemini, Dialect::Gemini},
    {"POST", "/v1/models/x:generateContent", false, Action::Inspect, Provider::Gemini,
     Dialect::Gemini},
    {"POST", "/v1alpha/models/x:streamGenerateContent", false, Action::Inspect, Provider::Gemini,
     Dialect::Gemini},
    {"POST", "/v1beta/models/publishers/google/models/x:countTokens", false, Action::Inspect,
     Provider::Gemini, Dialect::Gemini},
    {"POST", "/v1beta/tunedModels/x:embedContent", false, Action::Inspect, Provider::Gemini,
     Dialect::Gemini},
    {"POST", "/v1beta/models/x:batchEmbedContents", false, Action::Inspect, Provider::Gemini,
     Dialect::Gemini},
    {"GET", "/v1beta/models/x:generateContent", false, Action::WrongMethod},
    {"POST", "/v1beta/interactions", false, Action::Inspect, Provider::Gemini,
     Dialect::GeminiInteractions},
    {"GET", "/v1beta/interactions/i1", false, Action::InspectAnswer, Provider::Gemini,
     Dialect::GeminiInteractions},
    {"POST", "/v1beta/openai/chat/completions", false, Action::Inspect, Provider::Gemini},
    {"POST", "/v1beta/openai/embeddings", false, Action::Inspect, Provider::Gemini,
     Dialect::OpenAiEmbeddings},
    {"POST", "/v1/messages", true, Action::Inspect, Provider::Anthropic, Dialect::Anthropic},
    {"POST", "/v1/messages", false, Action::Inspect, Provider::Anthropic, Dialect::Anthropic},
    {"POST", "/v1/messages/count_tokens", true, Action::Inspect, Provider::Anthropic,
     Dialect::Anthropic},
    {"POST", "/v1/complete", true, Action::Inspect, Provider::Anthropic,
     Dialect::AnthropicComplete},
    {"POST", "/v1/policy/enforce", false, Action::Ask},
    {"POST", "/v1/policy/evaluate", false, Action::Ask},
    {"POST", "/v1/evaluate", true, Action::Ask},
    {"GET", "/v1/policy/enforce", false, Action::WrongMethod},
    {"POST", "/v1/policy", false, Action::Unlisted},
    {"GET", "/v1/models", false, Action::Relay, Provider::OpenAi},
    {"GET", "/v1/models", true, Action::Relay, Provider::Anthropic},
    {"GET", "/v1/models/ft:gpt-4o:org", false, Action::Relay, Provider::OpenAi},
    {"GET", "/v1beta/models", false, Action::Relay, Provider::Gemini},
    {"GET", "/v1beta/models/gemini-2.5-pro", false, Action::Relay, Provider::Gemini},
    {"POST", "/v1/models", false, Action::WrongMethod},
    {"DELETE", "/v1/models/ft:x", false, Action::Unlisted},
    // T04: nothing reaches a provider without a row.
    {"POST", "/v1/files", false, Action::Unlisted, Provider::OpenAi},
    {"POST", "/v1/messages/batches", true, Action::Unlisted, Provider::Anthropic},
    {"POST", "/v1beta/models/x:batchGenerateContent", false, Action::Unlisted, Provider::Gemini},
    {"POST", "/v1beta/cachedContents", false, Action::Unlisted, Provider::Gemini},
    {"POST", "/v1/chat/completions/", false, Action::Unlisted, Provider::OpenAi},
    {"POST", "/V1/chat/completions", false, Action::Unknown},
    {"POST", "/chat/completions", false, Action::Unknown},
    {"POST", "/v1beta/models/:generateContent", false, Action::Unlisted, Provider::Gemini},
    {"GET", "/", false, Action::Unknown},
    {"GET", "/v1", false, Action::Unknown},
};

TEST(Routes, T04_X10_EveryPathHasOneMeaning) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(testing::Message() << c.method << " " << c.path);
    const Route route = find_route(c.method, c.path, c.anthropic);
    EXPECT_EQ(static_cast<int>(route.action), static_cast<int>(c.action));
    if (c.action == Action::WrongMethod || c.action == Action::Unknown) continue;
    EXPECT_EQ(static_cast<int>(route.provider), static_cast<int>(c.provider));
    EXPECT_EQ(static_cast<int>(route.profile.dialect), static_cast<int>(c.dialect));
  }
}

TEST(Routes, R13_GetOnTheTwoOpenAiPathsHasTheOriginalsText) {
  EXPECT_TRUE(find_route("GET", "/v1/chat/completions", false).original_405);
  EXPECT_TRUE(find_route("GET", "/v1/responses", false).original_405);
  EXPECT_FALSE(find_route("DELETE", "/v1/responses", false).original_405);
  EXPECT_FALSE(find_route("GET", "/v1/completions", false).original_405);
}

TEST(Routes, R20_ToolPrefixIsTheRoutes) {
  const auto prefix = [](const char* path) {
    return find_route("POST", path, false).profile.tool_prefix;
  };
  EXPECT_TRUE(prefix("/v1/chat/completions").starts_with("Tool blocked"));
  EXPECT_TRUE(prefix("/v1beta/models/x:streamGenerateContent").starts_with("Tool blocked"));
  EXPECT_TRUE(prefix("/v1/responses").starts_with("Request blocked"));
  EXPECT_TRUE(prefix("/v1beta/models/x:generateContent").starts_with("Request blocked"));
}

TEST(Routes, R72_WhatGeneratesIsAnActionAndNothingElseIs) {
  const struct {
    const char* method;
    const char* path;
    std::string_view asks;
  } cases[] = {
      {"POST", "/v1/chat/completions", "llm.generate"},
      {"POST", "/v1/completions", "llm.generate"},
      {"POST", "/v1/responses", "llm.generate"},
      {"POST", "/v1/responses/compact", "llm.generate"},
      {"POST", "/v1/responses/input_tokens", "llm.generate"},
      {"POST", "/v1/embeddings", "embedding.generate"},
      {"POST", "/v1beta/openai/chat/completions", "llm.generate"},
      {"POST", "/v1beta/openai/embeddings", "embedding.generate"},
      {"POST", "/v1beta/interactions", "llm.generate"},
      {"POST", "/v1beta/models/m:generateContent", "llm.generate"},
      {"POST", "/v1beta/models/m:streamGenerateContent", "llm.generate"},
      {"POST", "/v1beta/models/m:countTokens", "llm.generate"},
      {"POST", "/v1beta/models/m:embedContent", "embedding.generate"},
      {"POST", "/v1alpha/tunedModels/m:batchEmbedContents", "embedding.generate"},
      {"POST", "/v1/messages", "llm.generate"},
      {"POST", "/v1/messages/count_tokens", "llm.generate"},
      {"POST", "/v1/complete", "llm.generate"},
      {"GET", "/v1/responses/resp_1", ""},
      {"GET", "/v1beta/interactions/i1", ""},
      {"GET", "/v1/models", ""},
      {"GET", "/health", ""},
      {"POST", "/v1/files", ""},
      {"GET", "/v1/chat/completions", ""},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(find_route(c.method, c.path, false).asks, c.asks) << c.method << " " << c.path;
  }
  // Every path of the big table that is inspected asks for something.
  for (const Case& c : kCases) {
    const Route route = find_route(c.method, c.path, c.anthropic);
    EXPECT_EQ(!route.asks.empty(), route.action == Action::Inspect) << c.path;
  }
}

TEST(Routes, ATunedModelIsNotTheModelOfTheSameName) {
  const auto model = [](std::string_view path) { return find_route("POST", path, false).model; };
  EXPECT_EQ(model("/v1beta/models/gemini-2.5-pro:generateContent"), "gemini-2.5-pro");
  EXPECT_EQ(model("/v1beta/tunedModels/gemini-2.5-pro:generateContent"),
            "tunedModels/gemini-2.5-pro");
  EXPECT_EQ(model("/v1/models/publishers/google/models/x:countTokens"),
            "publishers/google/models/x");
}

TEST(Routes, R53_R83_TheCheckApiHasThreePaths) {
  const auto call = [](const char* path) { return find_route("POST", path, false).call; };
  EXPECT_EQ(call("/v1/policy/enforce"), PolicyCall::Enforce);
  EXPECT_EQ(call("/v1/policy/evaluate"), PolicyCall::Explain);
  EXPECT_EQ(call("/v1/evaluate"), PolicyCall::Evaluate);
}

TEST(Routes, TheGeminiModelIsWhatStandsBeforeTheLastColon) {
  const Route route = find_route("POST", "/v1beta/models/a/b:c:streamGenerateContent", false);
  EXPECT_EQ(route.model, "a/b:c");
  EXPECT_TRUE(route.profile.stream_by_path);
}

}  // namespace
}  // namespace capsem::proxy
