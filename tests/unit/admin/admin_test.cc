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

AdminView view_of(bool ready) {
  return {.ready = ready, .metrics = [] { return "capsem_build_info 1\n"; }};
}

TEST(Admin, AnswersItsPathsAndNothingElse) {
  const ReplyCase cases[] = {
      {"GET", "/health", false, 200, R"({"status":"alive"})"},
      {"HEAD", "/health", true, 200, R"({"status":"alive"})"},
      {"GET", "/ready", true, 200, R"({"status":"ready"})"},
      {"GET", "/ready", false, 503, R"({"status":"not ready"})"},
      {"GET", "/metrics", false, 200, "capsem_build_info 1\n"},
      {"POST", "/metrics", true, 405, R"({"detail":"Method Not Allowed"})"},
      {"DELETE", "/health", true, 405, R"({"detail":"Method Not Allowed"})"},
      {"POST", "/v1/policies", true, 405, R"({"detail":"Method Not Allowed"})"},
      {"GET", "/v1/policies/reload", true, 405, R"({"detail":"Method Not Allowed"})"},
      {"OPTIONS", "/v1/policies/reload", true, 405, R"({"detail":"Method Not Allowed"})"},
      {"GET", "/", true, 404, R"({"detail":"Not Found"})"},
      {"GET", "/health/", true, 404, R"({"detail":"Not Found"})"},
      {"GET", "/HEALTH", true, 404, R"({"detail":"Not Found"})"},
      {"GET", "/v1/policies/", true, 404, R"({"detail":"Not Found"})"},
      {"POST", "/v1/chat/completions", true, 404, R"({"detail":"Not Found"})"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(testing::Message() << c.method << " " << c.path);
    const auto reply = admin_reply({.method = c.method, .path = c.path}, view_of(c.ready));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, c.status);
    EXPECT_EQ(reply->body, c.body);
  }
}

TEST(Admin, MetricsAreCountedOnlyWhenAskedFor) {
  int calls = 0;
  const AdminView view{.ready = true, .metrics = [&calls] {
                         ++calls;
                         return std::string();
                       }};
  admin_reply({.method = "GET", .path = "/health"}, view);
  admin_reply({.method = "POST", .path = "/metrics"}, view);
  EXPECT_EQ(calls, 0);
  EXPECT_EQ(admin_reply({.method = "GET", .path = "/metrics"}, view)->content_type,
            "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(calls, 1);
}

// T32: what a web page can make a browser send must not reload anything.
TEST(Admin, AReloadIsAskedForByProgramsAlone) {
  struct Case {
    std::string_view content_type;
    bool origin;
    std::string_view body;
    int status;  // 0: it may be done
  };
  for (const Case& c : {
           Case{"application/json", false, "", 0},
           Case{"Application/JSON; charset=utf-8", false, " {\n}\r\n\t", 0},
           Case{"", false, "", 415},
           Case{"text/plain", false, "{}", 415},
           Case{"application/x-www-form-urlencoded", false, "", 415},
           Case{"application/jsonp", false, "{}", 415},
           Case{"application/json", true, "{}", 403},
           Case{"text/plain", true, "{}", 403},
           Case{"application/json", false, R"({"dry_run":true})", 400},
           Case{"application/json", false, "[]", 400},
           Case{"application/json", false, "{", 400},
       }) {
    SCOPED_TRACE(testing::Message() << c.content_type << " " << c.body);
    const auto reply = admin_reply({.method = "POST",
                                    .path = "/v1/policies/reload",
                                    .content_type = c.content_type,
                                    .origin = c.origin ? "http://evil.example" : "",
                                    .body = c.body},
                                   view_of(true));
    EXPECT_EQ(reply ? reply->status : 0, c.status);
  }
}

PolicyView two_policies() {
  return {.revision = "sha256:9f",
          .policies = {{"debug", "keyword", "config/debug.toml:1:1", "enforce"},
                       {"a\"b", "pii", "config/x.toml:3:1", "shadow"}},
          .warnings = {"config/x.toml:4:1: W08"},
          .last_reload = {}};
}

constexpr std::string_view kInForce =
    R"("revision":"sha256:9f","policies":[{"id":"debug","type":"keyword",)"
    R"("source":"config/debug.toml:1:1","mode":"enforce"},{"id":"a\"b","type":"pii",)"
    R"("source":"config/x.toml:3:1","mode":"shadow"}],"warnings":["config/x.toml:4:1: W08"])";

TEST(Admin, ListsThePoliciesInForceAndTheLastReload) {
  PolicyView listed = two_policies();
  const AdminView view{.ready = true, .policies = [&listed] { return listed; }};
  const auto body = [&view] {
    return admin_reply({.method = "GET", .path = "/v1/policies"}, view)->body;
  };
  EXPECT_EQ(body(), "{" + std::string(kInForce) + R"(,"last_reload":null})");
  listed.last_reload = {.outcome = ReloadReport::Outcome::Refused,
                        .cause = "SIGHUP",
                        .at = "2026-11-21T03:04:05Z",
                        .errors = {"a:1:1: x", "b:2:2: \"y\""}};
  EXPECT_EQ(body(), "{" + std::string(kInForce) +
                        R"(,"last_reload":{"at":"2026-11-21T03:04:05Z","cause":"SIGHUP",)"
                        R"("outcome":"refused","errors":["a:1:1: x","b:2:2: \"y\""]}})");
}

TEST(Admin, AReloadAnswersWithWhatIsInForceAndARefusedOneWithEveryError) {
  using Outcome = ReloadReport::Outcome;
  const auto done = reload_reply({.outcome = Outcome::Done}, two_policies());
  EXPECT_EQ(done.status, 200);
  EXPECT_EQ(done.body, R"({"status":"reloaded",)" + std::string(kInForce) + "}");
  const auto unchanged = reload_reply({.outcome = Outcome::Unchanged}, two_policies());
  EXPECT_EQ(unchanged.status, 200);
  EXPECT_TRUE(unchanged.body.starts_with(R"({"status":"unchanged",)"));
  const auto refused = reload_reply(
      {.outcome = Outcome::Refused, .errors = {"a:1:1: x", "b:2:2: y"}}, two_policies());
  EXPECT_EQ(refused.status, 422);
  EXPECT_EQ(
      refused.body,
      R"({"status":"refused","detail":"The policies cannot be loaded; the last good ones stay",)"
      R"("errors":["a:1:1: x","b:2:2: y"],)" +
          std::string(kInForce) + "}");
  const auto looser =
      reload_reply({.outcome = Outcome::Refused, .errors = {"allowed: model m"}, .loosens = true},
                   two_policies());
  EXPECT_EQ(looser.status, 409);
  EXPECT_TRUE(looser.body.starts_with(
      R"({"status":"refused","detail":"The policies would allow more than those in force, )"
      R"(which stay","errors":["allowed: model m"],)"));
}

}  // namespace
}  // namespace capsem::admin
