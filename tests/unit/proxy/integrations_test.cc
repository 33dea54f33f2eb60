// Integration routes over real sockets: whose key opens which, what goes to the provider and what
// never does, and how errors look there (R34, R35, R38, R54, X2, X6, X11, T04, T23, T28).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/proxy/world.h"

namespace capsem::proxy::test {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view kWords = R"(schema = 1
[[policy]]
id = "words"
type = "keyword"
keywords = ["stopword"]
bind.integrations = ["*"]
[[policy]]
id = "more"
type = "keyword"
keywords = ["stopword", "morestop"]
bind.integrations = ["*"]
)";

class Integrations : public testing::Test {
 protected:
  World world;
};

TEST_F(Integrations, R34_BothSpellingsOfTheBasePathReachTheSamePathWithTheStoredKey) {
  world.start();
  struct Case {
    const char* name;
    const char* path;
    const char* header;
    const char* upstream_path;
    const char* upstream_key;
  };
  for (const Case& c : {
           Case{"openai", "/v1/chat/completions", "authorization: Bearer ", "/v1/chat/completions",
                "authorization: Bearer "},
           Case{"openai", "/chat/completions", "authorization: Bearer ", "/v1/chat/completions",
                "authorization: Bearer "},
           Case{"openai", "/responses", "authorization: Bearer ", "/v1/responses",
                "authorization: Bearer "},
           Case{"openai", "/v1/completions", "api-key: ", "/v1/completions",
                "authorization: Bearer "},
           Case{"gemini", "/v1beta/models/m:generateContent",
                "x-goog-api-key: ", "/v1beta/models/m:generateContent", "x-goog-api-key: "},
           Case{"gemini", "/models/m:generateContent",
                "x-goog-api-key: ", "/v1beta/models/m:generateContent", "x-goog-api-key: "},
           Case{"gemini", "/v1/models/m:countTokens", "authorization: Bearer ",
                "/v1/models/m:countTokens", "x-goog-api-key: "},
           Case{"gemini", "/v1beta/openai/chat/completions", "authorization: Bearer ",
                "/v1beta/openai/chat/completions", "authorization: Bearer "},
           Case{"anthropic", "/v1/messages", "x-api-key: ", "/v1/messages", "x-api-key: "},
           Case{"anthropic", "/messages", "x-api-key: ", "/v1/messages", "x-api-key: "},
           Case{"anthropic", "/v1/messages/count_tokens", "authorization: Bearer ",
                "/v1/messages/count_tokens", "x-api-key: "},
       }) {
    SCOPED_TRACE(std::string(c.name) + c.path);
    const std::size_t before = world.provider.count();
    const std::string key = World::token(c.name);
    const std::string answer = world.ask(
        "POST", "/v1/integrations/" + std::string(c.name) + "/proxy/i-" + c.name + c.path,
        R"({"model":"m","messages":[],"contents":[],"input":"x","prompt":"x","max_tokens":1})",
        std::string(c.header) + key + "\r\ncookie: a=b\r\n");
    ASSERT_EQ(world.provider.count(), before + 1) << answer;
    const std::string seen = world.provider.requests().back();
    EXPECT_THAT(seen, StartsWith("POST " + std::string(c.upstream_path) + " HTTP/1.1"));
    EXPECT_THAT(seen, HasSubstr(std::string(c.upstream_key) + std::string(kStoredKey) + "\r\n"));
    EXPECT_THAT(seen, Not(HasSubstr("ag_live_")));
    EXPECT_THAT(seen, Not(HasSubstr("cookie")));
  }
  for (const audit::Record& record : world.sink.wait_for(11)) {
    EXPECT_TRUE(record.evaluated) << record.path;
    EXPECT_EQ(record.tenant, "t-1");
    EXPECT_EQ(record.integration, "i-" + record.provider);
    EXPECT_EQ(record.key_id, "k-" + record.provider);
    EXPECT_EQ(record.user_id, record.key_id);
    EXPECT_THAT(record.path, StartsWith("/v1/integrations/"));
  }
}

