// Every bound of what the API takes, from both sides, and what becomes of the objects.
#include "server/store/policy_files.h"
#include "tests/unit/admin/api_fixture.h"

namespace capsem::admin {
namespace {

std::string times(std::size_t count, char c = 'x') {
  return std::string(count, c);
}

std::string globs(std::size_t count) {
  std::string list;
  for (std::size_t i = 0; i < count; ++i)
    list += (i == 0 ? "\"g" : ",\"g") + std::to_string(i) + "\"";
  return "[" + list + "]";
}

struct BodyCase {
  std::string members;  // beside those the request needs
  int status;
};

TEST_F(ApiTest, IntegrationsHaveBounds) {
  const BodyCase cases[] = {
      {R"("provider":"openai","provider_key":"k")", 201},
      {R"("provider":"gemini","provider_key":"k")", 201},
      {R"("provider":"anthropic","provider_key":"k")", 201},
      {R"("provider":"OpenAI","provider_key":"k")", 400},
      {R"("provider":"openai")", 400},
      {R"("provider":"openai","provider_key":"k","secret_id":"s")", 400},
      {R"("provider":"openai","provider_key":"")", 400},
      {R"("provider":"openai","provider_key":")" + times(4'096) + "\"", 201},
      {R"("provider":"openai","provider_key":")" + times(4'097) + "\"", 400},
      {R"("provider":"openai","provider_key":"a b")", 400},
      {R"("provider":"openai","provider_key":"k","tenant":"nobody")", 404},
      {R"("provider":"openai","provider_key":"k","agents":)" + globs(100), 201},
      {R"("provider":"openai","provider_key":"k","agents":)" + globs(101), 400},
      {R"("provider":"openai","provider_key":"k","models":[")" + times(200) + "\"]", 201},
      {R"("provider":"openai","provider_key":"k","models":[")" + times(201) + "\"]", 400},
      {R"("provider":"openai","provider_key":"k","policies":["[a"])", 400},
      {R"("provider":"openai","provider_key":"k","limits":{"requests_per_minute":1})", 201},
      {R"("provider":"openai","provider_key":"k","limits":{"tokens_per_day":1000000000000})", 201},
      {R"("provider":"openai","provider_key":"k","limits":{"tokens_per_day":1000000000001})", 400},
      {R"("provider":"openai","provider_key":"k","limits":{"tokens_per_day":0})", 400},
      {R"("provider":"openai","provider_key":"k","limits":{"tokens_per_day":"5"})", 400},
      {R"("provider":"openai","provider_key":"k","limits":{"tokens_per_week":5})", 400},
      {R"("provider":"openai","provider_key":"k","limits":[5])", 400},
      {R"("provider":"openai","provider_key":"k","evaluations_per_month":0)", 201},
      {R"("provider":"openai","provider_key":"k","evaluations_per_month":-1)", 400},
      {R"("provider":"openai","provider_key":"k","evaluations_per_month":null)", 201},
      {R"("provider":"openai","provider_key":"k","expires_at":"2100-01-01T00:00:00Z")", 201},
      {R"("provider":"openai","provider_key":"k","expires_at":"2000-01-01T00:00:00Z")", 400},
      {R"("provider":"openai","provider_key":"k","expires_at":"tomorrow")", 400},
      {R"("provider":"openai","provider_key":"k","base_url":"https://llm.example/v1")", 201},
      {R"("provider":"openai","provider_key":"k","base_url":"http://llm.example/v1")", 400},
      {R"("provider":"openai","provider_key":"k","base_url":"http://10.0.0.1","allow_private":true)",
       201},
      {R"("provider":"openai","provider_key":"k","base_url":"http://169.254.169.254","allow_private":true)",
       400},
      {R"("provider":"openai","provider_key":"k","allow_private":1)", 400},
      {R"("provider":"openai","provider_key":"k","state":"active")", 400},
  };
  int i = 0;
  for (const BodyCase& c : cases) {
    const std::string body = "{\"name\":\"n" + std::to_string(i++) + "\"," + c.members + "}";
    EXPECT_EQ(post("/v1/integrations", body).status, c.status) << body.substr(0, 200);
  }
  for (const auto& [length, status] :
       {std::pair<std::size_t, int>{0, 400}, {100, 201}, {101, 400}}) {
    EXPECT_EQ(post("/v1/integrations",
                   R"({"provider":"openai","provider_key":"k","name":")" + times(length) + "\"}")
                  .status,
              status);
  }
}

