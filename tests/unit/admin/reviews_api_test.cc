// R49-R51, T20, T21: reviews and violations as administrators see and move them.
#include "server/admin/reviews_api.h"

#include "server/admin/violations_api.h"
#include "tests/unit/admin/api_fixture.h"

namespace capsem::admin {
namespace {

class ReviewsApi : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    store::ApprovalOptions options;
    options.ttl_ms = 10'000;
    options.poll_ms = 3'600'000;
    options.vault = [this] { return vault_; };
    options.preview = [](const tenant::ApprovalQuestion&) { return R"([{"text":"seen"}])"; };
    reviews_ = std::make_unique<store::StoredApprovals>(std::move(options), *executor_, clock_);
    add_review_routes(api_->router(), *reviews_);
    add_violation_routes(api_->router());
  }
  void TearDown() override {
    reviews_->stop();
    ApiTest::TearDown();
  }

  std::string hold(const std::string& digest, const std::string& tenant = "default") {
    tenant::ApprovalQuestion question;
    question.tenant = tenant;
    question.integration = "int-1";
    question.caller = "key-1";
    question.digest = digest;
    question.revision = "sha256:1";
    question.run_id = "run-" + digest;
    std::promise<std::string> told;
    auto id = told.get_future();
    reviews_->ask(std::move(question),
                  [&](tenant::ApprovalAnswer answer) { told.set_value(answer.review_id); });
    return id.get();
  }
  AdminReply as(const std::string& with_token, const std::string& method, const std::string& path,
                const std::string& body = {}) {
    return ask({.method = method, .path = path, .body = body, .token = with_token});
  }
  void violation(const std::string& id, const std::string& tenant, const std::string& policy) {
    ASSERT_TRUE(sql::is_done(connection_->run(
        "INSERT INTO violation (id, tenant_id, integration_id, run_id, review_id, policy, rule, "
        "rule_name, type, severity, message, enforcement, phase, field, time_ms, status, "
        "resolution, note, changed_by) VALUES ($1, $2, '', 'run-1', '', $3, 'EMAIL', '', 'pii', "
        "'HIGH', 'm', 'WARN', 'input', '', $4, 'NEW', '', '', '')",
        {id, tenant, policy, clock_.wall_ms()})));
  }

  std::unique_ptr<store::StoredApprovals> reviews_;
};

TEST_F(ReviewsApi, ADecisionIsMadeOnceAndRecorded) {
  const std::string id = hold("1"), path = "/v1/reviews/" + id;
  audit_.take();
  const AdminReply approved =
      as(token("reviewer"), "POST", path + "/approve", R"({"note":"fine\nby me"})");
  EXPECT_EQ(approved.status, 200) << approved.body;
  EXPECT_EQ(member(approved, "status"), "APPROVED");
  EXPECT_EQ(member(approved, "decided_by"), "reviewer-");
  EXPECT_EQ(member(approved, "note"), "fine\\nby me");
  EXPECT_EQ(audit_.take().size(), 2u);  // before, and with its outcome
  for (const char* word : {"/approve", "/reject"}) {
    const AdminReply again = post(path + word, "{}");
    EXPECT_EQ(again.status, 409);
    EXPECT_EQ(code(again), "conflict");
  }
  EXPECT_EQ(member(get(path), "status"), "APPROVED");
  const std::string other = "/v1/reviews/" + hold("2");
  EXPECT_EQ(member(post(other + "/reject", ""), "status"), "REJECTED");
}

TEST_F(ReviewsApi, WithoutItsRecordNothingIsDecided) {  // promise 3
  const std::string path = "/v1/reviews/" + hold("1");
  audit_.set_keeps([](const audit::Record&) { return false; });
  EXPECT_EQ(post(path + "/approve", "{}").status, 503);
  audit_.set_keeps({});
  EXPECT_EQ(member(get(path), "status"), "PENDING");
}

