#include "server/admin/router.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "server/admin/logins.h"

namespace capsem::admin {
namespace {

Router router_of(std::initializer_list<std::pair<const char*, const char*>> rows) {
  Router router;
  for (const auto& [method, pattern] : rows) router.add({.method = method, .pattern = pattern});
  return router;
}

struct FindCase {
  const char *method, *path;
  const char* pattern;  // "": none
  std::vector<std::string> ids;
  const char* allowed;
};

TEST(Router, FindsThePatternThatIsMeant) {
  const Router router = router_of({{"GET", "/v1/policies"},
                                   {"POST", "/v1/policies/reload"},
                                   {"GET", "/v1/policies/{id}"},
                                   {"POST", "/v1/policies/{id}"},
                                   {"GET", "/v1/policies/{id}/revisions/{n}"},
                                   {"DELETE", "/v1/keys/{id}"}});
  const FindCase cases[] = {
      {"GET", "/v1/policies", "/v1/policies", {}, "GET"},
      {"HEAD", "/v1/policies", "/v1/policies", {}, "GET"},
      {"POST", "/v1/policies", "", {}, "GET"},
      {"POST", "/v1/policies/reload", "/v1/policies/reload", {}, "POST"},
      {"GET", "/v1/policies/reload", "", {}, "POST"},  // the literal one alone is meant
      {"GET", "/v1/policies/x", "/v1/policies/{id}", {"x"}, "GET, POST"},
      {"POST", "/v1/policies/x", "/v1/policies/{id}", {"x"}, "GET, POST"},
      {"PUT", "/v1/policies/x", "", {}, "GET, POST"},
      {"get", "/v1/policies/x", "", {}, "GET, POST"},
      {"GET", "/v1/policies/x/revisions/7", "/v1/policies/{id}/revisions/{n}", {"x", "7"}, "GET"},
      {"GET", "/v1/policies/x/revisions", "", {}, ""},
      {"GET", "/v1/policies/", "", {}, ""},
      {"GET", "/v1/policies//revisions/7", "", {}, ""},
      {"GET", "/v1/policies/x/", "", {}, ""},
      {"GET", "//v1/policies", "", {}, ""},
      {"GET", "/V1/policies", "", {}, ""},
      {"GET", "/", "", {}, ""},
      {"GET", "", "", {}, ""},
      {"GET", "v1/policies", "", {}, ""},
      {"DELETE", "/v1/keys/{id}", "/v1/keys/{id}", {"{id}"}, "DELETE"},
  };
  for (const FindCase& c : cases) {
    SCOPED_TRACE(testing::Message() << c.method << " " << c.path);
    const Router::Match match = router.find(c.method, c.path);
    EXPECT_EQ(match.route == nullptr ? "" : match.route->pattern, c.pattern);
    if (match.route != nullptr) {
      EXPECT_EQ(match.ids, c.ids);
    }
    EXPECT_EQ(match.allowed, c.allowed);
  }
}

TEST(Roles, MayWhatTheirNamesSay) {
  const std::vector<Right> rights = {Right::Read, Right::Review, Right::Audit, Right::Manage};
  const std::pair<Role, std::vector<Right>> table[] = {
      {Role::Admin, rights},
      {Role::Reviewer, {Right::Read, Right::Review}},
      {Role::Auditor, {Right::Read, Right::Audit}},
      {Role::ReadOnly, {Right::Read}},
  };
  for (const auto& [role, allowed] : table) {
    for (const Right right : rights) {
      EXPECT_EQ(may(role, right), std::ranges::find(allowed, right) != allowed.end())
          << to_string(role);
    }
    EXPECT_EQ(role_from(to_string(role)), role);
  }
  EXPECT_EQ(role_from("Admin"), std::nullopt);
  EXPECT_EQ(role_from(""), std::nullopt);
}

TEST(FailedLogins, AreCountedPerWindow) {
  FailedLogins logins({.failed_max = 2, .window_ms = 1'000});
  EXPECT_EQ(logins.wait_ms("a", 0), 0);
  logins.failed("a", 0);
  EXPECT_EQ(logins.wait_ms("a", 100), 0);
  logins.failed("a", 400);
  EXPECT_EQ(logins.wait_ms("a", 400), 600);
  EXPECT_EQ(logins.wait_ms("b", 400), 0);
  EXPECT_EQ(logins.wait_ms("a", 999), 1);
  EXPECT_EQ(logins.wait_ms("a", 1'000), 0);
  logins.failed("a", 1'000);  // a window of its own
  EXPECT_EQ(logins.wait_ms("a", 1'000), 0);
  logins.failed("a", 1'001);
  EXPECT_EQ(logins.wait_ms("a", 1'001), 999);
}

// A flood of addresses costs bounded memory, and forgets the oldest one first.
TEST(FailedLogins, AreBounded) {
  FailedLogins logins({.failed_max = 1, .window_ms = 1'000'000});
  for (std::size_t i = 0; i < FailedLogins::kTracked; ++i) {
    logins.failed(std::to_string(i), static_cast<std::int64_t>(i));
  }
  const auto now = static_cast<std::int64_t>(FailedLogins::kTracked);
  EXPECT_GT(logins.wait_ms("0", now), 0);
  logins.failed("one more", now);
  EXPECT_EQ(logins.wait_ms("0", now), 0);
  EXPECT_GT(logins.wait_ms("1", now), 0);
  EXPECT_GT(logins.wait_ms("one more", now), 0);
}

}  // namespace
}  // namespace capsem::admin
