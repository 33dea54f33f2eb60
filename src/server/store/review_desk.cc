#include "server/store/review_desk.h"

#include <algorithm>
#include <array>
#include <unordered_set>

#include "server/store/meta.h"
#include "server/store/outbox.h"
#include "server/tenant/token.h"

namespace capsem::store {
namespace {

using Kind = tenant::ApprovalAnswer::Kind;

// Each further round is needed only when another gateway was quicker in the round before.
constexpr int kRoundsMax = 8;
constexpr std::size_t kCallbacksMax = 16;
constexpr std::string_view kAnswerPlace = "review", kPreviewPlace = "review-preview";
constexpr std::string_view kDigestPurpose = "review";

std::string to_hex(const tenant::Mac& mac) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : mac) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

bool includes(const Rules& all, const Rules& some) {
  return std::ranges::includes(all, some);
}

}  // namespace

Result<std::string> ReviewDesk::keyed_digest(sql::Connection& connection,
                                             const Question& question) {
  std::string text = question.tenant;
  text.append(1, '\0').append(question.caller).append(1, '\0').append(question.digest);
  const auto vault = options_.vault();
  if (vault != nullptr && vault->has_key()) return vault->keyed_digest(kDigestPurpose, text);
  if (pepper_.empty()) {
    auto pepper = pepper_of(connection);
    if (!pepper) return std::unexpected(pepper.error());
    pepper_ = std::move(*pepper);
  }
  return to_hex(tenant::mac_of(text, pepper_));
}

Result<tenant::ApprovalAnswer> ReviewDesk::ask(sql::Connection& connection,
                                               const Question& question) {
  const auto digest = keyed_digest(connection, question);
  if (!digest) return std::unexpected(digest.error());
  const Search search{
      .question = question, .digest = *digest, .rules = rules_of(question.decisions)};
  for (int round = 0; round < kRoundsMax; ++round) {
    auto answer = settle(connection, search);
    if (!answer) return std::unexpected(answer.error());
    if (*answer) return std::move(**answer);
  }
  return gateway_error("store_busy", "other gateways keep changing this review");
}

Result<std::optional<tenant::ApprovalAnswer>> ReviewDesk::find_answer(sql::Connection& connection,
                                                                      const Question& question) {
  const auto digest = keyed_digest(connection, question);
  if (!digest) return std::unexpected(digest.error());
  const auto matching = matching_reviews(connection, *digest, question.revision);
  if (!matching) return std::unexpected(matching.error());
  const bool any = std::ranges::any_of(
      *matching, [](const Review& review) { return review.phase == event::Phase::Response; });
  if (!any) return std::nullopt;
  const Search search{.question = question, .digest = *digest, .rules = {}, .opens = false};
  return settle(connection, search);
}

// One transaction. Nothing: another gateway was quicker, or, for a search that opens none, there is
// no review.
Result<std::optional<tenant::ApprovalAnswer>> ReviewDesk::settle(sql::Connection& connection,
                                                                 const Search& search) {
  std::optional<Answer> answer;
  const auto done = sql::in_transaction(connection, [&]() -> Status {
    if (auto ok = lock_reviews(connection); !ok) return ok;
    auto matching = matching_reviews(connection, search.digest, search.question.revision);
    if (!matching) return std::unexpected(matching.error());
    // Answers first; among equals what lets go on, then what waits, then what was refused.
    std::ranges::stable_sort(*matching, {}, [](const Review& review) {
      return std::pair(review.phase == event::Phase::Request,
                       review.status == ReviewStatus::Approved  ? 0
                       : review.status == ReviewStatus::Pending ? 1
                                                                : 2);
    });
    std::vector<Review> alive;
    for (const Review& review : *matching) {
      if (!lifetimes_.over(review)) {
        alive.push_back(review);
      } else if (is_open(review.status)) {
        if (auto ok = expire(connection, review); !ok) return ok;
      }
    }
    for (const Review& review : alive) {
      if (!covers(review, search)) continue;
      auto used = use(connection, search, review);
      if (!used) return std::unexpected(used.error());
      answer = std::move(*used);
      return {};
    }
    if (!search.opens) return {};
    auto opened = open(connection, search, alive);
    if (!opened) return std::unexpected(opened.error());
    answer = std::move(*opened);
    return {};
  });
  if (!done) return std::unexpected(done.error());
  if (options_.changed) options_.changed();
  return answer;
}