TEST_F(ReviewsApi, NotesHaveALimit) {  // from both sides
  const std::string path = "/v1/reviews/" + hold("1");
  const auto with_note = [&](std::size_t bytes) {
    return post(path + "/approve", R"({"note":")" + std::string(bytes, 'x') + "\"}").status;
  };
  EXPECT_EQ(with_note(1'001), 400);
  EXPECT_EQ(post(path + "/approve", R"({"comment":"x"})").status, 400);
  EXPECT_EQ(post(path + "/approve", R"({"note":1})").status, 400);
  EXPECT_EQ(with_note(1'000), 200);
}

TEST_F(ReviewsApi, WhatIsOverCannotBeDecided) {
  const std::string path = "/v1/reviews/" + hold("1");
  clock_.pass_ms(10'000);
  EXPECT_EQ(member(get(path), "status"), "EXPIRED");
  EXPECT_EQ(post(path + "/approve", "{}").status, 409);
  EXPECT_EQ(member(get(path), "status"), "EXPIRED");
}

TEST_F(ReviewsApi, OthersReviewsDoNotExist) {  // T21
  ASSERT_EQ(post("/v1/tenants", R"({"id":"other","name":"Other"})").status, 201);
  const std::string id = hold("1"), path = "/v1/reviews/" + id;
  const std::string foreign = token("admin", "other"), own = token("admin", "default");
  audit_.take();
  EXPECT_EQ(as(foreign, "GET", path).body, as(foreign, "GET", "/v1/reviews/none").body);
  EXPECT_EQ(as(foreign, "GET", path).status, 404);
  EXPECT_FALSE(audit_.take().empty());  // the attempt is an event
  EXPECT_EQ(as(foreign, "POST", path + "/approve", "{}").status, 404);
  EXPECT_EQ(as(foreign, "GET", "/v1/reviews").body, R"({"data":[],"next":null})");
  EXPECT_EQ(as(own, "GET", path).status, 200);
  EXPECT_EQ(member(as(own, "GET", "/v1/reviews"), "id"), id);
  EXPECT_EQ(as(own, "POST", path + "/approve", "{}").status, 200);
}

TEST_F(ReviewsApi, PreviewsAreForThoseWhoMaySeeContent) {
  const std::string path = "/v1/reviews/" + hold("1");
  const std::string shown = R"("preview":[{"text":"seen"}])";
  for (const char* role : {"admin", "reviewer", "auditor"}) {
    EXPECT_NE(as(token(role), "GET", path).body.find(shown), std::string::npos) << role;
  }
  const AdminReply reply = as(token("read-only"), "GET", path);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body.find("seen"), std::string::npos);
  EXPECT_EQ(get("/v1/reviews").body.find("seen"), std::string::npos);
}

TEST_F(ReviewsApi, ListsComeInPagesAndByStatus) {
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) {
    ids.push_back(hold(std::to_string(i)));
    clock_.pass_ms(1);
  }
  ASSERT_EQ(post("/v1/reviews/" + ids[0] + "/approve", "{}").status, 200);
  const AdminReply first = get("/v1/reviews", "limit=2");
  EXPECT_EQ(member(first, "id"), ids[2]);
  EXPECT_EQ(first.body.find(ids[0]), std::string::npos);
  const AdminReply next = get("/v1/reviews", "limit=2&cursor=" + member(first, "next"));
  EXPECT_EQ(member(next, "id"), ids[0]);
  EXPECT_EQ(member(next, "next"), "");
  EXPECT_EQ(member(get("/v1/reviews", "status=APPROVED"), "id"), ids[0]);
  EXPECT_EQ(member(get("/v1/reviews", "run_id=run-1"), "id"), ids[1]);
  EXPECT_EQ(get("/v1/reviews", "status=approved").status, 400);
}

TEST_F(ReviewsApi, ViolationsGoThroughTheirLife) {  // R51
  violation("v1", "default", "pii");
  const auto step = [&](const std::string& word, const std::string& body) {
    return post("/v1/violations/v1/" + word, body);
  };
  EXPECT_EQ(step("resolve", R"({"type":"fixed"})").status, 409);
  EXPECT_EQ(member(step("acknowledge", ""), "status"), "ACKNOWLEDGED");
  EXPECT_EQ(step("acknowledge", "").status, 409);
  EXPECT_EQ(step("resolve", "{}").status, 400);
  EXPECT_EQ(step("dismiss", R"({"reason":""})").status, 400);
  const AdminReply done = step("resolve", R"({"type":"fixed","note":"told them"})");
  EXPECT_EQ(member(done, "status"), "RESOLVED");
  EXPECT_EQ(member(done, "resolution"), "fixed");
  EXPECT_EQ(member(done, "note"), "told them");
  EXPECT_EQ(member(done, "changed_by"), "admin-");
  EXPECT_EQ(step("dismiss", R"({"reason":"late"})").status, 409);
}

TEST_F(ReviewsApi, ViolationsAreFilteredAndTheirTenants) {  // T21
  ASSERT_EQ(post("/v1/tenants", R"({"id":"other","name":"Other"})").status, 201);
  violation("v1", "default", "pii");
  violation("v2", "other", "secrets");
  const std::string foreign = token("reviewer", "other");
  EXPECT_EQ(as(foreign, "GET", "/v1/violations/v1").status, 404);
  EXPECT_EQ(as(foreign, "POST", "/v1/violations/v1/acknowledge").status, 404);
  EXPECT_EQ(member(as(foreign, "GET", "/v1/violations"), "id"), "v2");
  EXPECT_EQ(member(get("/v1/violations", "policy=pii"), "id"), "v1");
  EXPECT_EQ(member(get("/v1/violations", "tenant=other"), "id"), "v2");
  EXPECT_EQ(member(get("/v1/violations", "severity=high&policy=pii"), "id"), "v1");
  EXPECT_EQ(get("/v1/violations", "severity=LOW").body, R"({"data":[],"next":null})");
  EXPECT_EQ(get("/v1/violations", "from=2027-01-01T00:00:00Z").body, R"({"data":[],"next":null})");
  EXPECT_EQ(get("/v1/violations", "until=yesterday").status, 400);
  EXPECT_EQ(get("/v1/violations", "colour=red").status, 400);
  EXPECT_EQ(as(token("read-only"), "POST", "/v1/violations/v1/acknowledge").status, 403);
}

}  // namespace
}  // namespace capsem::admin
