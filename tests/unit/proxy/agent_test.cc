#include "server/proxy/agent.h"

#include <gtest/gtest.h>

#include <string>

#include "server/http/head_parser.h"
#include "server/proxy/subject_of.h"

namespace capsem::proxy {
namespace {

struct Request {
  explicit Request(std::string_view fields)
      : text("POST /v1/x HTTP/1.1\r\nHost: h\r\n" + std::string(fields) + "\r\n") {
    EXPECT_FALSE(http::parse_request_head(text, {}, head));
  }
  std::string text;
  http::RequestHead head;
};

std::string agent(std::string_view fields, Provider provider = Provider::OpenAi) {
  const Request request(fields);
  const auto found = agent_of(request.head, provider);
  return found ? std::string(*found) : "!" + std::string(found.error().code);
}

TEST(Agent, R81_ComesFromEitherHeaderOrIsTheProvidersDefault) {
  EXPECT_EQ(agent("X-Capsem-Agent: premium-1\r\n"), "premium-1");
  EXPECT_EQ(agent("x-controlzero-agent-id: premium-1\r\n"), "premium-1");
  EXPECT_EQ(agent("X-Capsem-Agent:   a b  \r\n"), "a b");
  EXPECT_EQ(agent(""), "openai-direct");
  EXPECT_EQ(agent("", Provider::Gemini), "gemini-direct");
  EXPECT_EQ(agent("", Provider::Anthropic), "anthropic-direct");
  EXPECT_EQ(agent("X-Capsem-Agent:\r\n", Provider::Gemini), "gemini-direct");
  EXPECT_EQ(agent("X-Capsem-Agent:\r\nX-ControlZero-Agent-ID: z\r\n"), "z");
  EXPECT_EQ(agent("X-Capsem-Agents: other\r\n"), "openai-direct");
}

TEST(Agent, X11_TwoThatDifferAreRefusedAndTwoEqualOnesAreOne) {
  EXPECT_EQ(agent("X-Capsem-Agent: a\r\nX-ControlZero-Agent-ID: a\r\n"), "a");
  EXPECT_EQ(agent("X-Capsem-Agent: a\r\nX-ControlZero-Agent-ID: b\r\n"), "!conflicting_agents");
  EXPECT_EQ(agent("X-Capsem-Agent: a\r\nX-Capsem-Agent: b\r\n"), "!conflicting_agents");
  EXPECT_EQ(agent("X-Capsem-Agent: a\r\nX-Capsem-Agent: A\r\n"), "!conflicting_agents");
}

TEST(Agent, HasAtMost128PrintableAsciiCharacters) {
  const auto named = [](const std::string& name) {
    return agent("X-Capsem-Agent: " + name + "\r\n");
  };
  EXPECT_EQ(named(std::string(128, 'a')), std::string(128, 'a'));
  EXPECT_EQ(named(std::string(129, 'a')), "!invalid_agent");
  EXPECT_EQ(named("!~"), "!~");
  EXPECT_EQ(named("a\tb"), "!invalid_agent");
  EXPECT_EQ(named("caf\xC3\xA9"), "!invalid_agent");
}

TEST(SubjectOf, SaysWhoWhatAndWhereToR72) {
  const BaseUrl base{false, "gemini.internal", 8080, ""};
  const std::string path = "/v1beta/models/gemini-2.5-pro:streamGenerateContent";
  const Route route = find_route("POST", path, false);
  const auto subject = subject_of(
      route, path, {.user_id = "0123456789abcdef", .agent = "a-1", .agent_bound = true}, base);
  EXPECT_EQ(subject.agent, "a-1");
  EXPECT_TRUE(subject.agent_bound);
  EXPECT_EQ(subject.key, "0123456789abcdef");
  EXPECT_EQ(subject.action, "llm.generate");
  EXPECT_EQ(subject.resource, "");
  EXPECT_EQ(subject.model, "gemini-2.5-pro");
  EXPECT_EQ(subject.provider, "gemini");
  EXPECT_EQ(subject.endpoint, path);
  EXPECT_TRUE(subject.stream);
  // R66 judges the provider's own name, wherever the operator's link leads.
  EXPECT_EQ(subject.upstream_host, "gemini.internal");
  EXPECT_FALSE(subject.upstream_tls);
}

TEST(SubjectOf, WhatTheBodySaysIsLeftToTheEngine) {
  const std::string path = "/v1/chat/completions";
  const BaseUrl base{true, "api.openai.com", 443, ""};
  const Route route = find_route("POST", path, false);
  const auto subject =
      subject_of(route, path, {.user_id = "k", .agent = "openai-direct"}, base);
  EXPECT_EQ(subject.model, "");
  EXPECT_FALSE(subject.stream);
  EXPECT_FALSE(subject.agent_bound);
  EXPECT_EQ(subject.upstream_host, "api.openai.com");
  EXPECT_TRUE(subject.upstream_tls);
}

}  // namespace
}  // namespace capsem::proxy
