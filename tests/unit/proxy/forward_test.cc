#include "server/proxy/forward.h"

#include <gtest/gtest.h>

#include <string>

#include "server/http/head_parser.h"

namespace capsem::proxy {
namespace {

std::string forwarded(std::string_view fields, Provider provider = Provider::OpenAi,
                      std::string_view target = "/v1/x?a=b", const BaseUrl& base = {}) {
  const std::string text = "POST " + std::string(target) + " HTTP/1.1\r\nHost: gateway:8000\r\n" +
                           std::string(fields) + "\r\n";
  http::RequestHead head;
  http::Target parsed;
  EXPECT_FALSE(http::parse_request_head(text, {}, head));
  EXPECT_FALSE(http::parse_target(head.target, parsed));
  return upstream_head(head, parsed, provider, base, 7);
}

TEST(UpstreamHead, IsWrittenFromTheParsedModel) {
  BaseUrl base;
  base.host = "api.example";
  base.prefix = "/x";
  EXPECT_EQ(forwarded("Authorization: Bearer k\r\nContent-Length: 99\r\n", Provider::OpenAi,
                      "/v1/x?a=b", base),
            "POST /x/v1/x?a=b HTTP/1.1\r\nhost: api.example\r\naccept-encoding: identity\r\n"
            "Authorization: Bearer k\r\ncontent-length: 7\r\n\r\n");
  base.port = 8443;
  EXPECT_NE(forwarded("", Provider::OpenAi, "/v1/x", base).find("host: api.example:8443\r\n"),
            std::string::npos);
  base.host = "::1";
  EXPECT_NE(forwarded("", Provider::OpenAi, "/v1/x", base).find("host: [::1]:8443\r\n"),
            std::string::npos);
}

TEST(UpstreamHead, EndToEndFieldsAreForwarded) {
  for (const char* field :
       {"User-Agent: OpenAI/Python 1", "Accept: application/json", "OpenAI-Organization: o",
        "OpenAI-Project: p", "anthropic-version: 2023-06-01", "anthropic-beta: a,b",
        "x-stainless-lang: python", "x-stainless-retry-count: 1", "x-goog-api-client: g",
        "Idempotency-Key: i", "traceparent: 00-1", "Content-Type: application/json",
        "x-request-id: r", "x-custom: v"}) {
    EXPECT_NE(forwarded(std::string(field) + "\r\n").find(field), std::string::npos) << field;
  }
}

TEST(UpstreamHead, T29_T30_HopsCookiesAndTrustHeadersStayHere) {
  for (const char* field : {"Keep-Alive: timeout=5",
                            "Proxy-Connection: keep-alive",
                            "TE: trailers",
                            "Trailer: x",
                            "Proxy-Authorization: Basic abc",
                            "Proxy-Authenticate: x",
                            "Proxy-Whatever: x",
                            "Cookie: session=1",
                            "Forwarded: for=1.2.3.4",
                            "Via: 1.1 x",
                            "X-Forwarded-For: 1.2.3.4",
                            "X-Forwarded-Host: evil",
                            "X-Real-IP: 1.2.3.4",
                            "X-User-Id: admin",
                            "True-Client-IP: 1",
                            "CF-Connecting-IP: 1",
                            "X-Capsem-Agent: a",
                            "X-ControlZero-Agent-ID: a",
                            "X-Capsem-Explain: 1",
                            "x-capsem-error-format: both",
                            "Accept-Encoding: gzip",
                            "Expect: 100-continue",
                            "Content-Encoding: identity",
                            "Origin: https://a",
                            "Referer: https://a/b",
                            "X-Original-URL: /admin",
                            "x-goog-api-key: k",
                            "x-api-key: k"}) {
    const std::string head = forwarded(std::string(field) + "\r\n");
    const std::string name(field, std::string_view(field).find(':') + 1);
    if (name == "Accept-Encoding:") {
      EXPECT_EQ(head.find("gzip"), std::string::npos);
    } else {
      EXPECT_EQ(head.find(name), std::string::npos) << field;
    }
  }
}

TEST(UpstreamHead, FieldsThatConnectionNamesAreHopByHop) {
  const std::string head = forwarded("Connection: close, X-Hop\r\nX-Hop: 1\r\nX-Stay: 2\r\n");
  EXPECT_EQ(head.find("X-Hop"), std::string::npos);
  EXPECT_EQ(head.find("Connection"), std::string::npos);
  EXPECT_NE(head.find("X-Stay: 2"), std::string::npos);
}

TEST(UpstreamHead, EachProviderSeesItsOwnCredentialHeader) {
  EXPECT_NE(forwarded("x-goog-api-key: k\r\n", Provider::Gemini).find("x-goog-api-key: k"),
            std::string::npos);
  EXPECT_NE(forwarded("x-api-key: k\r\n", Provider::Anthropic).find("x-api-key: k"),
            std::string::npos);
  EXPECT_NE(forwarded("", Provider::Gemini, "/v1beta/x?key=k").find("?key=k"), std::string::npos);
}

TEST(AnswerFields, ProvidersEndToEndFieldsPassAndOthersDoNot) {
  const std::string text =
      "HTTP/1.1 200 OK\r\nx-request-id: up\r\nopenai-processing-ms: 5\r\n"
      "x-ratelimit-limit-requests: 1\r\nretry-after: 2\r\nrequest-id: r\r\n"
      "set-cookie: a=b\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: x\r\n"
      "Content-Encoding: gzip\r\nContent-Length: 5\r\nAlt-Svc: h3\r\n"
      "Strict-Transport-Security: max-age=1\r\nAccess-Control-Allow-Origin: *\r\n"
      "X-Capsem-Fake: 1\r\nContent-Type: application/json\r\n\r\n";
  http::ResponseHead head;
  ASSERT_FALSE(http::parse_response_head(text, {}, false, head));
  std::string out;
  EXPECT_TRUE(append_answer_fields(out, head));
  EXPECT_EQ(out,
            "x-request-id: up\r\nopenai-processing-ms: 5\r\nx-ratelimit-limit-requests: 1\r\n"
            "retry-after: 2\r\nrequest-id: r\r\nContent-Type: application/json\r\n");
}

}  // namespace
}  // namespace capsem::proxy