// Does what a person was shown include what wants approval now? An answer that is kept is given as
// it was shown; what is to be made again may not contain more than that.
bool ReviewDesk::covers(const Review& review, const Search& search) const {
  if (review.phase == event::Phase::Response) {
    const bool for_answer = search.opens && search.question.phase == event::Phase::Response;
    const bool decides_now = review.status == ReviewStatus::Pending || review.has_answer;
    return !for_answer || decides_now || includes(rules_of_json(review.violations), search.rules);
  }
  return search.opens && search.question.phase == event::Phase::Request &&
         includes(rules_of_json(review.violations), search.rules);
}

Result<std::optional<tenant::ApprovalAnswer>> ReviewDesk::use(sql::Connection& connection,
                                                              const Search& search,
                                                              const Review& review) {
  Answer answer;
  answer.review_id = review.id;
  answer.violations = rules_of_json(review.violations).size();
  const bool made_again = search.opens && search.question.phase == event::Phase::Response;
  if (review.status == ReviewStatus::Approved && review.has_answer && made_again) {
    // The answer that was approved is another one, made for the same request; a retry receives it.
    answer.kind = Kind::Held;
    return answer;
  }
  if (review.status == ReviewStatus::Approved) return grant(connection, search, review);
  if (review.status == ReviewStatus::Rejected) {
    answer.kind = Kind::Rejected;
    return answer;
  }
  std::vector<std::string> callbacks = review.callbacks;
  const std::string& url = search.question.callback_url;
  if (!url.empty() && callbacks.size() < kCallbacksMax &&
      std::ranges::find(callbacks, url) == callbacks.end()) {
    callbacks.push_back(url);
  }
  const auto attached = attach_to_review(connection, review.id, callbacks);
  if (!attached) return std::unexpected(attached.error());
  if (!*attached) return std::nullopt;
  answer.kind = Kind::Held;
  return answer;
}

Result<std::optional<tenant::ApprovalAnswer>> ReviewDesk::grant(sql::Connection& connection,
                                                                const Search& search,
                                                                const Review& review) {
  Answer answer;
  answer.kind = Kind::Granted;
  answer.review_id = review.id;
  if (review.has_answer) {
    const auto content = content_of_review(connection, review.id);
    if (!content) return std::unexpected(content.error());
    const auto vault = options_.vault();
    if (vault == nullptr) return gateway_error("no_master_key", "the kept answer is sealed");
    const auto opened = vault->open(content->answer, {review.tenant, kAnswerPlace, review.id});
    if (!opened) return std::unexpected(opened.error());
    answer.answer = answer_from(content->answer_head, std::string(opened->reveal()));
  } else if (review.phase == event::Phase::Response) {
    answer.released = rules_of_json(review.violations);
  }
  const auto consumed =
      consume_review(connection, review.id, clock_.wall_ms(), search.question.run_id);
  if (!consumed) return std::unexpected(consumed.error());
  if (!*consumed) return std::nullopt;
  return answer;
}

