#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/proxy/settings.h"

namespace capsem::proxy {
namespace {

struct UrlCase {
  std::string_view text;
  bool tls;
  std::string_view host;
  unsigned port;
  std::string_view prefix;
};

TEST(BaseUrl, IsReadInEveryShapePeoplePasteR8) {
  const UrlCase cases[] = {
      {"https://api.openai.com", true, "api.openai.com", 443, ""},
      {"https://api.openai.com/", true, "api.openai.com", 443, ""},
      {"https://api.openai.com/v1", true, "api.openai.com", 443, ""},
      {"https://api.openai.com/v1/", true, "api.openai.com", 443, ""},
      {"https://g.example/v1beta", true, "g.example", 443, ""},
      {"HTTP://Localhost:8080", false, "Localhost", 8080, ""},
      {"http://h", false, "h", 80, ""},
      {"http://127.0.0.1:9000/openai/v1/", false, "127.0.0.1", 9000, "/openai"},
      {"https://h/a/b//", true, "h", 443, "/a/b"},
      {"https://h/xv1", true, "h", 443, "/xv1"},
      {"https://h/v1/proxy", true, "h", 443, "/v1/proxy"},
      {"http://[::1]:8443/x", false, "::1", 8443, "/x"},
      {"https://[2001:db8::1]", true, "2001:db8::1", 443, ""},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.text);
    const auto url = parse_base_url(c.text);
    ASSERT_TRUE(url) << url.error().detail;
    EXPECT_EQ(url->tls, c.tls);
    EXPECT_EQ(url->host, c.host);
    EXPECT_EQ(url->port, c.port);
    EXPECT_EQ(url->prefix, c.prefix);
  }
}

TEST(BaseUrl, AnErrorNamesWhatIsWrong) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", "begins with http"},
      {"api.openai.com", "begins with http"},
      {"ftp://h", "scheme"},
      {"https://", "host is missing"},
      {"https:///v1", "host is missing"},
      {"https://:80", "host is missing"},
      {"https://[]", "host is missing"},
      {"https://[::1", "']' is missing"},
      {"https://[::1]x", "only ':'"},
      {"https://h:", "port"},
      {"https://h:0", "port"},
      {"https://h:65536", "port"},
      {"https://h:+80", "port"},
      {"https://h:80x", "port"},
      {"https://a b", "character"},
      {"https://h/a b", "percent-encoded"},
      {"https://h/\r\nX: y", "percent-encoded"},
      {"https://h/v1?x=1", "query"},
      {"https://h#x", "fragment"},
  };
  for (const auto& [text, part] : cases) {
    SCOPED_TRACE(text);
    const auto url = parse_base_url(text);
    ASSERT_FALSE(url);
    EXPECT_EQ(url.error().code, "invalid_base_url");
    EXPECT_THAT(url.error().detail, testing::HasSubstr(std::string(part)));
  }
}

TEST(BaseUrl, APasswordIsRefusedAndNotRepeatedR9) {
  const auto url = parse_base_url("https://user:hunter2@h/");
  ASSERT_FALSE(url);
  EXPECT_THAT(url.error().detail, testing::Not(testing::HasSubstr("hunter2")));
}

TEST(Endpoint, IsAHostAndAPortOrNothing) {
  const struct {
    std::string_view text, host;
    unsigned port;
  } cases[] = {
      {"", "", 0},
      {"127.0.0.1:9443", "127.0.0.1", 9443},
      {"gateway.internal:1", "gateway.internal", 1},
      {"[::1]:65535", "::1", 65535},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.text);
    const auto endpoint = parse_endpoint(c.text);
    ASSERT_TRUE(endpoint) << endpoint.error().detail;
    EXPECT_EQ(endpoint->host, c.host);
    EXPECT_EQ(endpoint->port, c.port);
  }
  const std::pair<std::string_view, std::string_view> wrong[] = {
      {"127.0.0.1", "port is missing"}, {"[::1]", "port is missing"},
      {":80", "host is missing"},       {"h:0", "port must be"},
      {"h:65536", "port must be"},      {"https://h:1", "port must be"},
      {"h:80/x", "port must be"},       {"u:secret@h:80", "user information"},
  };
  for (const auto& [text, says] : wrong) {
    SCOPED_TRACE(text);
    const auto endpoint = parse_endpoint(text);
    ASSERT_FALSE(endpoint);
    EXPECT_THAT(endpoint.error().detail, testing::HasSubstr(std::string(says)));
    EXPECT_EQ(endpoint.error().detail.find("secret"), std::string::npos);
  }
}

}  // namespace
}  // namespace capsem::proxy
