#include "server/store/reviews.h"

#include <array>

#include "server/store/meta.h"
#include "tests/unit/store/store_database.h"

namespace capsem::store {
namespace {

using enum ReviewStatus;

Review a_review(std::string id, std::string digest = "d") {
  Review review;
  review.id = std::move(id);
  review.tenant = "default";
  review.integration = "int-1";
  review.caller = "key-1";
  review.route = "chat";
  review.digest = std::move(digest);
  review.revision = "sha256:1";
  review.run_id = "run-1";
  review.violations = "[]";
  review.created_ms = 1'000;
  review.expires_ms = 901'000;
  return review;
}

class Reviews : public StoreDatabase {
 protected:
  void insert(const Review& review, const ReviewContent& content = {}) {
    const auto made = insert_review(*connection_, review, content);
    ASSERT_TRUE(is_done(made));
    ASSERT_TRUE(*made);
  }
  Review found(std::string_view id) {
    auto review = find_review(*connection_, id);
    EXPECT_TRUE(is_done(review));
    return review && *review ? **review : Review{};
  }
  // A review brought to a state by the steps that lead there.
  void bring(const std::string& id, ReviewStatus status) {
    insert(a_review(id, "digest of " + id));
    const auto step = [](Result<bool> made) { ASSERT_TRUE(made && *made); };
    if (status == Approved || status == Consumed) {
      step(decide_review(*connection_, id, true, "ann", "", 2'000));
    }
    if (status == Consumed) step(consume_review(*connection_, id, 3'000, "run-2"));
    if (status == Rejected) step(decide_review(*connection_, id, false, "ann", "", 2'000));
    if (status == Expired) step(expire_review(*connection_, id));
    if (status == Withdrawn) step(withdraw_review(*connection_, id));
    ASSERT_EQ(found(id).status, status);
  }
};
CAPSEM_ON_BOTH_DATABASES(Reviews);

// Every state with every step: where it leads, or that it does not.
TEST_P(Reviews, MoveOnlyWhereTheirStateAllows) {
  struct Step {
    std::string_view name;
    std::function<Result<bool>(const std::string&)> take;
    std::array<std::optional<ReviewStatus>, 6> leads_to;  // by ReviewStatus; empty: nowhere
  };
  constexpr auto no = std::nullopt;
  auto& db = *connection_;
  const Step steps[] = {
      // from: Pending, Approved, Rejected, Expired, Consumed, Withdrawn
      {"approve",
       [&](auto& id) { return decide_review(db, id, true, "bob", "fine", 5'000); },
       {Approved, no, no, no, no, no}},
      {"reject",
       [&](auto& id) { return decide_review(db, id, false, "bob", "never", 5'000); },
       {Rejected, no, no, no, no, no}},
      {"consume",
       [&](auto& id) { return consume_review(db, id, 6'000, "run-9"); },
       {no, Consumed, no, no, no, no}},
      {"expire",
       [&](auto& id) { return expire_review(db, id); },
       {Expired, Expired, no, no, no, no}},
      {"withdraw",
       [&](auto& id) { return withdraw_review(db, id); },
       {Withdrawn, no, no, no, no, no}},
      {"supersede",
       [&](auto& id) { return supersede_review(db, id); },
       {Withdrawn, Withdrawn, no, no, no, no}},
      {"attach",
       [&](auto& id) { return attach_to_review(db, id, {}); },
       {Pending, no, no, no, no, no}},
  };
  constexpr ReviewStatus kAll[] = {Pending, Approved, Rejected, Expired, Consumed, Withdrawn};
  for (const Step& step : steps) {
    for (const ReviewStatus from : kAll) {
      SCOPED_TRACE(testing::Message() << step.name << " from " << to_string(from));
      const std::string id = std::string(step.name).append(" ").append(to_string(from));
      bring(id, from);
      const auto to = step.leads_to[static_cast<std::size_t>(from)];
      const auto made = step.take(id);
      ASSERT_TRUE(is_done(made));
      EXPECT_EQ(*made, to.has_value());
      EXPECT_EQ(found(id).status, to.value_or(from));
    }
  }
}

TEST_P(Reviews, KeepWhoDecidedAndWhoConsumed) {
  bring("r", Pending);
  ASSERT_TRUE(is_done(decide_review(*connection_, "r", true, "ann", "go on", 5'000)));
  ASSERT_TRUE(is_done(consume_review(*connection_, "r", 6'000, "run-2")));
  const Review review = found("r");
  EXPECT_EQ(review.decided_by, "ann");
  EXPECT_EQ(review.note, "go on");
  EXPECT_EQ(review.decided_ms, 5'000);
  EXPECT_EQ(review.consumed_ms, 6'000);
  EXPECT_EQ(review.consumed_run_id, "run-2");
}

TEST_P(Reviews, OneIsOpenForADigestARevisionAndAPhase) {
  insert(a_review("1"));
  const auto open_again = [&](Review review) {
    const auto made = insert_review(*connection_, review, {});
    EXPECT_TRUE(is_done(made));
    return made && *made;
  };
  EXPECT_FALSE(open_again(a_review("2")));
  Review other = a_review("3");
  other.phase = event::Phase::Response;
  EXPECT_TRUE(open_again(other));
  other = a_review("4");
  other.revision = "sha256:2";
  EXPECT_TRUE(open_again(other));
  ASSERT_TRUE(is_done(expire_review(*connection_, "1")));
  EXPECT_TRUE(open_again(a_review("5")));
}

TEST_P(Reviews, OneThatOthersAttachedToIsNotWithdrawn) {  // T12
  insert(a_review("1"));
  ASSERT_TRUE(is_done(attach_to_review(*connection_, "1", {"https://a.example/", "b"})));
  const auto withdrawn = withdraw_review(*connection_, "1");
  ASSERT_TRUE(is_done(withdrawn));
  EXPECT_FALSE(*withdrawn);
  EXPECT_EQ(found("1").attached, 1);
  EXPECT_EQ(found("1").callbacks, (std::vector<std::string>{"https://a.example/", "b"}));
}

// What is kept for the retry and for the reviewer goes when it is needed no longer.
TEST_P(Reviews, ContentGoesWithTheEndOfAReview) {
  const ReviewContent content{.preview = "[1]",
                              .preview_sealed = true,
                              .answer = std::string("\0\xff sealed", 9),
                              .answer_head = R"({"status":200})"};
  const auto kept = [&](std::string_view id) {
    const auto now = content_of_review(*connection_, id);
    EXPECT_TRUE(is_done(now));
    return std::pair(now->preview, now->answer);
  };
  const std::pair<std::string, std::string> all{content.preview, content.answer}, none;
  const auto fresh = [&](const std::string& id) {
    insert(a_review(id, id), content);
    EXPECT_EQ(kept(id), all);
    EXPECT_TRUE(found(id).has_answer);
    return std::string_view(id);
  };
  ASSERT_TRUE(is_done(decide_review(*connection_, fresh("1"), false, "", "", 1)));
  EXPECT_EQ(kept("1"), none);
  ASSERT_TRUE(is_done(expire_review(*connection_, fresh("2"))));
  EXPECT_EQ(kept("2"), none);
  ASSERT_TRUE(is_done(withdraw_review(*connection_, fresh("3"))));
  EXPECT_EQ(kept("3"), none);
  ASSERT_TRUE(is_done(decide_review(*connection_, fresh("4"), true, "", "", 1)));
  EXPECT_EQ(kept("4"), all);
  ASSERT_TRUE(is_done(consume_review(*connection_, "4", 1, "")));
  EXPECT_EQ(kept("4"), none);
}

TEST_P(Reviews, AreListedNewestFirstPageByPage) {
  for (int i = 0; i < 7; ++i) {
    Review review = a_review("r" + std::to_string(i), std::to_string(i));
    review.created_ms = 1'000 + i / 2;  // some share their time
    if (i == 3) review.tenant = "other";
    insert(review);
  }
  std::string seen;
  ReviewFilter filter{.tenant = "default", .limit = 2};
  for (;;) {
    const auto page = list_reviews(*connection_, filter);
    ASSERT_TRUE(is_done(page));
    if (page->empty()) break;
    for (const Review& review : *page) seen += review.id + " ";
    filter.before_ms = page->back().created_ms;
    filter.before_id = page->back().id;
  }
  EXPECT_EQ(seen, "r6 r5 r4 r2 r1 r0 ");
  ASSERT_TRUE(is_done(expire_review(*connection_, "r1")));
  const auto expired = list_reviews(*connection_, {.status = "EXPIRED"});
  ASSERT_TRUE(is_done(expired));
  ASSERT_EQ(expired->size(), 1u);
  EXPECT_EQ((*expired)[0].id, "r1");
  const auto pending = count_pending(*connection_, "default");
  ASSERT_TRUE(is_done(pending));
  EXPECT_EQ(*pending, 5u);
}

}  // namespace
}  // namespace capsem::store