Result<std::optional<tenant::ApprovalAnswer>> ReviewDesk::open(
    sql::Connection& connection, const Search& search, const std::vector<Review>& matching) {
  const Question& question = search.question;
  // One that is open stands for fewer rules than want approval now: it can release nothing.
  for (const Review& review : matching) {
    if (review.phase != question.phase || !is_open(review.status)) continue;
    const auto ended = supersede_review(connection, review.id);
    if (!ended) return std::unexpected(ended.error());
  }
  const auto pending = count_pending(connection, question.tenant);
  if (!pending) return std::unexpected(pending.error());
  Answer answer;
  if (*pending >= options_.pending_max) {
    answer.kind = Kind::Full;
    return answer;
  }

  Review review;
  review.id = new_id();
  review.tenant = question.tenant;
  review.integration = question.integration;
  review.caller = question.caller;
  review.agent = question.agent;
  review.route = question.route;
  review.model = question.model;
  review.phase = question.phase;
  review.digest = search.digest;
  review.revision = question.revision;
  review.run_id = question.run_id;
  review.violations = violations_json(question.decisions);
  if (!question.callback_url.empty()) review.callbacks.push_back(question.callback_url);
  review.created_ms = clock_.wall_ms();
  review.expires_ms = review.created_ms + options_.ttl_ms;

  ReviewContent content;
  const auto vault = options_.vault();
  if (vault != nullptr && vault->has_key() && question.answer &&
      question.answer->body.size() <= options_.answer_bytes_max) {
    auto blob = vault->seal(question.answer->body, {review.tenant, kAnswerPlace, review.id});
    if (!blob) return std::unexpected(blob.error());
    content.answer = std::move(*blob);
    content.answer_head = answer_head_json(*question.answer);
  }
  content.preview = shown(vault.get(), question, review.id, content.preview_sealed);

  const auto inserted = insert_review(connection, review, content);
  if (!inserted) return std::unexpected(inserted.error());
  if (!*inserted) return std::nullopt;
  if (auto ok = tell(connection, "review.created", review); !ok) return std::unexpected(ok.error());
  lifetimes_.over(review);
  if (review.phase == event::Phase::Response) open_answers_.add(review.tenant, review.caller);
  answer.kind = Kind::Held;
  answer.review_id = review.id;
  answer.violations = search.rules.size();
  return answer;
}

std::string ReviewDesk::shown(const vault::Vault* vault, const Question& question,
                              std::string_view id, bool& is_sealed) const {
  const bool can_seal = vault != nullptr && vault->has_key();
  if (!options_.preview || (options_.seals && !can_seal)) return {};
  std::string text = options_.preview(question);
  if (text.empty() || !can_seal) return text;
  auto blob = vault->seal(text, {question.tenant, kPreviewPlace, id});
  is_sealed = true;
  return blob ? std::move(*blob) : std::string();
}

Result<std::string> ReviewDesk::preview_of(sql::Connection& connection,
                                           const Review& review) const {
  const auto content = content_of_review(connection, review.id);
  if (!content) return std::unexpected(content.error());
  if (content->preview.empty()) return "null";
  if (!content->preview_sealed) return content->preview;
  const auto vault = options_.vault();
  if (vault == nullptr) return "null";
  const auto opened = vault->open(content->preview, {review.tenant, kPreviewPlace, review.id});
  return opened ? std::string(opened->reveal()) : "null";
}

Status ReviewDesk::withdraw(sql::Connection& connection, std::string_view id) {
  const auto done = sql::in_transaction(connection, [&]() -> Status {
    if (auto ok = lock_reviews(connection); !ok) return ok;
    const auto withdrawn = withdraw_review(connection, id);
    if (!withdrawn) return std::unexpected(withdrawn.error());
    return {};
  });
  if (done && options_.changed) options_.changed();
  return done;
}