TEST_F(Integrations, T28_GoogleKeysInTheQueryAreTakenOut) {
  world.start();
  const std::string answer =
      world.ask("POST",
                "/v1/integrations/gemini/proxy/i-gemini/v1beta/models/m:streamGenerateContent"
                "?alt=sse&key=" +
                    World::token("gemini"),
                R"({"contents":[]})", "");
  EXPECT_EQ(status_in(answer), "200");
  const std::string seen = world.provider.requests().back();
  EXPECT_THAT(seen, StartsWith("POST /v1beta/models/m:streamGenerateContent?alt=sse HTTP/1.1"));
  EXPECT_THAT(seen, Not(HasSubstr("ag_live_")));
  for (const audit::Record& record : world.sink.wait_for(1)) {
    EXPECT_THAT(audit::to_json_line(record), Not(HasSubstr("ag_live_")));
  }
}

TEST_F(Integrations, R35_OtherPathsPassUnreadAndCountNothing) {
  world.start(kWords);
  struct Case {
    const char* method;
    const char* path;
    const char* upstream_path;
  };
  for (const Case& c : {
           Case{"GET", "/v1/models", "/v1/models"},
           Case{"GET", "/models/ft:gpt-4o:org", "/v1/models/ft:gpt-4o:org"},
           Case{"POST", "/v1/embeddings", "/v1/embeddings"},
           Case{"POST", "/files?purpose=batch", "/v1/files?purpose=batch"},
           Case{"DELETE", "/v1/files/f-1", "/v1/files/f-1"},
           Case{"POST", "/v1/threads/t-1/runs", "/v1/threads/t-1/runs"},
           Case{"POST", "/v1/threads/t-1/messages", "/v1/threads/t-1/messages"},
           Case{"GET", "/v1/chat/completions", "/v1/chat/completions"},
           Case{"POST", "/v1/chat/completions/c-1", "/v1/chat/completions/c-1"},
           Case{"PATCH", "/v1/new/thing", "/v1/new/thing"},
       }) {
    SCOPED_TRACE(std::string(c.method) + c.path);
    const std::size_t before = world.provider.count();
    const std::string answer =
        world.ask(c.method, "/v1/integrations/openai/proxy/i-openai" + std::string(c.path),
                  std::string(c.method) == "POST" ? R"({"input":"stopword"})" : "",
                  World::bearer(World::token("openai")));
    EXPECT_EQ(status_in(answer), "200") << answer;
    ASSERT_EQ(world.provider.count(), before + 1);
    const std::string seen = world.provider.requests().back();
    EXPECT_THAT(seen, StartsWith(std::string(c.method) + " " + c.upstream_path + " HTTP/1.1"));
    EXPECT_THAT(seen, HasSubstr("authorization: Bearer " + std::string(kStoredKey)));
  }
  for (const audit::Record& record : world.sink.wait_for(10)) {
    EXPECT_FALSE(record.evaluated) << record.path;
    EXPECT_TRUE(record.decisions.empty());
    ASSERT_EQ(record.not_checked.size(), 1U) << record.path;
    EXPECT_EQ(record.not_checked[0].reason, "relayed unread");
  }
}

// R35, R38: no text of it is evaluated, but its model has to be one that the caller may use.
TEST_F(Integrations, R35_OfEmbeddingsTheModelAloneIsJudged) {
  world.start(std::string(kWords) + R"(
[[policy]]
id = "models"
type = "lists"
models = { allow = ["text-embedding-3-small", "gemini-embedding-001"] }
bind.integrations = ["*"]
)");
  struct Case {
    const char* name;
    const char* path;
    const char* model;
    const char* status;
  };
  for (const Case& c : {
           Case{"openai", "/v1/embeddings", "text-embedding-3-small", "200"},
           Case{"openai", "/embeddings", "text-embedding-3-large", "403"},
           Case{"openai", "/embeddings", "", "403"},
           Case{"openai", "/v1/Embeddings", "text-embedding-3-small", "404"},
           Case{"gemini", "/v1beta/openai/embeddings", "gemini-embedding-001", "200"},
           Case{"gemini", "/v1beta/openai/embeddings", "other", "403"},
           Case{"gemini", "/v1beta/models/gemini-embedding-001:embedContent", "", "200"},
           Case{"gemini", "/v1beta/models/other:batchEmbedContents", "gemini-embedding-001", "403"},
           Case{"gemini", "/v1beta/models/other:EmbedContent", "gemini-embedding-001", "404"},
       }) {
    SCOPED_TRACE(std::string(c.name) + c.path + " " + c.model);
    const std::size_t before = world.provider.count();
    const std::string answer =
        world.ask("POST", "/v1/integrations/" + std::string(c.name) + "/proxy/i-" + c.name + c.path,
                  R"({"model":")" + std::string(c.model) + R"(","input":["stopword",[1,2]]})",
                  World::bearer(World::token(c.name)));
    EXPECT_EQ(status_in(answer), c.status) << answer;
    EXPECT_EQ(world.provider.count(), before + (std::string_view(c.status) == "200" ? 1 : 0));
  }
  for (const audit::Record& record : world.sink.wait_for(9)) {
    EXPECT_FALSE(record.evaluated) << record.path;
  }
}

