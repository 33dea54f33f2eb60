// Approvals over the database: what the data path asks (tenant::Approvals), and what a reviewer
// decides.
//
// A request matches a review by a keyed digest of tenant, caller and request, and by the revision
// of the policies (R50, T20). The database decides who consumes an approval, so that two gateways
// let one retry pass between them. Lifetimes are review_lifetimes.h's.
//
// What wants approval in an answer is looked for before what wants it in the request: while an
// answer to the same request is under review, the provider is not called again (X3).
//
// Thread: tenant::Approvals' calls come from loops and do not block; the database is touched on the
// executor's thread alone. A thread of its own looks every poll_ms for what other gateways changed,
// ends reviews whose time is over, and answers Unavailable where the database takes too long.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/clock.h"
#include "server/sql/executor.h"
#include "server/store/reviews.h"
#include "server/store/webhook_rules.h"
#include "server/tenant/approvals.h"
#include "server/vault/vault.h"

namespace capsem::store {

struct ApprovalOptions {
  std::uint32_t ttl_ms = 900'000;
  std::uint32_t pending_max = 1'000;          // per tenant; more: Full
  std::uint32_t answer_bytes_max = 1u << 20;  // a longer answer is not kept
  std::uint32_t poll_ms = 250;
  std::uint32_t answer_ms_max = 2'000;  // the caller waits this long at most; then Unavailable
  WebhookRules webhooks{};

  // Which vault is in force; called on the executor's thread. Never empty, may give nullptr.
  std::function<std::shared_ptr<const vault::Vault>()> vault;
  // Content is sealed: while the vault has no key, none is kept.
  bool seals = false;
  // What a reviewer may see of the question, by its tenant's content level: a JSON text, or
  // nothing. Empty: nothing is ever shown.
  std::function<std::string(const tenant::ApprovalQuestion&)> preview{};
  // This gateway has changed a review, or queued something in the outbox: other gateways may be
  // woken, and whoever delivers. On the executor's thread; must not block.
  std::function<void()> changed{};
};

class StoredApprovals final : public tenant::Approvals {
 public:
  // The executor and the clock outlive this; the executor's database has its schema. Whoever is
  // still waiting when this ends gets Unavailable.
  StoredApprovals(ApprovalOptions options, sql::Executor& executor, const Clock& clock);
  ~StoredApprovals() override;
  // Ends its thread and answers whoever waits; asked afterwards, it answers Unavailable. decide()
  // and what follows go on.
  void stop();

  void ask(tenant::ApprovalQuestion question,
           std::function<void(tenant::ApprovalAnswer)> answer) override;
  bool may_have_answer(std::string_view tenant, std::string_view caller) const override;
  void find_answer(tenant::ApprovalQuestion question,
                   std::function<void(std::optional<tenant::ApprovalAnswer>)> answer) override;
  void withdraw(std::string review_id) override;
  bool callback_allowed(std::string_view url) const override;
  void poll(std::string review_id, std::string tenant, std::string integration, std::string caller,
            std::function<void(int status, std::string body)> answer) override;

  // Something has changed, says another gateway: look now rather than in poll_ms. Any thread.
  void poke();

  // A reviewer's word. The review as it is then; client errors "not_found", and "conflict" when it
  // is PENDING no longer. REQUIRES: on the executor's thread, in no transaction.
  Result<Review> decide(sql::Connection& connection, std::string_view id, bool approved,
                        std::string_view by, std::string_view note);
  // Of a review that may have a preview: a JSON text; "null" when there is none or it cannot be
  // opened. REQUIRES: on the executor's thread.
  Result<std::string> preview_of(sql::Connection& connection, const Review& review) const;
  // Reviews that wait for a person, of all tenants, as this gateway last saw the database. Any
  // thread.
  std::uint64_t pending() const;
  // As decide() and the callers see it: EXPIRED as soon as its time is over. REQUIRES: on the
  // executor's thread.
  ReviewStatus status_now(const Review& review);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace capsem::store
