#include "server/proxy/answers.h"

#include <gtest/gtest.h>

#include <string>

#include "server/http/head_parser.h"
#include "server/proxy/hosts.h"
#include "server/proxy/shared.h"

namespace capsem::proxy {
namespace {

struct Request {
  explicit Request(std::string_view fields)
      : text("OPTIONS /v1/x HTTP/1.1\r\nHost: h\r\n" + std::string(fields) + "\r\n") {
    EXPECT_FALSE(http::parse_request_head(text, {}, head));
  }
  std::string text;
  http::RequestHead head;
};

TEST(Answers, R14_APreflightIsAnsweredWithWhatItAsksFor) {
  const Request request(
      "Origin: https://a.example\r\nAccess-Control-Request-Method: POST\r\n"
      "Access-Control-Request-Headers: authorization, x-custom\r\n");
  const LocalAnswer answer = options_answer(request.head);
  EXPECT_EQ(answer.status, 200);
  EXPECT_NE(answer.fields.find("access-control-max-age: 600\r\n"), std::string::npos);
  EXPECT_NE(answer.fields.find("access-control-allow-headers: authorization, x-custom\r\n"),
            std::string::npos);
  std::string cors;
  append_cors_fields(cors, request.head);
  EXPECT_NE(cors.find("access-control-allow-origin: https://a.example\r\n"), std::string::npos);
  EXPECT_NE(cors.find("access-control-allow-credentials: true\r\n"), std::string::npos);
  EXPECT_NE(cors.find("vary: Origin\r\n"), std::string::npos);
}

TEST(Answers, R14_APlainOptionsIsOk) {
  const LocalAnswer answer = options_answer(Request("").head);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, R"({"status":"ok"})");
  std::string cors;
  append_cors_fields(cors, Request("").head);
  EXPECT_EQ(cors, "");
}

TEST(Answers, R11_AMissingHeaderIsTheOriginalsValidationError) {
  const IdentityError error{IdentityError::Kind::Missing, "Authorization"};
  const LocalAnswer answer = identity_answer(codec::ErrorBody::Detail, error);
  EXPECT_EQ(answer.status, 422);
  EXPECT_EQ(answer.body, R"({"detail":[{"type":"missing","loc":["header","Authorization"],)"
                         R"("msg":"Field required","input":null}]})");
  const LocalAnswer both = identity_answer(codec::ErrorBody::Unified, error);
  EXPECT_TRUE(both.body.starts_with(R"({"detail":[{)"));
  EXPECT_NE(both.body.find(R"("error":{)"), std::string::npos);
}

TEST(Answers, R12_AMalformedHeaderIsNamed) {
  const LocalAnswer answer =
      identity_answer(codec::ErrorBody::Detail, {IdentityError::Kind::Malformed, "Authorization"});
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.body,
            R"({"detail":"Invalid Authorization header format. Expected: Bearer <key>"})");
}

TEST(Answers, X1_TheErrorFormatHeaderOutranksTheSetting) {
  using codec::ErrorBody;
  EXPECT_EQ(error_body_for(ErrorBody::Unified, Request("").head), ErrorBody::Unified);
  EXPECT_EQ(error_body_for(ErrorBody::Unified, Request("X-Capsem-Error-Format: capsem\r\n").head),
            ErrorBody::Detail);
  EXPECT_EQ(error_body_for(ErrorBody::Auto, Request("X-Capsem-Error-Format: openai\r\n").head),
            ErrorBody::OpenAi);
  EXPECT_EQ(error_body_for(ErrorBody::Auto, Request("X-Capsem-Error-Format: both\r\n").head),
            ErrorBody::Unified);
}

TEST(Answers, R56_ADenialHasItsOwnDetailStatusAndFieldsX8) {
  using codec::ErrorBody;
  const engine::Denial limit{.status = 429,
                             .message = "Rate limit exceeded: 10 requests per minute for agent 'a'",
                             .type = "rate_limit_error",
                             .code = "rate_limit_exceeded",
                             .detail = "D",
                             .fields = "retry-after: 30\r\n"};
  const LocalAnswer answer = denial_answer(ErrorBody::Detail, limit, {.run_id = "run"});
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(answer.body, R"({"detail":"D"})");
  EXPECT_EQ(answer.fields, "x-should-retry: false\r\nretry-after: 30\r\n");
  EXPECT_EQ(answer.outcome, "limited");
  EXPECT_EQ(answer.code, "rate_limit_exceeded");
  EXPECT_NE(denial_answer(ErrorBody::OpenAi, limit, {.run_id = "run"}).body.find(R"("run_id":"run")"),
            std::string::npos);
  const LocalAnswer explained = denial_answer(ErrorBody::Detail, limit, {.run_id = "run", .explain = "{}"});
  EXPECT_EQ(explained.body, R"({"detail":"D","explain":{}})");
}

TEST(Answers, R42_OnlyWhatPoliciesSayHasARunId) {
  struct Case {
    int status;
    const char* type;
    const char* outcome;
    bool run_id;
  };
  for (const Case& c : {Case{403, "policy_violation", "blocked", true},
                        Case{400, "invalid_request_error", "refused", false},
                        Case{502, "server_error", "upstream_error", false}}) {
    const engine::Denial denial{.status = c.status, .message = "M", .type = c.type, .code = "code"};
    const LocalAnswer answer = denial_answer(codec::ErrorBody::Unified, denial, {.run_id = "run"});
    EXPECT_EQ(answer.outcome, c.outcome);
    EXPECT_EQ(answer.body.find("run_id") != std::string::npos, c.run_id) << c.status;
    EXPECT_NE(answer.body.find(R"("detail":"M")"), std::string::npos);
  }
}

