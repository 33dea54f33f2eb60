#include "server/proxy/identity.h"

#include <gtest/gtest.h>

#include <string>

#include "server/http/head_parser.h"

namespace capsem::proxy {
namespace {

struct Request {
  std::string text;
  http::RequestHead head;
  http::Target target;
};

void make(Request& request, std::string_view fields, std::string_view target = "/v1/x") {
  request.text =
      "POST " + std::string(target) + " HTTP/1.1\r\nHost: h\r\n" + std::string(fields) + "\r\n";
  ASSERT_FALSE(http::parse_request_head(request.text, {}, request.head));
  ASSERT_FALSE(http::parse_target(request.head.target, request.target));
}

struct Case {
  const char* name;
  Provider provider;
  const char* fields;
  const char* query;
  const char* outcome;  // the key, or "!missing", "!malformed", "!conflicting"
};

constexpr Case kCases[] = {
    {"bearer", Provider::OpenAi, "Authorization: Bearer sk-1\r\n", "", "sk-1"},
    {"R12 scheme in any case", Provider::OpenAi, "Authorization: bEARER sk-1\r\n", "", "sk-1"},
    {"R12 one word", Provider::OpenAi, "Authorization: InvalidFormat\r\n", "", "!malformed"},
    {"R12 three words", Provider::OpenAi, "Authorization: Bearer a b\r\n", "", "!malformed"},
    {"R12 other scheme", Provider::OpenAi, "Authorization: Basic abc\r\n", "", "!malformed"},
    {"R12 no key", Provider::OpenAi, "Authorization: Bearer\r\n", "", "!malformed"},
    {"R11 nothing", Provider::OpenAi, "", "", "!missing"},
    {"R11 empty", Provider::OpenAi, "Authorization:\r\n", "", "!missing"},
    {"Azure's header", Provider::OpenAi, "api-key: k\r\n", "", "k"},
    {"another provider's header", Provider::OpenAi, "x-api-key: k\r\n", "", "!missing"},
    {"Gemini's header", Provider::Gemini, "X-Goog-Api-Key: g\r\n", "", "g"},
    {"Gemini's query", Provider::Gemini, "", "?alt=sse&key=g%2D1", "g-1"},
    {"Gemini's compatible route", Provider::Gemini, "Authorization: Bearer g\r\n", "", "g"},
    {"R11 Gemini", Provider::Gemini, "", "?alt=sse", "!missing"},
    {"Anthropic's header", Provider::Anthropic, "x-api-key: a\r\n", "", "a"},
    {"Anthropic by bearer", Provider::Anthropic, "Authorization: Bearer a\r\n", "", "a"},
    {"T28 two keys", Provider::Anthropic, "x-api-key: a\r\nAuthorization: Bearer b\r\n", "",
     "!conflicting"},
    {"T28 the same key twice", Provider::Anthropic, "x-api-key: a\r\nAuthorization: Bearer a\r\n",
     "", "a"},
    {"T28 a second key in a header nobody reads", Provider::OpenAi,
     "Authorization: Bearer a\r\nx-api-key: b\r\n", "", "!conflicting"},
    {"T28 two values of one header", Provider::OpenAi,
     "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n", "", "!conflicting"},
    {"T28 header and query", Provider::Gemini, "x-goog-api-key: a\r\n", "?key=b", "!conflicting"},
    {"T28 query twice", Provider::Gemini, "", "?key=b&k%65y=b", "!conflicting"},
};

TEST(Identity, T28_AllCredentialsAreReducedToOne) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    Request request;
    make(request, c.fields, std::string("/v1/x") + c.query);
    const auto identity = identify(request.head, request.target, c.provider);
    std::string outcome;
    if (identity) {
      outcome = identity->key.reveal();
    } else {
      constexpr const char* kNames[] = {"!missing", "!malformed", "!conflicting"};
      outcome = kNames[static_cast<int>(identity.error().kind)];
    }
    EXPECT_EQ(outcome, c.outcome);
  }
}

TEST(Identity, R10_UserIdIsTheBeginOfTheKeysDigest) {
  EXPECT_EQ(user_id_of(Secret("abc")), "ba7816bf8f01cfea");
  EXPECT_NE(user_id_of(Secret("abc")), user_id_of(Secret("abd")));
}

TEST(Identity, R11_TheMissingHeaderIsTheRoutesOwn) {
  Request request;
  make(request, "");
  EXPECT_EQ(identify(request.head, request.target, Provider::OpenAi).error().header,
            "Authorization");
  EXPECT_EQ(identify(request.head, request.target, Provider::Gemini).error().header,
            "x-goog-api-key");
  EXPECT_EQ(identify(request.head, request.target, Provider::Anthropic).error().header,
            "x-api-key");
}

}  // namespace
}  // namespace capsem::proxy