TEST_F(ApiTest, KeysAreMadeRotatedAndRevoked) {
  const std::string id = create_integration("a");
  const std::string keys = "/v1/integrations/" + id + "/keys";
  const AdminReply made = post(keys, R"({"name":"bot","limits":{"requests_per_minute":7}})");
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string key = member(made, "id");
  EXPECT_NE(made.body.find(R"("limits":{"requests_per_minute":7})"), std::string::npos);
  EXPECT_EQ(post(keys, "").status, 201);  // no body: no restrictions
  EXPECT_EQ(post("/v1/integrations/nobody/keys", "{}").status, 404);

  const std::string rotate = "/v1/keys/" + key + "/rotate";
  for (const char* bad : {R"({"overlap_s":-1})", R"({"overlap_s":2592001})", R"({"overlap_s":"1"})",
                          R"({"overlap":1})"}) {
    EXPECT_EQ(post(rotate, bad).status, 400) << bad;
  }
  const AdminReply fresh = post(rotate, R"({"overlap_s":2592000})");
  ASSERT_EQ(fresh.status, 201) << fresh.body;
  EXPECT_NE(member(fresh, "key"), member(made, "key"));
  EXPECT_NE(fresh.body.find(R"("limits":{"requests_per_minute":7})"), std::string::npos);
  EXPECT_EQ(post(rotate, "").status, 409);
  EXPECT_EQ(member(get("/v1/keys/" + key), "state"), "replaced");
  clock_.pass_ms(2'592'000'000);
  EXPECT_EQ(member(get("/v1/keys/" + key), "state"), "expired");

  const std::string fresh_id = member(fresh, "id");
  EXPECT_EQ(member(post("/v1/keys/" + fresh_id + "/revoke", "{}"), "state"), "revoked");
  EXPECT_EQ(post("/v1/keys/" + fresh_id + "/revoke", "").status, 200);  // and again
  EXPECT_EQ(post("/v1/keys/" + fresh_id + "/rotate", "").status, 409);
  EXPECT_EQ(post("/v1/keys/nobody/revoke", "").status, 404);
}

TEST_F(ApiTest, SecretsAreSealedOrNotTaken) {
  const AdminReply made =
      post("/v1/secrets", R"({"name":"s","provider":"openai","value":"sk-CANARY-0123456789"})");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.body.find("0123456789"), std::string::npos);
  EXPECT_EQ(post("/v1/secrets", R"({"name":"s","provider":"openai","value":"v"})").status, 409);
  const std::string path = "/v1/secrets/" + member(made, "id");
  EXPECT_EQ(
      ask({.method = "PUT", .path = path, .body = R"({"value":"w"})", .token = admin_}).status,
      200);
  EXPECT_EQ(ask({.method = "PUT", .path = path, .body = R"({})", .token = admin_}).status, 400);
  EXPECT_EQ(ask({.method = "DELETE", .path = path, .token = admin_}).status, 200);
  EXPECT_EQ(ask({.method = "DELETE", .path = path, .token = admin_}).status, 404);

  vault_ = std::make_shared<const vault::Vault>();  // no master key
  const AdminReply refused = post("/v1/secrets", R"({"name":"t","provider":"openai","value":"v"})");
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(code(refused), "no_master_key");
  EXPECT_EQ(count("SELECT COUNT(*) FROM secret"), 0);
}

