// URLs of judge services, and the policies that name them.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/policy/judge_desk.h"
#include "core/policy/loader.h"

namespace capsem::policy {
namespace {

struct UrlCase {
  std::string_view text;
  bool good = false, tls = false;
  std::string_view host{}, target{};
  std::uint16_t port = 0;
};

TEST(JudgeUrl, IsReadStrictly) {
  const UrlCase cases[] = {
      {"http://127.0.0.1:9000/judge", true, false, "127.0.0.1", "/judge", 9000},
      {"https://judge.example.com", true, true, "judge.example.com", "/", 443},
      {"http://judge", true, false, "judge", "/", 80},
      {"http://judge/v1/score?model=a&b", true, false, "judge", "/v1/score?model=a&b", 80},
      {"http://judge?x=1", true, false, "judge", "/?x=1", 80},
      {"https://[::1]:8443/j", true, true, "::1", "/j", 8443},
      {"http://[::1]", true, false, "::1", "/", 80},
      {""},
      {"judge.example.com"},
      {"ftp://judge/"},
      {"http://"},
      {"http:///judge"},
      {"http://user@judge/"},
      {"http://user:word@judge/"},
      {"http://judge:0/"},
      {"http://judge:65536/"},
      {"http://judge:/"},
      {"http://judge:80x/"},
      {"http://[::1/"},
      {"http://[::1]x/"},
      {"http://judge/a b"},
      {"http://judge/#top"},
      {"http://judge/\r\nx: y"},
  };
  for (const UrlCase& c : cases) {
    SCOPED_TRACE(c.text);
    JudgeUrl url;
    ASSERT_EQ(read_judge_url(c.text, url), c.good);
    if (!c.good) continue;
    EXPECT_EQ(url.tls, c.tls);
    EXPECT_EQ(url.host, c.host);
    EXPECT_EQ(url.target, c.target);
    EXPECT_EQ(url.port, c.port);
  }
}

Result<Loaded> load(const std::string& rest) {
  const std::vector<SourceFile> files = {
      {"p.toml", "schema = 1\n[[policy]]\nid = 'j'\ntype = 'judge'\n" + rest}};
  return load_directory(files);
}

TEST(JudgePolicyFile, ReadsEveryKey) {
  const auto loaded = load(
      "url = 'http://127.0.0.1:9/x'\nthreshold = 0.8\ndeadline_ms = 250\naction = 'approval'\n"
      "on = ['prompt', 'response']\non_error = 'warn'\noutput = 'log'\n");
  ASSERT_TRUE(loaded) << loaded.error().detail;
  const auto& policy = std::get<JudgePolicy>(loaded->documents[0].policies[0]);
  EXPECT_EQ(type_of(loaded->documents[0].policies[0]), "judge");
  EXPECT_EQ(policy.url, "http://127.0.0.1:9/x");
  EXPECT_EQ(policy.threshold, 0.8F);
  EXPECT_EQ(policy.deadline_ms, 250U);
  EXPECT_EQ(policy.action, Verdict::Confirm);
  EXPECT_EQ(policy.head.on, kPrompt | kResponse);
  EXPECT_EQ(policy.head.on_error, OnError::Warn);
  EXPECT_EQ(policy.head.output, Output::Log);

  const auto short_one = load("url = 'http://127.0.0.1:9/x'\n");
  ASSERT_TRUE(short_one);
  EXPECT_EQ(head_of(short_one->documents[0].policies[0]).on, kPrompt | kToolResult);
}

TEST(JudgePolicyFile, MistakesSayWhere) {
  struct Case {
    std::string rest, said;
  };
  const Case cases[] = {
      {"", "p.toml:2:1: a policy of type judge needs 'url'"},
      {"url = 'judge'\n", "p.toml:5:7: 'url' must be such as"},
      {"url = 'http://j/'\non = ['prompt', 'tool_name']\n", "p.toml:6:6: a judge looks at prompt"},
      {"url = 'http://j/'\ndeadline_ms = 0\n", "p.toml:6:15: 'deadline_ms' must be"},
      {"url = 'http://j/'\nthreshold = 2\n", "p.toml:6:13: 'threshold' must be"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.rest);
    const auto loaded = load(c.rest);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().detail.substr(0, c.said.size()), c.said);
  }
}

}  // namespace
}  // namespace capsem::policy
