#include "server/admin/api.h"

#include <algorithm>

#include "core/audit/record.h"
#include "server/admin/login.h"
#include "tests/unit/admin/api_fixture.h"

namespace capsem::admin {
namespace {

std::string filled(std::string_view pattern) {
  std::string path;
  bool inside = false;
  for (const char c : pattern) {
    if (c == '{') inside = true;
    if (!inside) path += c;
    if (c == '}') {
      inside = false;
      path += "1";
    }
  }
  return path;
}

TEST_F(ApiTest, WantsATokenForEveryRoute) {
  for (const Route& route : api_->router().routes()) {
    SCOPED_TRACE(testing::Message() << route.method << " " << route.pattern);
    const std::string method(route.method), path = filled(route.pattern);
    const AdminReply reply = ask({.method = method, .path = path, .body = "{}"});
    EXPECT_EQ(reply.status, 401);
    EXPECT_NE(reply.fields.find("www-authenticate: Bearer\r\n"), std::string::npos);
    EXPECT_NE(reply.fields.find("cache-control: no-store\r\n"), std::string::npos);
    EXPECT_NE(reply.fields.find("x-content-type-options: nosniff\r\n"), std::string::npos);
  }
  EXPECT_TRUE(audit_.take().empty());  // nobody tried a token
  for (const char* path : {"/health", "/ready", "/metrics", "/openapi.json", "/openapi.yaml"}) {
    EXPECT_EQ(ask({.method = "GET", .path = path}).status, 200) << path;
  }
  EXPECT_EQ(ask({.method = "GET", .path = "/v1/nothing"}).status, 404);
  const AdminReply wrong_method = ask({.method = "DELETE", .path = "/v1/tenants"});
  EXPECT_EQ(wrong_method.status, 405);
  EXPECT_NE(wrong_method.fields.find("allow: GET, POST\r\n"), std::string::npos);
}

// Every route for every role: refused when the role may not, and reached when it may.
TEST_F(ApiTest, HoldsEachRouteAgainstEachRole) {
  const std::pair<Role, std::string> tokens[] = {{Role::Admin, admin_},
                                                 {Role::Reviewer, token("reviewer")},
                                                 {Role::Auditor, token("auditor")},
                                                 {Role::ReadOnly, token("read-only")}};
  for (const Route& route : api_->router().routes()) {
    for (const auto& [role, with_token] : tokens) {
      SCOPED_TRACE(testing::Message()
                   << route.method << " " << route.pattern << " " << to_string(role));
      const bool has_body = route.method != "GET";
      const AdminReply reply = ask({.method = std::string(route.method),
                                    .path = filled(route.pattern),
                                    .body = has_body ? R"({"unknown":1})" : "",
                                    .token = with_token});
      EXPECT_EQ(reply.status == 403, !may(role, route.right)) << reply.body;
      EXPECT_NE(reply.status, 401);
      if (may(role, route.right) && has_body) {
        EXPECT_GE(reply.status, 400) << reply.body;
      }
    }
  }
}

TEST_F(ApiTest, TokensOfOneTenantDoNothingForAll) {
  ASSERT_TRUE(sql::is_done(store::create_tenant(*connection_, {.id = "a", .name = "A"}, 1)));
  const std::string scoped = token("admin", "a");
  for (const Route& route : api_->router().routes()) {
    SCOPED_TRACE(testing::Message() << route.method << " " << route.pattern);
    const AdminReply reply = ask({.method = std::string(route.method),
                                  .path = filled(route.pattern),
                                  .body = route.method == "GET" ? "" : R"({"unknown":1})",
                                  .token = scoped});
    EXPECT_EQ(reply.status == 403, route.all_tenants) << reply.body;
  }
}

// ---- Logins ----

TEST_F(ApiTest, RefusesTokensThatAreNotGood) {
  const std::string expired = token("admin", "", clock_.wall_ms() + 1'000);
  EXPECT_EQ(ask({.method = "GET", .path = "/v1/tenants", .token = expired}).status, 200);
  clock_.pass_ms(1'000);
  const std::string revoked = token("auditor");
  ASSERT_TRUE(sql::is_done(
      connection_->run("UPDATE admin_token SET revoked_ms = 5 WHERE name = 'auditor-'")));
  audit_.take();
  const std::pair<std::string, std::string> cases[] = {
      {"Bearer " + expired, "expired_token"},
      {"Bearer " + revoked, "revoked_token"},
      {"Bearer ag_admin_" + std::string(40, 'x'), "unknown_token"},
      {"Bearer ' OR 1=1--", "unknown_token"},  // T27
      {"Bearer ag_live_" + std::string(40, 'x'), "unknown_token"},
      {"Basic " + admin_, "unknown_token"},
      {admin_, "unknown_token"},
      {"Bearer " + admin_ + "x", "unknown_token"},
      {"Bearer " + admin_.substr(0, admin_.size() - 1), "unknown_token"},
      {"Bearer " + std::string(300, 'a'), "unknown_token"},
  };
  int peer = 1;
  for (const auto& [authorization, why] : cases) {
    SCOPED_TRACE(authorization.substr(0, 20));
    const AdminReply reply = ask({.method = "GET",
                                  .path = "/v1/tenants",
                                  .peer = "10.0.0." + std::to_string(peer++),
                                  .authorization = authorization});
    EXPECT_EQ(reply.status, 401);
    EXPECT_EQ(code(reply), "invalid_token");  // the same for all of them
    const auto records = audit_.take();
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].kind, audit::RecordKind::Admin);
    EXPECT_EQ(records[0].outcome, "login_refused");
    EXPECT_EQ(records[0].error_code, why);
    const std::string line = to_json_line(records[0]);
    EXPECT_EQ(line.find(admin_.substr(0, 20)), std::string::npos);
    EXPECT_EQ(line.find("' OR"), std::string::npos);
  }
  EXPECT_EQ(
      ask({.method = "GET", .path = "/v1/tenants", .authorization = "bearer " + admin_}).status,
      200);
}

TEST_F(ApiTest, FailedLoginsOfAnAddressAreLimited) {
  start({.logins = {.failed_max = 3, .window_ms = 60'000}});
  const auto guess = [&](int i) {
    return ask({.method = "GET",
                .path = "/v1/tenants",
                .token = "ag_admin_" + std::to_string(i) + std::string(39, 'g')});
  };
  for (int i = 0; i < 3; ++i) EXPECT_EQ(guess(i).status, 401);
  const AdminReply limited = guess(4);
  EXPECT_EQ(limited.status, 429);
  EXPECT_NE(limited.fields.find("retry-after: 60\r\n"), std::string::npos) << limited.fields;
  EXPECT_EQ(get("/v1/tenants").status, 429);  // the right token, too
  EXPECT_EQ(
      ask({.method = "GET", .path = "/v1/tenants", .token = admin_, .peer = "10.0.0.9"}).status,
      200);
  clock_.pass_ms(59'999);
  EXPECT_EQ(get("/v1/tenants").status, 429);
  clock_.pass_ms(1);
  EXPECT_EQ(get("/v1/tenants").status, 200);
}

TEST_F(ApiTest, FailedLoginsOfAnAccountAreLimited) {
  start({.logins = {.failed_max = 3, .window_ms = 60'000}});
  // The same prefix, each time from another address.
  const std::string account = admin_.substr(0, 13);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(ask({.method = "GET",
                   .path = "/v1/tenants",
                   .token = account + std::string(36, 'g'),
                   .peer = "10.0.0." + std::to_string(i)})
                  .status,
              401);
  }
  EXPECT_EQ(
      ask({.method = "GET", .path = "/v1/tenants", .token = admin_, .peer = "10.9.9.9"}).status,
      429);
}

TEST(BearerToken, IsReadStrictly) {
  const std::string good = "ag_admin_abc";
  EXPECT_EQ(bearer_token("Bearer " + good).reveal(), good);
  EXPECT_EQ(bearer_token("BEARER   " + good).reveal(), good);
  for (const std::string& bad : std::vector<std::string>{
           "", good, "Basic " + good, "Bearer", "Bearer ", "Bearer ag_live_abc",
           "Bearer " + good + std::string(kAuthorizationBytesMax, 'x')}) {
    EXPECT_TRUE(bearer_token(bad).empty()) << bad.substr(0, 20);
  }
  EXPECT_FALSE(
      bearer_token("Bearer " + good + std::string(kAuthorizationBytesMax - 7 - good.size(), 'x'))
          .empty());
}

// ---- What web pages can send (T32) ----

TEST_F(ApiTest, RefusesWebPagesOfOtherOrigins) {
  start({.allowed_origins = {"https://admin.example"}});
  const std::pair<const char*, int> origins[] = {
      {"", 200},
      {"http://127.0.0.1:8001", 200},
      {"https://admin.example", 200},
      {"https://127.0.0.1:8001", 403},
      {"http://127.0.0.1:8002", 403},
      {"http://127.0.0.1", 403},
      {"https://admin.example.evil.example", 403},
      {"http://admin.example", 403},
      {"null", 403},
      {"http://evil.example", 403},
  };
  for (const auto& [origin, status] : origins) {
    const AdminReply reply =
        ask({.method = "GET", .path = "/v1/tenants", .token = admin_, .origin = origin});
    EXPECT_EQ(reply.status, status) << origin;
    EXPECT_EQ(reply.fields.find("access-control"), std::string::npos);
  }
}

TEST_F(ApiTest, WantsJsonOfEveryWrite) {
  const char* types[] = {"",
                         "text/plain",
                         "application/x-www-form-urlencoded",
                         "multipart/form-data",
                         "application/jsonx",
                         "text/plain; application/json"};
  for (const Route& route : api_->router().routes()) {
    if (route.method == "GET" || route.method == "DELETE") continue;
    for (const char* type : types) {
      const AdminReply reply = ask({.method = std::string(route.method),
                                    .path = filled(route.pattern),
                                    .body = "{}",
                                    .token = admin_,
                                    .content_type = type});
      EXPECT_EQ(reply.status, 415) << route.pattern << " " << type;
    }
  }
  EXPECT_EQ(ask({.method = "POST",
                 .path = "/v1/tenants",
                 .body = R"({"name":"x"})",
                 .token = admin_,
                 .content_type = "Application/JSON; charset=utf-8"})
                .status,
            201);
}

// ---- The audit of what is done ----

TEST_F(ApiTest, AChangeIsRecordedBeforeAndAfter) {
  const AdminReply made = post("/v1/tenants", R"({"name":"Acme","id":"acme"})");
  EXPECT_EQ(made.status, 201) << made.body;
  const auto records = audit_.take();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].outcome, "begun");
  EXPECT_EQ(records[1].outcome, "done");
  EXPECT_EQ(records[1].status, 201);
  EXPECT_EQ(records[1].target_key, "acme");
  EXPECT_EQ(records[1].tenant, "acme");
  EXPECT_EQ(records[0].request_id, records[1].request_id);
  for (const audit::Record& record : records) {
    EXPECT_EQ(record.kind, audit::RecordKind::Admin);
    EXPECT_EQ(record.agent, "admin-");
    EXPECT_FALSE(record.user_id.empty());
    EXPECT_EQ(record.method, "POST");
    EXPECT_EQ(record.path, "/v1/tenants");
    EXPECT_NE(record.target_metadata.find("127.0.0.1"), std::string::npos);
  }
  EXPECT_EQ(post("/v1/tenants", R"({"name":"Acme"})").status, 409);
  const auto failed = audit_.take();
  ASSERT_EQ(failed.size(), 2u);
  EXPECT_EQ(failed[1].outcome, "failed");
  EXPECT_EQ(get("/v1/tenants").status, 200);
  EXPECT_TRUE(audit_.take().empty());  // reading changes nothing
}

TEST_F(ApiTest, WithoutItsRecordNothingIsChanged) {
  audit_.set_keeps([](const audit::Record&) { return false; });
  AdminReply reply = post("/v1/tenants", R"({"name":"Acme"})");
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(code(reply), "audit_unavailable");
  EXPECT_EQ(count("SELECT COUNT(*) FROM tenant"), 1);

  audit_.set_keeps([](const audit::Record& record) { return record.outcome == "begun"; });
  reply = post("/v1/tenants", R"({"name":"Acme"})");
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(code(reply), "audit_unavailable");
  EXPECT_NE(reply.body.find("The change was made"), std::string::npos);
  EXPECT_EQ(count("SELECT COUNT(*) FROM tenant"), 2);

  audit_.set_keeps({});
  audit_.available_ = false;
  EXPECT_EQ(code(post("/v1/tenants", R"({"name":"B"})")), "audit_unavailable");
  EXPECT_EQ(count("SELECT COUNT(*) FROM tenant"), 2);
  EXPECT_EQ(get("/v1/tenants").status, 200);
}

TEST_F(ApiTest, AnAnswerWaitsUntilTheGatewayActsByIt) {
  std::mutex lock;
  std::vector<std::function<void(bool)>> waiting;
  hooks_.publish = [&](Changed changed, std::function<void(bool)> done) {
    EXPECT_EQ(changed, Changed::Directory);
    const std::scoped_lock guard(lock);
    waiting.push_back(std::move(done));
  };
  start();
  const auto wait_for = [&](std::size_t many) {
    for (int i = 0; i < 3'000; ++i) {
      {
        const std::scoped_lock guard(lock);
        if (waiting.size() == many) return true;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  };
  auto first =
      begin({.method = "POST", .path = "/v1/tenants", .body = R"({"name":"A"})", .token = admin_});
  ASSERT_TRUE(wait_for(1));
  EXPECT_NE(first.wait_for(std::chrono::seconds(0)), std::future_status::ready);
  waiting[0](true);
  EXPECT_EQ(first.get().status, 201);

  auto second =
      begin({.method = "POST", .path = "/v1/tenants", .body = R"({"name":"B"})", .token = admin_});
  ASSERT_TRUE(wait_for(2));
  waiting[1](false);
  const AdminReply reply = second.get();
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(code(reply), "not_in_force");
  EXPECT_EQ(audit_.take().back().status, 503);

  // Requests that wait are bounded.
  std::vector<std::future<AdminReply>> many;
  for (std::size_t i = 0; i < kInFlightMax; ++i) {
    many.push_back(begin({.method = "POST",
                          .path = "/v1/tenants",
                          .body = R"({"name":"n)" + std::to_string(i) + R"("})",
                          .token = admin_}));
  }
  ASSERT_TRUE(wait_for(2 + kInFlightMax));
  const AdminReply busy = get("/v1/tenants");
  EXPECT_EQ(busy.status, 503);
  EXPECT_NE(busy.fields.find("retry-after: 1\r\n"), std::string::npos);
  for (std::size_t i = 0; i < kInFlightMax; ++i) waiting[2 + i](true);
  for (auto& future : many) EXPECT_EQ(future.get().status, 201);
  waiting.clear();
  EXPECT_EQ(get("/v1/tenants").status, 200);
}

// ---- Whose is whose (T21) ----

TEST_F(ApiTest, OtherTenantsObjectsDoNotExist) {
  for (const char* id : {"a", "b"}) {
    ASSERT_TRUE(
        sql::is_done(store::create_tenant(*connection_, {.id = id, .name = id}, clock_.wall_ms())));
  }
  const std::string of_a = token("admin", "a"), of_b = token("admin", "b");
  const std::string mine = create_integration("mine", of_a, "a");
  const std::string key_id = [&] {
    const AdminReply keys =
        ask({.method = "GET", .path = "/v1/integrations/" + mine + "/keys", .token = of_a});
    return member(keys, "id");
  }();
  std::string secret_id;
  ASSERT_TRUE(sql::is_done(connection_->run(
      "SELECT id FROM secret", {}, [&](const sql::Row& row) { secret_id = row.text(0); })));
  ASSERT_EQ(ask({.method = "POST",
                 .path = "/v1/bindings",
                 .body = R"({"policy":"pii","target":")" + mine + R"("})",
                 .token = of_a})
                .status,
            201);
  ASSERT_EQ(ask({.method = "PUT",
                 .path = "/v1/policies/files/x.toml",
                 .body = R"({"source":"enabled = true"})",
                 .token = of_a})
                .status,
            201);
  std::string token_id;
  ASSERT_TRUE(sql::is_done(connection_->run("SELECT id FROM admin_token WHERE tenant_id = 'a'", {},
                                            [&](const sql::Row& row) { token_id = row.text(0); })));

  const Ask asks[] = {
      {.method = "GET", .path = "/v1/tenants/a"},
      {.method = "PATCH", .path = "/v1/tenants/a", .body = R"({"name":"stolen"})"},
      {.method = "GET", .path = "/v1/integrations/" + mine},
      {.method = "PATCH", .path = "/v1/integrations/" + mine, .body = R"({"name":"stolen"})"},
      {.method = "DELETE", .path = "/v1/integrations/" + mine},
      {.method = "GET", .path = "/v1/integrations/" + mine + "/keys"},
      {.method = "POST", .path = "/v1/integrations/" + mine + "/keys", .body = "{}"},
      {.method = "GET", .path = "/v1/keys/" + key_id},
      {.method = "POST", .path = "/v1/keys/" + key_id + "/rotate", .body = "{}"},
      {.method = "POST", .path = "/v1/keys/" + key_id + "/revoke", .body = "{}"},
      {.method = "PUT", .path = "/v1/secrets/" + secret_id, .body = R"({"value":"stolen"})"},
      {.method = "DELETE", .path = "/v1/secrets/" + secret_id},
      {.method = "POST",
       .path = "/v1/bindings",
       .body = R"({"policy":"x","target":")" + mine + R"("})"},
      {.method = "DELETE", .path = "/v1/bindings", .query = "policy=pii&target=" + mine},
      {.method = "DELETE", .path = "/v1/admin-tokens/" + token_id},
      {.method = "POST",
       .path = "/v1/admin-tokens",
       .body = R"({"name":"x","role":"admin","tenant":"a"})"},
      {.method = "POST",
       .path = "/v1/secrets",
       .body = R"({"name":"x","provider":"openai","value":"v","tenant":"a"})"},
      {.method = "POST",
       .path = "/v1/integrations",
       .body = R"({"name":"x","provider":"openai","provider_key":"v","tenant":"a"})"},
      {.method = "GET", .path = "/v1/policies/files", .query = "tenant=a"},
      {.method = "GET", .path = "/v1/policies/files/x.toml/revisions/1", .query = "tenant=a"},
      {.method = "POST",
       .path = "/v1/policies/files/x.toml/activate",
       .body = R"({"revision":1})",
       .query = "tenant=a"},
  };
  const AdminReply nothing =
      ask({.method = "GET", .path = "/v1/integrations/nobody", .token = of_b});
  ASSERT_EQ(nothing.status, 404);
  for (Ask request : asks) {
    SCOPED_TRACE(request.method + " " + request.path);
    audit_.take();
    request.token = of_b;
    const AdminReply reply = ask(request);
    EXPECT_EQ(reply.status, 404) << reply.body;
    EXPECT_EQ(reply.body, nothing.body);
    const auto records = audit_.take();
    ASSERT_FALSE(records.empty());
    EXPECT_EQ(records.back().outcome, "other_tenant");
    request.token = of_a;
    if (request.method == "GET") {
      EXPECT_EQ(ask(request).status, 200);
    }
  }
  // Lists hold what is one's own.
  for (const char* path :
       {"/v1/integrations", "/v1/secrets", "/v1/bindings", "/v1/policies/files"}) {
    EXPECT_EQ(ask({.method = "GET", .path = path, .token = of_b}).body,
              R"({"data":[],"next":null})")
        << path;
    EXPECT_NE(ask({.method = "GET", .path = path, .token = of_a}).body,
              R"({"data":[],"next":null})")
        << path;
  }
  const AdminReply tenants = ask({.method = "GET", .path = "/v1/tenants", .token = of_b});
  EXPECT_NE(tenants.body.find(R"("id":"b")"), std::string::npos);
  EXPECT_EQ(tenants.body.find(R"("id":"a")"), std::string::npos);
  // What acts everywhere is not theirs to bind.
  for (const char* target : {"root", "*"}) {
    EXPECT_EQ(ask({.method = "POST",
                   .path = "/v1/bindings",
                   .body = R"({"policy":"x","target":")" + std::string(target) + R"("})",
                   .token = of_b})
                  .status,
              403);
  }
  // A token of theirs makes tokens of theirs.
  const AdminReply made = ask({.method = "POST",
                               .path = "/v1/admin-tokens",
                               .body = R"({"name":"x","role":"admin"})",
                               .token = of_b});
  EXPECT_EQ(made.status, 201);
  EXPECT_EQ(member(made, "tenant"), "b");
}

// R36, promise 7: the key is in one answer and nowhere else.
TEST_F(ApiTest, SecretsAreInOneAnswerAndNoRecord) {
  const AdminReply made = post("/v1/integrations", R"({"name":"s","provider":"openai",)"
                                                   R"("provider_key":"sk-proj-CANARY0123456789"})");
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string key = member(made, "key"), id = member(made, "id");
  EXPECT_TRUE(key.starts_with("ag_live_"));
  EXPECT_EQ(member(made, "proxy_url"), "http://127.0.0.1:8000/v1/integrations/openai/proxy/" + id);
  EXPECT_NE(made.body.find("No binding names this integration"), std::string::npos);
  EXPECT_EQ(made.body.find("CANARY"), std::string::npos);
  for (const char* path : {"/v1/secrets", "/v1/integrations"}) {
    const AdminReply reply = get(path);
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.body.find("CANARY0"), std::string::npos);
    EXPECT_EQ(reply.body.find(key), std::string::npos);
  }
  const AdminReply keys = get("/v1/integrations/" + id + "/keys");
  EXPECT_EQ(keys.body.find(key), std::string::npos);
  EXPECT_NE(keys.body.find(key.substr(0, 12)), std::string::npos);  // its prefix
  EXPECT_EQ(member(get("/v1/secrets"), "hint"), "sk-proj-...");
  for (const audit::Record& record : audit_.take()) {
    const std::string line = to_json_line(record);
    EXPECT_EQ(line.find("CANARY0"), std::string::npos);
    EXPECT_EQ(line.find(key), std::string::npos);
    EXPECT_EQ(line.find(admin_), std::string::npos);
  }
}

TEST_F(ApiTest, WithoutADatabaseTheListenerAnswersAsItDid) {
  api_ = std::make_unique<Api>(Options{}, hooks_, nullptr, audit_, clock_);
  EXPECT_EQ(ask({.method = "GET", .path = "/health"}).status, 200);
  const AdminReply policies = ask({.method = "GET", .path = "/v1/policies"});
  EXPECT_EQ(policies.status, 200);
  EXPECT_TRUE(policies.body.starts_with(R"({"revision":"sha256:1")")) << policies.body;
  EXPECT_EQ(ask({.method = "GET", .path = "/v1/integrations"}).body, R"({"detail":"Not Found"})");
}

// The database breaks: what must work then does, for those who were known.
TEST_F(ApiTest, StatusIsToldWithoutTheDatabase) {
  EXPECT_EQ(get("/v1/status").status, 200);
  executor_.reset();
  executor_ = std::make_unique<sql::Executor>(
      sql::Target{.kind = sql::Kind::Sqlite, .location = "/nowhere/at/all.db"});
  start();
  const AdminReply unknown = get("/v1/status");
  EXPECT_EQ(unknown.status, 503);
  EXPECT_EQ(code(unknown), "database_unavailable");
}

}  // namespace
}  // namespace capsem::admin