TEST_F(ApiTest, BindingsNameWhatIsThere) {
  const std::string id = create_integration("a");
  const auto bind = [&](const std::string& policy, const std::string& target) {
    return post("/v1/bindings", R"({"policy":")" + policy + R"(","target":")" + target + "\"}");
  };
  AdminReply made = bind("pii", id);
  EXPECT_EQ(made.status, 201);
  EXPECT_NE(made.body.find(R"("warnings":[])"), std::string::npos);
  EXPECT_EQ(bind("pii", id).status, 200);
  made = bind("nothing-*", "*");
  EXPECT_EQ(made.status, 201);
  EXPECT_NE(made.body.find("No policy that is loaded"), std::string::npos);
  EXPECT_EQ(bind("[a", "root").status, 400);
  EXPECT_EQ(bind("", "root").status, 400);
  EXPECT_EQ(bind(times(200), "root").status, 201);
  EXPECT_EQ(bind(times(201), "root").status, 400);
  EXPECT_EQ(bind("pii", "nobody").status, 404);
  EXPECT_EQ(get("/v1/integrations/" + id).body.find("No binding"), std::string::npos);

  const auto unbind = [&](const std::string& query, const std::string& body = {}) {
    return ask({.method = "DELETE",
                .path = "/v1/bindings",
                .body = body,
                .query = query,
                .token = admin_})
        .status;
  };
  EXPECT_EQ(unbind("policy=pii"), 400);
  EXPECT_EQ(unbind("policy=pii&target=" + id, "{}"), 400);
  EXPECT_EQ(unbind(""), 400);
  EXPECT_EQ(unbind("policy=pii&target=" + id), 200);
  EXPECT_EQ(unbind("policy=pii&target=" + id), 404);
  EXPECT_EQ(unbind("", R"({"policy":"nothing-*","target":"*"})"), 200);
}

TEST_F(ApiTest, PolicyFilesAreCheckedKeptAndActivated) {
  std::vector<std::string> checked;
  std::mutex lock;
  hooks_.check_policy = [&](sql::Connection&,
                            const PolicyFile& file) -> Result<std::vector<std::string>> {
    const std::scoped_lock guard(lock);
    checked.emplace_back(file.source);
    if (file.source == "bad") return client_error("invalid_policy", "a.toml:1:1: x\na.toml:2:1: y");
    return std::vector<std::string>{"a warning"};
  };
  std::atomic<int> published = 0;
  hooks_.publish = [&](Changed changed, std::function<void(bool)> done) {
    EXPECT_EQ(changed, Changed::Policies);
    ++published;
    done(true);
  };
  start();
  const std::string file = "/v1/policies/files/a.toml";
  const auto put = [&](const std::string& source,
                       const std::string& path = "/v1/policies/files/a.toml") {
    return ask({.method = "PUT",
                .path = path,
                .body = R"({"source":")" + source + "\"}",
                .token = admin_});
  };
  const AdminReply bad = put("bad");
  EXPECT_EQ(bad.status, 422);
  EXPECT_EQ(bad.body, R"({"errors":[{"message":"a.toml:1:1: x","code":"invalid_policy"},)"
                      R"({"message":"a.toml:2:1: y","code":"invalid_policy"}]})");
  EXPECT_EQ(count("SELECT COUNT(*) FROM policy_revision"), 0);
  EXPECT_EQ(put("one").status, 201);
  EXPECT_EQ(put("one").status, 200);
  EXPECT_EQ(put("two").status, 201);
  EXPECT_EQ(put("x", "/v1/policies/files/.a.toml").status, 400);
  EXPECT_EQ(put("x", "/v1/policies/files/a.txt").status, 400);
  EXPECT_EQ(put("").status, 400);
  EXPECT_EQ(put(times(store::kPolicySourceBytesMax)).status, 201);
  EXPECT_EQ(put(times(store::kPolicySourceBytesMax + 1)).status, 400);
  EXPECT_EQ(published, 0);  // nothing acts yet

  const auto activate = [&](const std::string& revision) {
    return post(file + "/activate", R"({"revision":)" + revision + "}").status;
  };
  EXPECT_EQ(activate("2"), 200);
  EXPECT_EQ(published, 1);
  EXPECT_EQ(activate("2"), 200);
  EXPECT_EQ(published, 1);
  EXPECT_EQ(activate("1"), 200);
  EXPECT_EQ(published, 2);
  EXPECT_EQ(checked.back(), "one");  // what was sound once is checked again
  for (const char* wrong : {"0", "10001", "-1", "1.0", "\"1\""}) EXPECT_EQ(activate(wrong), 400);
  EXPECT_EQ(activate("4"), 404);
  EXPECT_EQ(post("/v1/policies/files/b.toml/activate", R"({"revision":1})").status, 404);
  EXPECT_EQ(post(file + "/deactivate", "").status, 200);
  EXPECT_EQ(published, 3);
  EXPECT_EQ(post("/v1/policies/files/b.toml/deactivate", "").status, 404);

  EXPECT_EQ(member(get(file + "/revisions/1"), "source"), "one");
  for (const char* n : {"0", "4", "x", "-1", "1x", "99999999999999999999"}) {
    EXPECT_EQ(get(file + "/revisions/" + n).status, 404) << n;
  }
  const AdminReply page = get(file + "/revisions", "limit=2");
  EXPECT_EQ(member(page, "next"), "2") << page.body;
  EXPECT_EQ(member(get(file + "/revisions", "limit=2&cursor=2"), "digest").size(), 71u);
}

