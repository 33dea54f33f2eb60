#include "core/limit/headers.h"

#include <gtest/gtest.h>

#include <string>

namespace capsem::limit {
namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kSecond = 1'000 * kMs;

TEST(RateLimitFields, DurationsReadAsOpenAiPrintsThem) {
  struct Case {
    std::int64_t ns;
    const char* text;
  };
  const Case kCases[] = {
      {-5, "0s"},
      {0, "0s"},
      {1, "1ms"},
      {250 * kMs, "250ms"},
      {250 * kMs + 1, "251ms"},
      {999 * kMs, "999ms"},
      {999 * kMs + 1, "1s"},
      {6 * kSecond, "6s"},
      {1'500 * kMs, "1.5s"},
      {1'050 * kMs, "1.05s"},
      {1'001 * kMs, "1.001s"},
      {59'999 * kMs, "59.999s"},
      {59'999 * kMs + 1, "1m0s"},
      {90 * kSecond, "1m30s"},
      {360 * kSecond, "6m0s"},
      {3'600 * kSecond, "1h0m0s"},
      {86'400 * kSecond, "24h0m0s"},
      {90'061'250 * kMs, "25h1m1.25s"},
  };
  for (const Case& c : kCases) EXPECT_EQ(duration_text(c.ns), c.text) << c.ns;
}

TEST(RateLimitFields, TimesAreUtcRoundedUpToASecond) {
  struct Case {
    std::int64_t wall_ms;
    const char* text;
  };
  const Case kCases[] = {
      {0, "1970-01-01T00:00:00Z"},
      {1, "1970-01-01T00:00:01Z"},
      {951'782'399'000, "2000-02-28T23:59:59Z"},
      {951'782'399'001, "2000-02-29T00:00:00Z"},
      {1'704'067'199'999, "2024-01-01T00:00:00Z"},
      {1'795'231'244'000, "2026-11-21T03:20:44Z"},
  };
  for (const Case& c : kCases) EXPECT_EQ(rfc3339_text(c.wall_ms), c.text) << c.wall_ms;
}

Standing both() {
  return {.requests = Gauge{.limit = 10, .remaining = 3, .reset_ns = 6 * kSecond},
          .tokens = Gauge{.limit = 200'000, .remaining = 0, .reset_ns = 90 * kSecond}};
}

TEST(RateLimitFields, OpenAiCallersSeeTheirOwnNames) {
  std::string out;
  append_rate_limit_fields(out, FieldStyle::OpenAi, both(), 0);
  EXPECT_EQ(out,
            "x-ratelimit-limit-requests: 10\r\n"
            "x-ratelimit-remaining-requests: 3\r\n"
            "x-ratelimit-reset-requests: 6s\r\n"
            "x-ratelimit-limit-tokens: 200000\r\n"
            "x-ratelimit-remaining-tokens: 0\r\n"
            "x-ratelimit-reset-tokens: 1m30s\r\n");
}

TEST(RateLimitFields, AnthropicCallersSeeTheirOwnNames) {
  std::string out;
  append_rate_limit_fields(out, FieldStyle::Anthropic, both(), 1'795'231'244'000);
  EXPECT_EQ(out,
            "anthropic-ratelimit-requests-limit: 10\r\n"
            "anthropic-ratelimit-requests-remaining: 3\r\n"
            "anthropic-ratelimit-requests-reset: 2026-11-21T03:20:50Z\r\n"
            "anthropic-ratelimit-tokens-limit: 200000\r\n"
            "anthropic-ratelimit-tokens-remaining: 0\r\n"
            "anthropic-ratelimit-tokens-reset: 2026-11-21T03:22:14Z\r\n");
}

TEST(RateLimitFields, OnlyLimitsThatApplyAreShown) {
  for (const FieldStyle style : {FieldStyle::OpenAi, FieldStyle::Anthropic}) {
    std::string out = "before: 1\r\n";
    append_rate_limit_fields(out, style, {}, 0);
    EXPECT_EQ(out, "before: 1\r\n");
    append_rate_limit_fields(out, style, {.requests = {}, .tokens = Gauge{.limit = 1}}, 0);
    EXPECT_EQ(out.find("requests"), std::string::npos);
    EXPECT_NE(out.find("tokens"), std::string::npos);
  }
}

TEST(RateLimitFields, A429SaysWhenToComeBackAndThatSdksShouldNotRetryR62) {
  struct Case {
    std::int64_t ns;
    const char* seconds;
    const char* ms;
  };
  const Case kCases[] = {
      {-1, "1", "1"},
      {0, "1", "1"},
      {1, "1", "1"},
      {kSecond, "1", "1000"},
      {kSecond + 1, "2", "1001"},
      {59'000 * kMs + 500 * kMs, "60", "59500"},
      {60 * kSecond, "60", "60000"},
      {86'400 * kSecond, "86400", "86400000"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.ns);
    std::string out;
    append_retry_fields(out, c.ns);
    EXPECT_EQ(out, "retry-after: " + std::string(c.seconds) + "\r\nretry-after-ms: " + c.ms +
                       "\r\nx-should-retry: false\r\n");
  }
}

TEST(RateLimitFields, ProvidersOwnFieldsAreKnown) {
  for (const char* name :
       {"x-ratelimit-limit-requests", "X-RateLimit-Remaining-Tokens", "x-ratelimit-reset-requests",
        "anthropic-ratelimit-requests-limit", "Anthropic-Ratelimit-Input-Tokens-Reset",
        "anthropic-priority-output-tokens-remaining", "ratelimit", "RateLimit-Policy"}) {
    EXPECT_TRUE(is_rate_limit_field(name)) << name;
  }
  for (const char* name :
       {"", "retry-after", "retry-after-ms", "x-request-id", "x-ratelimit",
        "anthropic-organization-id", "ratelimited", "ratelimi", "x-should-retry"}) {
    EXPECT_FALSE(is_rate_limit_field(name)) << name;
  }
}

// What we write is what we would drop.
TEST(RateLimitFields, EveryFieldWrittenIsOneThatIsDroppedFromTheProvider) {
  for (const FieldStyle style : {FieldStyle::OpenAi, FieldStyle::Anthropic}) {
    std::string out;
    append_rate_limit_fields(out, style, both(), 0);
    std::size_t lines = 0;
    for (std::size_t at = 0; at < out.size(); at = out.find("\r\n", at) + 2, ++lines) {
      EXPECT_TRUE(is_rate_limit_field(out.substr(at, out.find(':', at) - at)));
    }
    EXPECT_EQ(lines, 6U);
  }
}

}  // namespace
}  // namespace capsem::limit