TEST(Answers, X11_AnAgentThatTheKeyMayNotSpeakForIsNamed) {
  const LocalAnswer answer = agent_refusal(codec::ErrorBody::Detail, "premium-1");
  EXPECT_EQ(answer.status, 403);
  EXPECT_EQ(answer.body, R"({"detail":"Agent 'premium-1' is not allowed for this key"})");
  EXPECT_EQ(answer.code, "agent_not_allowed");
  EXPECT_EQ(answer.outcome, "blocked");
}

TEST(Answers, ARunIdIsAVersion7UuidThatBeginsWithItsTime) {
  IdSource ids(7);
  EXPECT_EQ(make_run_id(ids, 0x017F22E279B0).substr(0, 15), "017f22e2-79b0-7");
  for (int i = 0; i < 64; ++i) {
    const std::string id = make_run_id(ids, 1'700'000'000'123);
    ASSERT_EQ(id.size(), 36U);
    for (std::size_t at = 0; at < id.size(); ++at) {
      const bool dash = at == 8 || at == 13 || at == 18 || at == 23;
      EXPECT_EQ(id[at] == '-', dash) << id;
      if (!dash) {
        EXPECT_NE(std::string_view("0123456789abcdef").find(id[at]), std::string_view::npos) << id;
      }
    }
    EXPECT_EQ(id[14], '7') << id;
    EXPECT_NE(std::string_view("89ab").find(id[19]), std::string_view::npos) << id;
    EXPECT_NE(id, make_run_id(ids, 1'700'000'000'123));
  }
}

TEST(Answers, AnExplanationIsAskedForWithAOne) {
  EXPECT_TRUE(asks_to_explain(Request("X-Capsem-Explain: 1\r\n").head));
  for (const char* other : {"", "X-Capsem-Explain: 0\r\n", "X-Capsem-Explain: true\r\n",
                            "X-Capsem-Explain:\r\n", "X-Capsem-Explain: 11\r\n"}) {
    EXPECT_FALSE(asks_to_explain(Request(other).head)) << other;
  }
}

TEST(Answers, ARequestIdIsTakenOverOnlyWhenHarmless) {
  EXPECT_TRUE(usable_request_id("req_0123-ab.c:d"));
  EXPECT_FALSE(usable_request_id(""));
  EXPECT_FALSE(usable_request_id("a b"));
  EXPECT_FALSE(usable_request_id("a\"b"));
  EXPECT_FALSE(usable_request_id(std::string(129, 'a')));
}

TEST(Hosts, T33_ALoopbackListenerAnswersToLoopbackNamesOnly) {
  const HostList hosts({}, "127.0.0.1");
  for (const char* fine : {"localhost", "LOCALHOST:8000", "127.0.0.1", "127.0.0.1:8000",
                           "[::1]:8000", "x.localhost", ""}) {
    EXPECT_TRUE(hosts.allows(fine)) << fine;
  }
  for (const char* bad : {"evil.example", "localhost.evil.example", "127.0.0.1.evil.example",
                          "10.0.0.1", "localhost:80x", "localhost:123456", "a@localhost", "[::1",
                          "localhost/x", "evil.example:8000"}) {
    EXPECT_FALSE(hosts.allows(bad)) << bad;
  }
}

TEST(Hosts, T33_AListReplacesTheDefault) {
  const HostList hosts({"gateway.internal", "other:9000"}, "127.0.0.1");
  EXPECT_TRUE(hosts.allows("gateway.internal:8000"));
  EXPECT_TRUE(hosts.allows("Gateway.Internal"));
  EXPECT_TRUE(hosts.allows("other:9000"));
  EXPECT_FALSE(hosts.allows("other:9001"));
  EXPECT_FALSE(hosts.allows("localhost"));
  EXPECT_TRUE(HostList({}, "0.0.0.0").allows("any.example"));
}

TEST(InFlight, LimitsTheTotalAndEachKey) {
  InFlight counts(3, 2);
  using Entry = InFlight::Entry;
  EXPECT_EQ(counts.enter("a"), Entry::Entered);
  EXPECT_EQ(counts.enter("a"), Entry::Entered);
  EXPECT_EQ(counts.enter("a"), Entry::TooManyOfKey);
  EXPECT_EQ(counts.enter("b"), Entry::Entered);
  EXPECT_EQ(counts.enter("c"), Entry::TooMany);
  counts.leave("a");
  EXPECT_EQ(counts.enter("c"), Entry::Entered);
}

TEST(MemoryLedger, RefusesLargeBodiesBeforeSmallOnes) {
  MemoryLedger ledger(100u << 20);
  EXPECT_TRUE(ledger.admits(80u << 20));
  EXPECT_FALSE(ledger.admits(86u << 20));
  ledger.add(84u << 20);
  EXPECT_FALSE(ledger.admits(2u << 20));
  EXPECT_TRUE(ledger.admits(1'000));
  ledger.add(12u << 20);
  EXPECT_FALSE(ledger.admits(0));
  ledger.sub(96u << 20);
  EXPECT_TRUE(ledger.admits(80u << 20));
}

}  // namespace
}  // namespace capsem::proxy