TEST_F(Integrations, T04_WhatCouldBeTakenForAnInspectedPathIsNotRelayed) {
  world.start();
  struct Case {
    const char* name;
    const char* path;
    const char* status;
  };
  for (const Case& c : {
           Case{"openai", "/v1/chat/completions/", "404"},
           Case{"openai", "/V1/Chat/Completions", "404"},
           Case{"openai", "/v1/CHAT/completions", "404"},
           Case{"openai", "/v1/v1/chat/completions", "404"},
           Case{"openai", "/openai/deployments/d/chat/completions", "404"},
           Case{"openai", "/v1/engines/davinci/completions", "404"},
           Case{"openai", "/v1/chat/completions%20", "404"},
           Case{"openai", "/v1/messages", "404"},
           Case{"openai", "/v1beta/models/m:generateContent", "404"},
           Case{"openai", "/v1//chat/completions", "400"},
           Case{"openai", "/v1/./chat/completions", "400"},
           Case{"openai", "/v1/chat%2fcompletions", "400"},
           Case{"openai", "/v1/chat/completions;a", "400"},
           Case{"gemini", "/v1beta/models/m:GenerateContent", "404"},
           Case{"gemini", "/v1beta/models/m:generateContent/", "404"},
           Case{"gemini", "/v1beta1/models/m:streamGenerateContent", "404"},
           Case{"gemini", "/v1beta/projects/p/models/m:generateContent", "404"},
           Case{"anthropic", "/v1/messages/", "404"},
           Case{"anthropic", "/v2/messages", "404"},
           Case{"anthropic", "/v1/Messages/count_tokens", "404"},
       }) {
    SCOPED_TRACE(std::string(c.name) + c.path);
    const std::string answer =
        world.ask("POST", "/v1/integrations/" + std::string(c.name) + "/proxy/i-" + c.name + c.path,
                  chat("x"), World::bearer(World::token(c.name)));
    EXPECT_EQ(status_in(answer), c.status) << answer;
  }
  for (const std::string path :
       {"/v1/integrations", "/v1/integrations/openai/proxy/i-openai",
        "/v1/integrations/openai/proxy/", "/v1/integrations/other/proxy/i-openai/v1/models",
        "/v1/integrations/openai/direct/i-openai/v1/models", "/v1/reviews", "/v1/reviews/a/b"}) {
    SCOPED_TRACE(path);
    const std::string answer =
        world.ask("GET", path, "", World::bearer("sk-own") + "origin: https://page.example\r\n");
    EXPECT_EQ(status_in(answer), "404");
    EXPECT_THAT(answer, Not(HasSubstr("access-control")));
    EXPECT_THAT(body_in(answer), StartsWith(R"({"error":{"message":)"));
  }
  EXPECT_EQ(world.provider.count(), 0U);
}

