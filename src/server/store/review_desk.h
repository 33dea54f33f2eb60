// What approvals are on a connection: each call is one step of the database, whatever other
// gateways do meanwhile. approvals.h adds the threads.
//
// Blocking; on one thread. Errors are the connection's and the vault's; nothing has changed then.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "server/store/approvals.h"
#include "server/store/open_answers.h"
#include "server/store/review_lifetimes.h"
#include "server/store/review_texts.h"
#include "server/store/reviews.h"

namespace capsem::store {

class ReviewDesk {
 public:
  // The clock outlives the desk.
  ReviewDesk(const ApprovalOptions& options, const Clock& clock)
      : options_(options), clock_(clock), lifetimes_(clock) {}

  Result<tenant::ApprovalAnswer> ask(sql::Connection& connection,
                                     const tenant::ApprovalQuestion& question);
  Result<std::optional<tenant::ApprovalAnswer>> find_answer(
      sql::Connection& connection, const tenant::ApprovalQuestion& question);
  Status withdraw(sql::Connection& connection, std::string_view id);
  Result<Review> decide(sql::Connection& connection, std::string_view id, bool approved,
                        std::string_view by, std::string_view note);

  ReviewStatus status_now(const Review& review);
  Result<std::string> preview_of(sql::Connection& connection, const Review& review) const;

  // Sees what other gateways changed and ends what is over. Cheap when there is nothing.
  Status refresh(sql::Connection& connection);

  // These two: any thread.
  const OpenAnswers& open_answers() const { return open_answers_; }
  std::uint64_t pending() const { return pending_.load(std::memory_order_relaxed); }

 private:
  using Answer = tenant::ApprovalAnswer;
  using Question = tenant::ApprovalQuestion;

  struct Search {
    const Question& question;
    std::string digest;  // keyed
    Rules rules;         // that want approval now
    bool opens = true;   // false: only a review of an answer counts, and none is opened
  };

  Result<std::string> keyed_digest(sql::Connection& connection, const Question& question);
  Result<std::optional<Answer>> settle(sql::Connection& connection, const Search& search);
  Result<std::optional<Answer>> use(sql::Connection& connection, const Search& search,
                                    const Review& review);
  Result<std::optional<Answer>> grant(sql::Connection& connection, const Search& search,
                                      const Review& review);
  Result<std::optional<Answer>> open(sql::Connection& connection, const Search& search,
                                     const std::vector<Review>& matching);
  bool covers(const Review& review, const Search& search) const;
  Status expire(sql::Connection& connection, Review review);
  Status tell(sql::Connection& connection, std::string_view event, const Review& review);
  Result<std::string> sealed(const vault::Vault& vault, const Question& question,
                             std::string_view id) const;
  std::string shown(const vault::Vault* vault, const Question& question, std::string_view id,
                    bool& is_sealed) const;
  Status reload(sql::Connection& connection);

  const ApprovalOptions& options_;
  const Clock& clock_;
  ReviewLifetimes lifetimes_;
  OpenAnswers open_answers_;
  std::string pepper_;  // read once
  std::int64_t seen_version_ = -1;
  std::vector<Review> open_;  // as of seen_version_
  std::atomic<std::uint64_t> pending_{0};
};

}  // namespace capsem::store
