// A review desk on a database of either kind, and what tests ask it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/unit/store/approvals_fixture.h"

namespace capsem::store {

class ADesk : public StoreDatabase {
 protected:
  void SetUp() override {
    StoreDatabase::SetUp();
    if (!IsSkipped()) restart();
  }
  // As a gateway that begins anew: nothing is remembered but what the database says.
  void restart(std::shared_ptr<const vault::Vault> vault = a_vault()) {
    options_ = options_with(std::move(vault));
    options_.ttl_ms = 10'000;
    options_.pending_max = 5;
    options_.answer_bytes_max = 100;
    desk_ = std::make_unique<ReviewDesk>(options_, clock_);
    refresh();
  }
  void refresh() { ASSERT_TRUE(is_done(desk_->refresh(*connection_))); }

  tenant::ApprovalAnswer ask(const tenant::ApprovalQuestion& question) {
    auto answer = desk_->ask(*connection_, question);
    EXPECT_TRUE(is_done(answer));
    return answer ? std::move(*answer) : tenant::ApprovalAnswer{};
  }
  std::string asked(const tenant::ApprovalQuestion& question) { return word(ask(question).kind); }
  std::string found(const tenant::ApprovalQuestion& question) {
    const auto answer = desk_->find_answer(*connection_, question);
    EXPECT_TRUE(is_done(answer));
    return answer && *answer ? word((*answer)->kind) : "nothing";
  }
  std::string decide(const std::string& id, bool approved) {
    return code_of(desk_->decide(*connection_, id, approved, "ann", "a note"));
  }
  std::string status(const std::string& id) {
    const auto review = find_review(*connection_, id);
    EXPECT_TRUE(is_done(review));
    return review && *review ? std::string(to_string(desk_->status_now(**review))) : "none";
  }
  // Opens a review and approves it.
  std::string approved(const tenant::ApprovalQuestion& question) {
    const auto answer = ask(question);
    EXPECT_EQ(word(answer.kind), "held");
    EXPECT_EQ(decide(answer.review_id, true), "");
    return answer.review_id;
  }
  std::vector<std::string> queued(std::string_view url) {
    std::vector<std::string> events;
    EXPECT_TRUE(is_done(connection_->run(
        "SELECT event, body FROM outbox WHERE url = $1 ORDER BY created_ms, event", {url},
        [&](const sql::Row& row) {
          events.emplace_back(row.text(0));
          EXPECT_EQ(row.text(1).find("unreleased"), std::string_view::npos) << row.text(1);
        })));
    return events;
  }

  ApprovalOptions options_;
  std::unique_ptr<ReviewDesk> desk_;
};
}  // namespace capsem::store