TEST_F(Integrations, R38_AWrongKeyIs401AndTheProviderIsNotContacted) {
  world.contents.keys.emplace_back(
      tenant::mac_of("ag_live_expired", kPepper),
      tenant::Key{.id = "k-e", .integration = "i-openai", .expires_ms = 1'000'000});
  world.contents.keys.emplace_back(
      tenant::mac_of("ag_live_lasting", kPepper),
      tenant::Key{.id = "k-l", .integration = "i-openai", .expires_ms = 1'000'001});
  world.start();
  struct Case {
    const char* provider;
    const char* id;
    std::string key;
    const char* status;
  };
  for (const Case& c : {
           Case{"openai", "i-openai", World::token("openai"), "200"},
           Case{"openai", "i-openai", "ag_live_unknown", "401"},
           Case{"openai", "i-openai", "sk-of-the-provider", "401"},
           Case{"openai", "i-openai", std::string(kStoredKey), "401"},
           Case{"openai", "i-openai", World::token("anthropic"), "401"},
           Case{"openai", "i-none", World::token("openai"), "401"},
           Case{"anthropic", "i-openai", World::token("openai"), "401"},
           Case{"openai", "i-anthropic", World::token("anthropic"), "401"},
           Case{"openai", "i-openai", "ag_live_expired", "401"},
           Case{"openai", "i-openai", "ag_live_lasting", "200"},
       }) {
    SCOPED_TRACE(std::string(c.provider) + " " + c.id + " " + c.key);
    const std::size_t before = world.provider.count();
    const std::string answer = world.ask(
        "POST",
        "/v1/integrations/" + std::string(c.provider) + "/proxy/" + c.id +
            (std::string(c.provider) == "openai" ? "/v1/chat/completions" : "/v1/messages"),
        chat("x"), World::bearer(c.key));
    EXPECT_EQ(status_in(answer), c.status) << answer;
    if (std::string(c.status) == "200") continue;
    EXPECT_EQ(world.provider.count(), before);
    EXPECT_THAT(body_in(answer), HasSubstr(R"("message":"Invalid API key for this integration")"));
    EXPECT_THAT(body_in(answer), HasSubstr(R"("code":"invalid_api_key")"));
    EXPECT_THAT(body_in(answer), Not(HasSubstr("detail")));
    EXPECT_THAT(answer, Not(HasSubstr(std::string(kStoredKey))));
  }
}

TEST_F(Integrations, EachProvidersErrorsAreSpelledAsItsClientsReadThem) {
  world.start();
  const auto body = [&](std::string_view name, std::string_view path) {
    return body_in(world.ask("POST",
                             "/v1/integrations/" + std::string(name) + "/proxy/i-" +
                                 std::string(name) + std::string(path),
                             "{}", World::bearer("ag_live_x") + "x-request-id: req-1\r\n"));
  };
  EXPECT_EQ(body("openai", "/v1/chat/completions"),
            R"({"error":{"message":"Invalid API key for this integration",)"
            R"("type":"authentication_error","code":"invalid_api_key","request_id":"req-1"}})");
  EXPECT_EQ(body("gemini", "/v1beta/models/m:generateContent"),
            R"({"error":{"code":401,"message":"Invalid API key for this integration",)"
            R"("status":"UNAUTHENTICATED","type":"authentication_error",)"
            R"("reason":"invalid_api_key","request_id":"req-1"}})");
  EXPECT_EQ(body("anthropic", "/v1/messages"),
            R"({"type":"error","error":{"message":"Invalid API key for this integration",)"
            R"("type":"authentication_error","code":"invalid_api_key"},"request_id":"req-1"})");
}

TEST_F(Integrations, T28_CredentialsAreOneOrTheRequestIsRefused) {
  world.start();
  const std::string path = "/v1/integrations/openai/proxy/i-openai/v1/chat/completions";
  const std::string right = World::token("openai");
  struct Case {
    std::string fields;
    const char* status;
  };
  for (const Case& c : {
           Case{"", "401"}, Case{"authorization: Basic abc\r\n", "401"},
           Case{"authorization: Bearer " + right + "\r\nx-api-key: " + right + "\r\n", "200"},
           Case{"authorization: Bearer " + right + "\r\nx-api-key: sk-other\r\n", "400"},
           Case{"x-api-key: " + right + "\r\n", "401"},  // no header of OpenAI's
       }) {
    EXPECT_EQ(status_in(world.ask("POST", path, chat("x"), c.fields)), c.status) << c.fields;
  }
  EXPECT_EQ(world.provider.count(), 1U);
}

TEST_F(Integrations, X2_AGatewayKeyOnARootRouteStaysHere) {
  world.start();
  for (const std::string& key : {World::token("openai"), std::string("ag_live_unknown"),
                                 std::string("ag_admin_0123456789")}) {
    const std::string answer =
        world.ask("POST", "/v1/chat/completions", chat("x"), World::bearer(key));
    EXPECT_EQ(status_in(answer), "401");
    EXPECT_THAT(answer, HasSubstr("provider's own key"));
  }
  EXPECT_EQ(status_in(world.ask("GET", "/v1/models?key=" + World::token("gemini"), "", "")), "422");
  EXPECT_EQ(status_in(world.ask("GET", "/v1beta/models?key=" + World::token("gemini"), "", "")),
            "401");
  EXPECT_EQ(world.provider.count(), 0U);
}

