#include "server/admin/admin.h"

#include <gtest/gtest.h>

namespace capsem::admin {
namespace {

struct ReplyCase {
  std::string_view method, path;
  bool ready;
  int status;
  std::string_view body;
};

TEST(Admin, AnswersItsThreePathsAndNothingElse) {
  const ReplyCase cases[] = {
      {"GET", "/health", false, 200, R"({"status":"alive"})"},
      {"HEAD", "/health", true, 200, R"({"status":"alive"})"},
      {"GET", "/ready", true, 200, R"({"status":"ready"})"},
      {"GET", "/ready", false, 503, R"({"status":"not ready"})"},
      {"GET", "/metrics", false, 200, "capsem_build_info 1\n"},
      {"POST", "/metrics", true, 405, R"({"detail":"Method Not Allowed"})"},
      {"DELETE", "/health", true, 405, R"({"detail":"Method Not Allowed"})"},
      {"GET", "/", true, 404, R"({"detail":"Not Found"})"},
      {"GET", "/health/", true, 404, R"({"detail":"Not Found"})"},
      {"GET", "/HEALTH", true, 404, R"({"detail":"Not Found"})"},
      {"POST", "/v1/chat/completions", true, 404, R"({"detail":"Not Found"})"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(testing::Message() << c.method << " " << c.path);
    const auto reply = admin_reply(
        c.method, c.path, {.ready = c.ready, .metrics = [] { return "capsem_build_info 1\n"; }});
    EXPECT_EQ(reply.status, c.status);
    EXPECT_EQ(reply.body, c.body);
  }
}

TEST(Admin, MetricsAreCountedOnlyWhenAskedFor) {
  int calls = 0;
  const AdminView view{.ready = true, .metrics = [&calls] {
                         ++calls;
                         return std::string();
                       }};
  admin_reply("GET", "/health", view);
  admin_reply("POST", "/metrics", view);
  EXPECT_EQ(calls, 0);
  EXPECT_EQ(admin_reply("GET", "/metrics", view).content_type,
            "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace capsem::admin
