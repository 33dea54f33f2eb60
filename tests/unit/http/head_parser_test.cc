// What is ambiguous is refused (T01, T03, T09): one row per way to frame or phrase a message that
// two readers could understand differently.
#include "server/http/head_parser.h"

#include <gtest/gtest.h>

#include <string>

namespace capsem::http {
namespace {

std::string with_fields(std::string_view fields) {
  return "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\n" + std::string(fields) + "\r\n";
}

struct Case {
  const char* name;
  std::string head;
  int status;  // 0: accepted
};

const std::string kLongValue(17u << 10, 'a');
const std::string kLongTarget(9u << 10, 'a');

std::string many_fields(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += "x-" + std::to_string(i) + ": v\r\n";
  return text;
}

const Case kCases[] = {
    {"plain", with_fields("Content-Length: 2\r\n"), 0},
    {"chunked", with_fields("Transfer-Encoding: chunked\r\n"), 0},
    {"chunked in another case", with_fields("transfer-encoding: Chunked\r\n"), 0},
    {"blanks around a value", with_fields("X-A:  \t v \t\r\n"), 0},
    {"empty value", with_fields("X-A:\r\n"), 0},
    {"HTTP/1.0 without Host", "GET /health HTTP/1.0\r\n\r\n", 0},
    {"Content-Length and Transfer-Encoding",
     with_fields("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n"), 400},
    {"Transfer-Encoding and Content-Length",
     with_fields("Transfer-Encoding: chunked\r\nContent-Length: 2\r\n"), 400},
    {"two equal lengths", with_fields("Content-Length: 2\r\nContent-Length: 2\r\n"), 400},
    {"two lengths", with_fields("Content-Length: 2\r\nContent-Length: 3\r\n"), 400},
    {"list of lengths", with_fields("Content-Length: 2, 2\r\n"), 400},
    {"signed length", with_fields("Content-Length: +2\r\n"), 400},
    {"negative length", with_fields("Content-Length: -2\r\n"), 400},
    {"hexadecimal length", with_fields("Content-Length: 0x2\r\n"), 400},
    {"empty length", with_fields("Content-Length:\r\n"), 400},
    {"length with a blank inside", with_fields("Content-Length: 1 2\r\n"), 400},
    {"length beyond 64 bits", with_fields("Content-Length: 99999999999999999999\r\n"), 400},
    {"gzip, chunked", with_fields("Transfer-Encoding: gzip, chunked\r\n"), 400},
    {"chunked, identity", with_fields("Transfer-Encoding: chunked, identity\r\n"), 400},
    {"identity", with_fields("Transfer-Encoding: identity\r\n"), 400},
    {"chunked twice in a list", with_fields("Transfer-Encoding: chunked, chunked\r\n"), 400},
    {"chunked in two fields",
     with_fields("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400},
    {"chunked with a parameter", with_fields("Transfer-Encoding: chunked;q=1\r\n"), 400},
    {"quoted chunked", with_fields("Transfer-Encoding: \"chunked\"\r\n"), 400},
    {"xchunked", with_fields("Transfer-Encoding: xchunked\r\n"), 400},
    {"chunked in HTTP/1.0", "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
     400},
    {"folded line", with_fields("X-A: b\r\n c\r\n"), 400},
    {"folded line by tab", with_fields("X-A: b\r\n\tc\r\n"), 400},
    {"folded first field", "GET / HTTP/1.1\r\n X: y\r\nHost: h\r\n\r\n", 400},
    {"blank before the colon", with_fields("Content-Length : 2\r\n"), 400},
    {"tab before the colon", with_fields("Content-Length\t: 2\r\n"), 400},
    {"no colon", with_fields("Content-Length\r\n"), 400},
    {"empty name", with_fields(": v\r\n"), 400},
    {"NUL in a value", with_fields(std::string("X-A: a\0b\r\n", 10)), 400},
    {"NUL in a name", with_fields(std::string("X\0A: a\r\n", 8)), 400},
    {"escape in a value", with_fields("X-A: a\x1b[0m\r\n"), 400},
    {"DEL in a value", with_fields("X-A: a\x7f\r\n"), 400},
    {"bare CR in a value", with_fields("X-A: a\rb\r\n"), 400},
    {"bare LF ends a field", with_fields("X-A: a\nX-B: b\r\n"), 400},
    {"bare LF ends the request line", "GET / HTTP/1.1\nHost: h\r\n\r\n", 400},
    {"bytes over 7 bits in a name", with_fields("X-\xc3\xa4: a\r\n"), 400},
    {"no Host", "GET / HTTP/1.1\r\nX: y\r\n\r\n", 400},
    {"two Hosts", "GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", 400},
    {"no version", "GET /\r\nHost: h\r\n\r\n", 400},
    {"HTTP/2.0", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", 400},
    {"HTTP/1.2", "GET / HTTP/1.2\r\nHost: h\r\n\r\n", 400},
    {"lower-case protocol", "GET / http/1.1\r\nHost: h\r\n\r\n", 400},
    {"two blanks in the request line", "GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"tab in the request line", "GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"leading empty line", "\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"TLS spoken to the plain port", std::string("\x16\x03\x01\x02", 4), 400},
    {"request line too long", "GET /" + kLongTarget + " HTTP/1.1\r\nHost: h\r\n\r\n", 414},
    {"field too large", with_fields("X-A: " + kLongValue + "\r\n"), 431},
    {"too many fields", with_fields(many_fields(100)), 431},
    {"as many fields as may be", with_fields(many_fields(99)), 0},
    {"unknown expectation", with_fields("Expect: tea\r\n"), 417},
};

TEST(RequestHead, T01_AmbiguityIsRefused) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    RequestHead head;
    const Refusal refusal = parse_request_head(c.head, {}, head);
    EXPECT_EQ(refusal.status, c.status) << refusal.reason;
  }
}

TEST(RequestHead, IsReadAsItWasWritten) {
  const std::string text =
      "POST /v1/x?y=z HTTP/1.1\r\nHost: h:1\r\nX-A: b c \r\nexpect: 100-Continue\r\n"
      "Content-Length: 12\r\nConnection: close\r\n\r\n";
  RequestHead head;
  ASSERT_FALSE(parse_request_head(text, {}, head));
  EXPECT_EQ(head.method, "POST");
  EXPECT_EQ(head.target, "/v1/x?y=z");
  EXPECT_EQ(head.get(FieldId::host), "h:1");
  EXPECT_EQ(head.get("x-a"), "b c");
  EXPECT_EQ(head.content_length, 12U);
  EXPECT_TRUE(head.expects_continue);
  EXPECT_FALSE(head.keep_alive);
  EXPECT_FALSE(head.chunked);
}

TEST(RequestHead, T03_AnUpgradeIsSeen) {
  RequestHead head;
  ASSERT_FALSE(
      parse_request_head(with_fields("Connection: Upgrade\r\nUpgrade: websocket\r\n"), {}, head));
  EXPECT_TRUE(head.wants_upgrade);
}

TEST(RequestHead, KeepAliveFollowsTheVersionAndTheField) {
  const auto keeps = [](std::string_view version, std::string_view fields) {
    RequestHead head;
    const std::string text =
        "GET / HTTP/" + std::string(version) + "\r\nHost: h\r\n" + std::string(fields) + "\r\n";
    EXPECT_FALSE(parse_request_head(text, {}, head));
    return head.keep_alive;
  };
  EXPECT_TRUE(keeps("1.1", ""));
  EXPECT_FALSE(keeps("1.0", ""));
  EXPECT_TRUE(keeps("1.0", "Connection: Keep-Alive\r\n"));
  EXPECT_FALSE(keeps("1.1", "Connection: x, Close\r\n"));
}

TEST(RequestHead, ItsEndIsFoundWhereverItIsCut) {
  const std::string text = with_fields("A: b\r\n") + "body";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    SCOPED_TRACE(cut);
    const auto first = find_head_end(std::string_view(text).substr(0, cut), 0);
    const auto second = find_head_end(text, cut);
    const std::size_t end = text.size() - 4;
    if (cut >= end) {
      EXPECT_EQ(first, end);
    } else {
      EXPECT_EQ(first, std::string_view::npos);
      EXPECT_EQ(second, end);
    }
  }
}

TEST(RequestHead, AHopelessHeadIsRefusedBeforeItsEnd) {
  EXPECT_EQ(check_partial_request("GET /" + kLongTarget, {}).status, 414);
  EXPECT_EQ(check_partial_request("GET / HTTP/1.1\r\n" + std::string(40'000, 'a'), {}).status, 431);
  EXPECT_EQ(check_partial_request("GET / HTTP/1.1\nHost: h\n\n", {}).status, 400);
  EXPECT_EQ(check_partial_request("GET / HTTP/1.1\r\nHost: h\n\n", {}).status, 400);
  EXPECT_FALSE(check_partial_request("GET / HTTP/1.1\r\nHost", {}));
}

TEST(ResponseHead, T02_AmbiguityIsRefused) {
  const auto status_of = [](std::string_view text) {
    ResponseHead head;
    return parse_response_head(text, {}, false, head).status;
  };
  EXPECT_EQ(status_of("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"), 0);
  EXPECT_EQ(status_of("HTTP/1.1 200\r\nContent-Length: 2\r\n\r\n"), 502);
  EXPECT_EQ(status_of("HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\n"), 0);
  EXPECT_EQ(status_of("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n"), 502);
  EXPECT_EQ(status_of("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"),
            502);
  EXPECT_EQ(status_of("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n"), 502);
  EXPECT_EQ(status_of("ICY 200 OK\r\n\r\n"), 502);
}

TEST(FieldLists, TokensAreComparedWithoutCase) {
  EXPECT_TRUE(list_has("a, Keep-Alive ,b", "keep-alive"));
  EXPECT_FALSE(list_has("a, keep-aliveness", "keep-alive"));
  EXPECT_FALSE(list_has("", "a"));
}

}  // namespace
}  // namespace capsem::http