TEST_F(Integrations, R54_NothingForWebPages) {
  world.start(kWords);
  const std::string origin = "origin: https://page.example\r\n";
  const std::string key = World::bearer(World::token("openai")) + origin;
  const std::string path = "/v1/integrations/openai/proxy/i-openai/v1/chat/completions";
  for (const std::string& answer :
       {world.ask("POST", path, chat("x"), key), world.ask("POST", path, chat("stopword"), key),
        world.ask("POST", path, chat("x"), World::bearer("ag_live_x") + origin),
        world.ask("OPTIONS", path, "", origin + "access-control-request-method: POST\r\n"),
        world.ask("OPTIONS", "/v1/reviews/r-1", "",
                  origin + "access-control-request-method: GET\r\n"),
        world.ask("GET", "/v1/reviews/r-1", "", key)}) {
    EXPECT_THAT(answer, Not(HasSubstr("access-control")));
    EXPECT_THAT(answer, Not(HasSubstr("vary: Origin")));
  }
  EXPECT_EQ(status_in(world.ask("OPTIONS", path, "", origin)), "405");
  EXPECT_EQ(status_in(world.ask("OPTIONS", "/v1/reviews/r-1", "", origin)), "405");
  // X6: root routes go on as they were.
  EXPECT_THAT(world.ask("OPTIONS", "/v1/chat/completions", "",
                        origin + "access-control-request-method: POST\r\n"),
              HasSubstr("access-control-allow-origin: https://page.example"));
}

TEST_F(Integrations, R42_AllViolationsAreCounted) {
  world.start(kWords);
  const std::string two = world.ask_openai("stopword");
  EXPECT_EQ(status_in(two), "403");
  const std::string run = world.sink.wait_for(1)[0].run_id;
  EXPECT_EQ(body_in(two),
            R"({"error":{"message":"Request blocked by policy. 2 violation(s) detected.",)"
            R"("type":"policy_violation","code":"request_blocked","run_id":")" +
                run + R"(","review_request_id":null,"poll_url":null}})");
  EXPECT_THAT(world.ask_openai("morestop"), HasSubstr("1 violation(s) detected."));
  EXPECT_EQ(world.provider.count(), 0U);
}

TEST_F(Integrations, R44_WarningsAreToldInAFieldAndSilentOnesNowhere) {
  world.start(R"(schema = 1
[[policy]]
id = "warned"
type = "keyword"
keywords = ["warnword"]
action = "warn"
bind.integrations = ["*"]
[[policy]]
id = "silent"
type = "keyword"
keywords = ["silentword"]
action = "monitor"
bind.integrations = ["*"]
)");
  const std::string warned = world.ask_openai("warnword silentword");
  EXPECT_EQ(status_in(warned), "200");
  EXPECT_THAT(warned, HasSubstr("x-capsem-violations: 1\r\n"));
  EXPECT_EQ(body_in(warned), chat_answer("fine"));
  const std::string silent = world.ask_openai("silentword");
  EXPECT_EQ(status_in(silent), "200");
  EXPECT_THAT(silent, Not(HasSubstr("x-capsem-violations")));
  // What the warned one opened with, and the two ends.
  const auto records = world.sink.wait_for(3);
  EXPECT_EQ(records[0].kind, audit::RecordKind::Opening);
  EXPECT_EQ(records[1].decisions.size(), 2U);
  EXPECT_EQ(records[2].decisions.size(), 1U);
}

TEST_F(Integrations, R48_PastTheQuotaIs429AndRelayedPathsCostNothing) {
  world.start(R"(schema = 1
[[policy]]
id = "quota"
type = "limit"
per = "integration"
evaluations_per_month = 1
bind.integrations = ["*"]
)");
  const std::string models = "/v1/integrations/openai/proxy/i-openai/v1/models";
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(status_in(world.ask("GET", models, "", World::bearer(World::token("openai")))),
              "200");
  }
  EXPECT_EQ(status_in(world.ask_openai("x")), "200");
  const std::string past = world.ask_openai("x");
  EXPECT_EQ(status_in(past), "429");
  EXPECT_THAT(past, HasSubstr(R"("code":"evaluation_quota_exceeded")"));
  EXPECT_EQ(status_in(world.ask("GET", models, "", World::bearer(World::token("openai")))), "200");
  EXPECT_EQ(world.provider.count(), 5U);
}

