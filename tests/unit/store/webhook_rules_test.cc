#include "server/store/webhook_rules.h"

#include <gtest/gtest.h>

namespace capsem::store {
namespace {

TEST(WebhookUrls, AreReadStrictly) {
  struct Case {
    std::string_view text;
    std::string_view read;  // "tls host port target", or the word that the error has
  };
  const Case cases[] = {
      {"https://hooks.example/x?y=1", "1 hooks.example 443 /x?y=1"},
      {"HTTPS://Hooks.Example", "1 hooks.example 443 /"},
      {"http://127.0.0.1:9/a", "0 127.0.0.1 9 /a"},
      {"https://[2001:db8::1]:8443/", "1 2001:db8::1 8443 /"},
      {"https://h?x", "1 h 443 /?x"},
      {"ftp://h/", "begins"},
      {"h/x", "begins"},
      {"", "begins"},
      {"https:///x", "host"},
      {"https://user@h/", "user"},
      {"https://u:p@h/", "user"},
      {"https://h/#f", "fragment"},
      {"https://h:0/", "port"},
      {"https://h:65536/", "port"},
      {"https://h:/", "port"},
      {"https://h:80x/", "port"},
      {"https://[::1/", "brackets"},
      {"https://[::1]x/", "port"},
      {"https://a b/", "printable"},
      {"https://h/\r\nX: y", "printable"},
      {"https://h\\@evil/", "printable"},
      {"https://h\xc3\xa9/", "printable"},
      {"https://h%2eevil/", "host"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.text);
    const auto url = parse_webhook_url(c.text);
    const std::string read = url ? std::to_string(url->tls) + " " + url->host + " " +
                                       std::to_string(url->port) + " " + url->target
                                 : url.error().detail;
    if (url) {
      EXPECT_EQ(read, c.read);
    } else {
      EXPECT_NE(read.find(c.read), std::string::npos) << read;
    }
  }
  const std::string longest = "https://h/" + std::string(kWebhookUrlBytesMax - 10, 'x');
  EXPECT_TRUE(parse_webhook_url(longest));
  EXPECT_FALSE(parse_webhook_url(longest + "x"));
}

TEST(WebhookUrls, WriteTheirHostFieldWithoutTheSchemesOwnPort) {
  EXPECT_EQ(parse_webhook_url("https://h:443/")->authority(), "h");
  EXPECT_EQ(parse_webhook_url("https://h:80/")->authority(), "h:80");
  EXPECT_EQ(parse_webhook_url("http://h:80/")->authority(), "h");
  EXPECT_EQ(parse_webhook_url("https://[::1]:8/")->authority(), "[::1]:8");
}

TEST(WebhookRules, LetCallbacksGoWhereTheConfigurationSays) {  // R53, T22
  const auto rules = WebhookRules::make({"https://ops.example/hook", "http://in.example:8080/x"},
                                        {"cb.example", "cb.example:8443", "http://plain.example"});
  ASSERT_TRUE(rules);
  struct Case {
    std::string_view url;
    bool allowed;
  };
  const Case cases[] = {
      {"https://cb.example/any/path?q", true}, {"https://CB.example:8443/", true},
      {"https://cb.example:9443/", false},     {"http://cb.example/", false},
      {"http://cb.example:443/", false},       {"http://plain.example/", true},
      {"https://plain.example/", false},       {"https://ops.example/other", true},
      {"http://in.example:8080/other", true},  {"http://in.example/", false},
      {"https://sub.cb.example/", false},      {"https://cb.example.evil/", false},
      {"https://cb.example@evil/", false},     {"https://evil/cb.example", false},
      {"https://169.254.169.254/", false},     {"", false},
  };
  for (const Case& c : cases) EXPECT_EQ(rules->callback_allowed(c.url), c.allowed) << c.url;
  EXPECT_TRUE(rules->any());
  EXPECT_FALSE(WebhookRules().any());
  EXPECT_FALSE(WebhookRules().callback_allowed("https://cb.example/"));
}

TEST(WebhookRules, RefuseSettingsThatAreNoPlaces) {
  EXPECT_FALSE(WebhookRules::make({"hooks.example"}, {}));
  EXPECT_FALSE(WebhookRules::make({}, {"https://"}));
  EXPECT_FALSE(WebhookRules::make({}, {"a/b"}));
  const auto made = WebhookRules::make({"https://h/secret path"}, {});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().detail.find("secret"), std::string::npos);
}

}  // namespace
}  // namespace capsem::store