Result<Review> ReviewDesk::decide(sql::Connection& connection, std::string_view id, bool approved,
                                  std::string_view by, std::string_view note) {
  std::optional<Review> review;
  bool decided = false;
  const auto done = sql::in_transaction(connection, [&]() -> Status {
    if (auto ok = lock_reviews(connection); !ok) return ok;
    auto found = find_review(connection, id);
    if (!found) return std::unexpected(found.error());
    if (!*found) return client_error("not_found", "there is no such review");
    review = std::move(*found);
    if (is_open(review->status) && lifetimes_.over(*review)) {
      review->status = ReviewStatus::Expired;
      return expire(connection, *review);
    }
    const std::int64_t now_ms = clock_.wall_ms();
    const auto changed = decide_review(connection, id, approved, by, note, now_ms);
    if (!changed) return std::unexpected(changed.error());
    if (!*changed) return {};
    decided = true;
    review->status = approved ? ReviewStatus::Approved : ReviewStatus::Rejected;
    review->decided_ms = now_ms;
    review->decided_by = by;
    review->note = note;
    return tell(connection, "review.decided", *review);
  });
  if (!done) return std::unexpected(done.error());
  if (options_.changed) options_.changed();
  if (decided) return std::move(*review);
  return client_error("conflict",
                      "the review is " + std::string(to_string(review->status)) + " already");
}

ReviewStatus ReviewDesk::status_now(const Review& review) {
  return is_open(review.status) && lifetimes_.over(review) ? ReviewStatus::Expired : review.status;
}

Status ReviewDesk::expire(sql::Connection& connection, Review review) {
  const auto expired = expire_review(connection, review.id);
  if (!expired) return std::unexpected(expired.error());
  if (!*expired) return {};
  // An approval that nobody used was decided long ago.
  if (review.decided_ms != 0) return {};
  review.status = ReviewStatus::Expired;
  return tell(connection, "review.decided", review);
}

Status ReviewDesk::tell(sql::Connection& connection, std::string_view event, const Review& review) {
  const std::int64_t now_ms = clock_.wall_ms();
  std::vector<std::string> urls = options_.webhooks.urls();
  if (event == "review.decided") {
    for (const std::string& url : review.callbacks) {
      if (std::ranges::find(urls, url) == urls.end()) urls.push_back(url);
    }
  }
  if (urls.empty()) return {};
  const std::string body = review_event(event, review);
  for (const std::string& url : urls) {
    if (auto ok = queue_delivery(connection, review.tenant, url, event, body, now_ms); !ok) {
      return ok;
    }
  }
  return {};
}

Status ReviewDesk::reload(sql::Connection& connection) {
  auto open = open_reviews(connection);
  if (!open) return std::unexpected(open.error());
  std::unordered_set<std::string> callers;
  for (const Review& review : *open) {
    lifetimes_.over(review);
    if (review.phase == event::Phase::Response) {
      callers.insert(OpenAnswers::name(review.tenant, review.caller));
    }
  }
  lifetimes_.tidy(*open);
  lifetimes_.settle();
  open_answers_.replace(std::move(callers));
  pending_ =
      static_cast<std::uint64_t>(std::ranges::count(*open, ReviewStatus::Pending, &Review::status));
  open_ = std::move(*open);
  return {};
}

Status ReviewDesk::refresh(sql::Connection& connection) {
  const auto version = read_version(connection, kReviewVersion);
  if (!version) return std::unexpected(version.error());
  if (*version != seen_version_) {
    if (auto ok = reload(connection); !ok) return ok;
    seen_version_ = *version;
  }
  const bool any_over =
      std::ranges::any_of(open_, [&](const Review& review) { return lifetimes_.over(review); });
  if (!any_over) return {};
  const auto done = sql::in_transaction(connection, [&]() -> Status {
    if (auto ok = lock_reviews(connection); !ok) return ok;
    for (const Review& review : open_) {
      if (!lifetimes_.over(review)) continue;
      // As it is now: it may have been decided since.
      const auto found = find_review(connection, review.id);
      if (!found) return std::unexpected(found.error());
      if (!*found || !is_open((*found)->status)) continue;
      if (auto ok = expire(connection, **found); !ok) return ok;
    }
    return {};
  });
  if (!done) return done;
  if (options_.changed) options_.changed();
  return reload(connection);
}

}  // namespace capsem::store