TEST_F(Integrations, ARevokedKeyIsRefusedOnAConnectionThatIsOpen) {
  world.start();
  Client client(world.gateway->port());
  const std::string ask =
      request("POST", "/v1/integrations/openai/proxy/i-openai/v1/responses",
              R"({"model":"m","input":"x"})", World::bearer(World::token("openai")));
  for (int i = 0; i < 3; ++i) {
    client.send(ask);
    EXPECT_EQ(status_in(client.receive()), "200");
  }
  world.contents.keys.erase(world.contents.keys.begin());
  world.set_directory();
  client.send(ask);
  EXPECT_EQ(status_in(client.receive()), "401");
  EXPECT_EQ(world.provider.count(), 3U);
}

TEST_F(Integrations, Item6_ASealedVaultAndAnInactiveIntegrationServeNobody) {
  world.start();
  const auto now = [&](const char* status, const char* code) {
    world.set_directory();
    const std::string answer = world.ask_openai("x");
    EXPECT_EQ(status_in(answer), status);
    EXPECT_THAT(answer, HasSubstr(code));
  };
  world.contents.sealed = true;
  now("503", R"("code":"vault_sealed")");
  world.contents.sealed = false;
  now("200", "fine");
  world.contents.integrations[0].provider_key = Secret();
  now("503", R"("code":"vault_sealed")");
  world.contents.integrations[0].provider_key = Secret(kStoredKey);
  world.contents.integrations[0].active = false;
  now("403", R"("code":"integration_inactive")");
  EXPECT_EQ(world.provider.count(), 1U);
}

TEST_F(Integrations, Promise16_ADirectoryThatIsTooOldServesNoIntegration) {
  world.settings.store.snapshot_age_ms_max = 3'600'000;
  world.start();
  EXPECT_EQ(status_in(world.ask_openai("x")), "200");
  world.contents.as_of_ns = world.clock.monotonic_ns() - 3'700'000'000'000;
  world.set_directory();
  const std::string stale = world.ask_openai("x");
  EXPECT_EQ(status_in(stale), "503");
  EXPECT_THAT(stale, HasSubstr(R"("code":"directory_stale")"));
  EXPECT_THAT(stale, HasSubstr("retry-after: 5\r\n"));
  EXPECT_EQ(status_in(world.ask_root("x")), "200");
}

TEST_F(Integrations, WithoutADatabaseThereAreNone) {
  world.with_directory = world.with_approvals = false;
  world.start();
  const std::string answer = world.ask_openai("x");
  EXPECT_EQ(status_in(answer), "404");
  EXPECT_THAT(answer, HasSubstr("started without a database"));
  EXPECT_EQ(status_in(world.ask("GET", "/v1/reviews/r-1", "", World::bearer("sk-own"))), "404");
  EXPECT_EQ(status_in(world.ask_root("x")), "200");
}

TEST_F(Integrations, X11_AKeysAgentsAreBoundAndOthersRefused) {
  const std::vector<std::string> globs = {"premium-*"};
  world.contents.keys[0].second.agents = *policy::GlobList::compile(globs);
  world.start();
  const auto as = [&](std::string_view agent) {
    return world.ask(
        "POST", "/v1/integrations/openai/proxy/i-openai/v1/chat/completions", chat("x"),
        World::bearer(World::token("openai")) + "x-capsem-agent: " + std::string(agent) + "\r\n");
  };
  EXPECT_EQ(status_in(as("premium-1")), "200");
  const std::string refused = as("basic-1");
  EXPECT_EQ(status_in(refused), "403");
  EXPECT_THAT(refused, HasSubstr(R"("code":"agent_not_allowed")"));
  EXPECT_EQ(world.provider.count(), 1U);
  const auto records = world.sink.wait_for(2);
  EXPECT_EQ(records[1].outcome, "blocked");
  EXPECT_EQ(records[1].agent, "basic-1");
}

