#include "server/mock/upstream.h"

#include <gtest/gtest.h>

#include "server/mock/http_client.h"

namespace capsem::mock {
namespace {

TEST(MockUpstream, AnswersAndCountsUntilItIsStopped) {
  MockUpstream upstream;
  ASSERT_TRUE(upstream.start());
  const auto answer = post_json(upstream.port(), "/v1/chat/completions", "Bearer k",
                                R"({"model":"m","messages":[{"role":"user","content":"hello"}]})");
  EXPECT_EQ(answer.status, 200);
  EXPECT_NE(answer.body.find("How can I help"), std::string::npos);
  EXPECT_EQ(upstream.requests(), 1U);
  const std::uint16_t port = upstream.port();
  upstream.stop();
  EXPECT_EQ(post_json(port, "/v1/chat/completions", "Bearer k", "{}").status, 0);
}

TEST(MockUpstream, SendsGeminisArrayFormAsOneArray) {
  MockUpstream upstream;
  ASSERT_TRUE(upstream.start({.host = "127.0.0.1", .port = 0, .threads = 2}));
  const auto answer =
      post_json(upstream.port(), "/v1beta/models/m:streamGenerateContent", "",
                R"({"contents":[{"parts":[{"text":"count to 5 [[mock event-delay=5]]"}]}]})");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body.front(), '[');
  EXPECT_EQ(answer.body.back(), ']');
}

}  // namespace
}  // namespace capsem::mock
