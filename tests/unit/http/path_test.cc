#include "server/http/path.h"

#include <gtest/gtest.h>

namespace capsem::http {
namespace {

struct Case {
  const char* target;
  const char* path;  // nullptr: refused
};

constexpr Case kCases[] = {
    {"/", "/"},
    {"/v1/chat/completions", "/v1/chat/completions"},
    {"/v1/models/gpt%2D4", "/v1/models/gpt-4"},
    {"/v1beta/models/m%3AgenerateContent", "/v1beta/models/m:generateContent"},
    {"/v1/models/", "/v1/models/"},
    {"/v1/models?x=//..%2f;", "/v1/models"},
    {"/v1/...", "/v1/..."},
    {"", nullptr},
    {"v1", nullptr},
    {"http://h/v1", nullptr},
    {"//v1/chat/completions", nullptr},
    {"/v1//chat", nullptr},
    {"/v1/./chat", nullptr},
    {"/v1/../chat", nullptr},
    {"/v1/chat/..", nullptr},
    {"/.", nullptr},
    {"/v1%2fchat", nullptr},
    {"/v1%2Fchat", nullptr},
    {"/v1/%2e%2e/chat", nullptr},
    {"/v1%5cchat", nullptr},
    {"/v1\\chat", nullptr},
    {"/v1;x/chat", nullptr},
    {"/v1%3bx/chat", nullptr},
    {"/v1/a%00b", nullptr},
    {"/v1/a%0ab", nullptr},
    {"/v1/a%7f", nullptr},
    {"/v1/a%252fb", nullptr},
    {"/v1/a%2", nullptr},
    {"/v1/a%", nullptr},
    {"/v1/a%zz", nullptr},
    {"/v1/a%3fb", nullptr},
    {"/v1/a#b", nullptr},
    {"/v1/\xc3\xa4", nullptr},
};

TEST(Target, T04_IsDecodedOnceAndAmbiguousFormsAreRefused) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.target);
    Target target;
    const Refusal refusal = parse_target(c.target, target);
    EXPECT_EQ(refusal.status, c.path == nullptr ? 400 : 0);
    if (c.path != nullptr) {
      EXPECT_EQ(target.path, c.path);
    }
  }
}

TEST(Target, PathAndQueryAreKeptAsSent) {
  Target target;
  ASSERT_FALSE(parse_target("/a%2Db?alt=sse&key=x%20y", target));
  EXPECT_EQ(target.raw_path, "/a%2Db");
  EXPECT_EQ(target.query, "alt=sse&key=x%20y");
}

TEST(Query, AParameterIsFoundByItsDecodedName) {
  int count = 0;
  EXPECT_EQ(query_value("a=b&key=x%2By+z", "key", count), "x+y z");
  EXPECT_EQ(count, 1);
  EXPECT_EQ(query_value("k%65y=1&key=2", "key", count), "1");
  EXPECT_EQ(count, 2);
  EXPECT_EQ(query_value("monkey=1", "key", count), "");
  EXPECT_EQ(count, 0);
  EXPECT_EQ(query_without("a=b&key=1&c&k%65y=2", "key"), "a=b&c");
}

}  // namespace
}  // namespace capsem::http