TEST_F(Integrations, T23_ABaseUrlOfItsOwnLeadsToPublicAddressesAlone) {
  world.contents.integrations[0].base_url =
      "http://127.0.0.1:" + std::to_string(world.provider.port());
  world.start();
  const std::string refused = world.ask_openai("x");
  EXPECT_EQ(status_in(refused), "502");
  EXPECT_EQ(world.sink.wait_for(1)[0].error_code, "upstream_forbidden");
  EXPECT_EQ(world.provider.count(), 0U);
  for (const std::string host : {"0x7f.1", "127.1", "localhost", "[::ffff:127.0.0.1]"}) {
    world.contents.integrations[0].base_url =
        "http://" + host + ":" + std::to_string(world.provider.port());
    world.set_directory();
    EXPECT_EQ(status_in(world.ask_openai("x")), "502") << host;
  }
  EXPECT_EQ(world.provider.count(), 0U);
  world.contents.integrations[0].base_url =
      "http://localhost:" + std::to_string(world.provider.port()) + "/prefix/v1";
  world.contents.integrations[0].allow_private = true;
  world.set_directory();
  EXPECT_EQ(status_in(world.ask_openai("x")), "200");
  EXPECT_THAT(world.provider.requests().back(),
              StartsWith("POST /prefix/v1/chat/completions HTTP/1.1"));
}

TEST_F(Integrations, AnIntegrationsProviderChangesWithItsDirectoryAlsoUnderACall) {
  FakeProvider other;
  other.answers([](const std::string&) { return http_answer(chat_answer("other")); });
  std::promise<void> go;
  const std::shared_future<void> gone = go.get_future().share();
  world.provider.answers([gone](const std::string&) {
    gone.wait();
    return http_answer(chat_answer("first"));
  });
  tenant::Integration& mine = world.contents.integrations[0];
  mine.allow_private = true;
  mine.base_url = "http://127.0.0.1:" + std::to_string(world.provider.port());
  world.start();
  Client slow(world.gateway->port());
  slow.send(request("POST", "/v1/integrations/openai/proxy/i-openai/v1/chat/completions", chat("x"),
                    World::bearer(World::token("openai"))));
  ASSERT_TRUE(eventually([&] { return world.provider.count() == 1; }));
  mine.base_url = "http://127.0.0.1:" + std::to_string(other.port());
  world.set_directory();
  EXPECT_THAT(world.ask_openai("x"), HasSubstr("other"));
  go.set_value();
  EXPECT_THAT(slow.receive(), HasSubstr("first"));
  EXPECT_EQ(other.count(), 1U);
}

TEST_F(Integrations, AProviderThatRefusesTheStoredKeyIsOurFaultAndNotQuoted) {
  world.provider.answers([](const std::string&) {
    return http_answer(
        R"({"error":{"message":"Incorrect API key provided: )" + std::string(kStoredKey) + "\"}}",
        "application/json", "401 Unauthorized");
  });
  world.start();
  const std::string answer = world.ask_openai("x");
  EXPECT_EQ(status_in(answer), "502");
  EXPECT_THAT(answer, HasSubstr(R"("code":"provider_key_refused")"));
  EXPECT_THAT(answer, Not(HasSubstr(std::string(kStoredKey))));
  const audit::Record record = world.sink.wait_for(1)[0];
  EXPECT_EQ(record.upstream_status, 401);
  EXPECT_THAT(audit::to_json_line(record), Not(HasSubstr(std::string(kStoredKey))));
}

TEST_F(Integrations, TheCheckApiTakesAGatewayKeyForItsIntegration) {
  world.start(kWords);
  const std::string held = world.ask("POST", "/v1/evaluate", R"({"input":"stopword"})",
                                     World::bearer(World::token("openai")));
  EXPECT_THAT(held, HasSubstr(R"("outcome":"BLOCK")"));
  EXPECT_EQ(status_in(world.ask("POST", "/v1/evaluate", R"({"input":"x"})",
                                World::bearer("ag_live_unknown"))),
            "401");
  const auto records = world.sink.wait_for(2);
  EXPECT_EQ(records[0].integration, "i-openai");
  EXPECT_EQ(records[0].tenant, "t-1");
}

}  // namespace
}  // namespace capsem::proxy::test