TEST_F(ApiTest, AdminTokensEndWhenTheyAreRevoked) {
  const AdminReply made = post("/v1/admin-tokens", R"({"name":"t","role":"auditor"})");
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string token = member(made, "token"), id = member(made, "id");
  EXPECT_TRUE(token.starts_with("ag_admin_"));
  EXPECT_EQ(ask({.method = "GET", .path = "/v1/status", .token = token}).status, 200);
  EXPECT_EQ(get("/v1/admin-tokens").body.find(token), std::string::npos);
  const auto revoke = [&](const std::string& which) {
    return ask({.method = "DELETE", .path = "/v1/admin-tokens/" + which, .token = admin_});
  };
  EXPECT_EQ(revoke(id).status, 200);
  EXPECT_EQ(ask({.method = "GET", .path = "/v1/status", .token = token}).status, 401);
  EXPECT_EQ(revoke(id).status, 200);
  EXPECT_EQ(revoke("nobody").status, 404);
  // The last one that may do everything stays.
  std::string last;
  ASSERT_TRUE(sql::is_done(connection_->run("SELECT id FROM admin_token WHERE role = 'admin'", {},
                                            [&](const sql::Row& row) { last = row.text(0); })));
  EXPECT_EQ(revoke(last).status, 409);
  for (const char* bad : {R"({"name":"t"})", R"({"role":"admin"})", R"({"name":"t","role":"root"})",
                          R"({"name":"t","role":"admin","expires_at":"2000-01-01T00:00:00Z"})"}) {
    EXPECT_EQ(post("/v1/admin-tokens", bad).status, 400) << bad;
  }
}

TEST_F(ApiTest, TheVaultIsSealedAndOpened) {
  EXPECT_EQ(post("/v1/vault/seal", "").status, 501);
  bool sealed = false;
  hooks_.seal = [&]() -> Status {
    sealed = true;
    return {};
  };
  hooks_.unseal = [&]() -> Status {
    if (!sealed) return gateway_error("no_master_key", "The key file is gone");
    sealed = false;
    return {};
  };
  hooks_.rewrap = [](sql::Connection&) -> Result<std::uint64_t> { return 3; };
  start();
  EXPECT_EQ(post("/v1/vault/seal", "{}").body, R"({"data":{"sealed":true}})");
  EXPECT_EQ(post("/v1/vault/unseal", R"({"master_key":"x"})").status, 400);
  EXPECT_EQ(post("/v1/vault/unseal", "").body, R"({"data":{"sealed":false}})");
  EXPECT_EQ(post("/v1/vault/unseal", "").status, 503);
  EXPECT_EQ(post("/v1/vault/rewrap", "").body, R"({"data":{"rewrapped":3}})");
}

}  // namespace
}  // namespace capsem::admin
