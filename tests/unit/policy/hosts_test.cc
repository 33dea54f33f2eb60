#include "core/policy/hosts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace capsem::policy {
namespace {

struct MatchCase {
  const char *pattern, *host;
  bool matches;
};

const MatchCase kMatches[] = {
    {"*", "example.com", true},
    {"*", "", false},
    {"example.com", "example.com", true},
    {"example.com", "EXAMPLE.Com", true},
    {"Example.com", "example.com", true},
    {"example.com", "example.com.", true},
    {"example.com.", "example.com", true},
    {"example.com", "www.example.com", false},
    {"example.com", "badexample.com", false},
    {"*.example.com", "example.com", true},
    {"*.example.com", "a.example.com", true},
    {"*.example.com", "a.b.example.com", true},
    {"*.example.com", "A.EXAMPLE.COM", true},
    {"*.example.com", "badexample.com", false},
    {"*.example.com", ".example.com", false},
    {"*.example.com", "example.com.evil.com", false},
    {"*.example.com", "", false},
    {"*.", "example.com", false},
    {"", "example.com", false},
};

TEST(Hosts, MatchAsR67Says) {
  for (const MatchCase& c : kMatches) {
    EXPECT_EQ(host_matches(c.pattern, c.host), c.matches) << c.pattern << " on " << c.host;
  }
}

struct TextCase {
  const char* text;
  std::vector<std::string> hosts;
};

std::vector<std::string> hosts(std::string_view text) {
  std::vector<std::string> names;
  for (const UrlHost& url : hosts_in(text)) names.push_back(url.host);
  return names;
}

const TextCase kTexts[] = {
    {"no URL here: none", {}},
    {"time 10:30, ratio 3:4, C:\\temp", {}},
    {"https://good.com", {"good.com"}},
    {"https://GOOD.com/a/b?c#d", {"good.com"}},
    {"see https://a.com/x, then http://b.org?y.", {"a.com", "b.org"}},
    {"(https://a.com) <https://b.com> \"https://c.com\"", {"a.com", "b.com", "c.com"}},
    {"https://a.com https://a.com", {"a.com", "a.com"}},
    {"https://a.com\nhttps://b.com\nhttps://c.com/x", {"a.com", "b.com", "c.com"}},
    {"https://good.com\n", {"good.com"}},
    {"Visit https://good.com, or https://better.com!", {"good.com", "better.com"}},
    {"https://good.com:8443/x", {"good.com"}},
    {"https://good.com./x", {"good.com"}},
    {"ftp://files.example.com/a", {"files.example.com"}},
    {"postgres://user:pw@db.internal:5432/x", {"db.internal"}},
    {"git+ssh://git@github.com/x", {"github.com"}},
    // The user's name is not the host.
    {"https://good.com@evil.com", {"evil.com"}},
    {"https://good.com:pw@evil.com/", {"evil.com"}},
    {"https://good.com@x@evil.com/", {"evil.com"}},
    {"https://evil.com/@good.com", {"evil.com"}},
    {"https://evil.com?@good.com", {"evil.com"}},
    {"https://evil.com#@good.com", {"evil.com"}},
    {"https://evil.com\\@good.com", {"evil.com"}},
    {"https:\\\\evil.com\\x", {"evil.com"}},
    {"https:/\\evil.com", {"evil.com"}},
    {"https:////evil.com", {"evil.com"}},
    {"https://%65vil.com", {"evil.com"}},
    {"https://user%40good.com@evil.com", {"evil.com"}},
    // Former bugs. Clients that are lenient about slashes:
    {"https:/evil.com/x", {"evil.com"}},
    {"HTTP:\\evil.com", {"evil.com"}},
    {"https:evil.com", {"evil.com"}},
    {"http: see below, https:", {}},
    // ... quotes, spaces and line breaks in the user's name, or the host's:
    {"https://good.com'@evil.com/", {"good.com", "evil.com"}},
    {"https://good.com\"@evil.com", {"good.com", "evil.com"}},
    {"https://good.com)@evil.com", {"good.com", "evil.com"}},
    {"https://good.com @evil.com/", {"good.com", "evil.com"}},
    {"https://good.com\n@evil.com/", {"good.com", "evil.com"}},
    {"https://good.com\t.evil.com/", {"good.com", "good.com.evil.com"}},
    {"https://good.com is nice", {"good.com"}},
    {"https://good.com\nis nice", {"good.com"}},
    {"mail me@x.com or https://good.com now @you", {"good.com"}},
    // ... what makes no sense is no host below a permitted one:
    {"https://evil.com%2F.good.com", {""}},
    {"https://evil.com%00.good.com", {""}},
    {"https://evil.com%40good.com", {""}},
    {"https://a,b.good.com", {""}},
    {"file:///etc/passwd", {""}},
    {"https://", {""}},
    // ... letters and dots that resolvers take for ASCII:
    {"https://evil\xE3\x80\x82"
     "com",
     {"evil.com"}},
    {"https://\xEF\xBD\x85\xEF\xBD\x96il\xEF\xBC\x8E"
     "com/",
     {"evil.com"}},
    {"https://m\xC3\xBCnchen.de/", {"m\xC3\xBCnchen.de"}},
    // ... and addresses in other notations:
    {"http://169.254.169.254/latest", {"169.254.169.254"}},
    {"http://2852039166/latest", {"169.254.169.254"}},
    {"http://0xA9FEA9FE/", {"169.254.169.254"}},
    {"http://0xa9.0xfe.0xa9.0xfe/", {"169.254.169.254"}},
    {"http://0251.0376.0251.0376/", {"169.254.169.254"}},
    {"http://169.254.43518/", {"169.254.169.254"}},
    {"http://127.1:80/", {"127.0.0.1"}},
    {"http://0x.1/", {"0.0.0.1"}},
    {"http://255.255.255.255/", {"255.255.255.255"}},
    {"http://256.1.1.1/", {""}},
    {"http://4294967295/", {"255.255.255.255"}},
    {"http://4294967296/", {""}},
    {"http://1.2.3.4.5/", {""}},
    {"http://08.1.1.1/", {""}},
    {"http://[::1]:8080/", {"::1"}},
    {"http://[0:0:0:0:0:0:0:1]/", {"::1"}},
    {"http://user@[2001:DB8::1]/", {"2001:db8::1"}},
    {"http://[::ffff:169.254.169.254]/", {"169.254.169.254"}},
    {"http://[::ffff:a9fe:a9fe]/", {"169.254.169.254"}},
    {"http://[fe80::1%25eth0]/", {"fe80::1"}},
    {"http://[1:0:0:2:0:0:0:3]/", {"1:0:0:2::3"}},
    {"http://[1:2:3:4:5:6:7:8]/", {"1:2:3:4:5:6:7:8"}},
    {"http://[1::]/", {"1::"}},
    {"http://[::]/", {"::"}},
    {"http://[1:2:3:4:5:6:7:8:9]/", {""}},
    {"http://[1:2]/", {""}},
    {"http://[1::2::3]/", {""}},
    {"http://[12345::]/", {""}},
    {"http://[::1:]/", {""}},
    {"http://[::1", {""}},
    {"http://[good.com]/", {""}},
};

TEST(Hosts, OfAllUrlsInATextR67) {
  for (const TextCase& c : kTexts) EXPECT_EQ(hosts(c.text), c.hosts) << c.text;
}

TEST(Hosts, ASchemeWithoutEncryptionIsSeenInAnyLetterCase) {
  struct Case {
    const char* text;
    bool tls;
  };
  for (const Case& c : {
           Case{"https://a.com", true},
           {"HTTPS://a.com", true},
           {"wss://a.com", true},
           {"sftp://a.com", true},
           {"http://a.com", false},
           {"HTTP://a.com",
            false},  // Former bugs: this one passed for encrypted, and the next four
           {"http:\\\\a.com", false},
           {"http:/a.com", false},
           {"ws://a.com", false},
           {"ftp://a.com", false},
           {"seehttp://a.com", false},
       }) {
    const auto found = hosts_in(c.text);
    ASSERT_EQ(found.size(), 1u) << c.text;
    EXPECT_EQ(found[0].tls, c.tls) << c.text;
  }
  // Each URL has its own.
  const auto two = hosts_in("https://a.com and http://b.com");
  ASSERT_EQ(two.size(), 2u);
  EXPECT_TRUE(two[0].tls);
  EXPECT_FALSE(two[1].tls);
}

}  // namespace
}  // namespace capsem::policy
