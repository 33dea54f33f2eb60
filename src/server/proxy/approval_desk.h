// Asking for a person's word, as one exchange does it: the question made of what was judged, the
// wait with its clock, and what becomes of a review whose client has left (T12).
//
// Thread: its loop's.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/engine/exchange.h"
#include "server/proxy/awaited.h"
#include "server/proxy/caller.h"
#include "server/tenant/approvals.h"

namespace capsem::proxy {

class ApprovalDesk {
 public:
  using Then = std::function<void(tenant::ApprovalAnswer)>;
  using Found = std::function<void(std::optional<tenant::ApprovalAnswer>)>;

  // `approvals` may be null: the desk is closed. It outlives the loop.
  ApprovalDesk(net::Loop& loop, const std::shared_ptr<Mailbox>& mailbox,
               tenant::Approvals* approvals, std::uint32_t ms_max)
      : approvals_(approvals), ms_max_(ms_max), asked_(loop, mailbox), found_(loop, mailbox) {}

  bool open() const { return approvals_ != nullptr; }
  bool may_have_answer(const Caller& caller) const {
    return approvals_->may_have_answer(caller.tenant(), caller.user_id);
  }
  // REQUIRES of both: open(), nothing is waited for. then() is called once, on the loop, perhaps
  // before this returns. No answer in time: Unavailable.
  void ask(tenant::ApprovalQuestion question, Then then);
  void find_answer(tenant::ApprovalQuestion question, Found then);

  // The caller has been told of the review it was given.
  void told() { held_.clear(); }
  // The caller will not be told: a review that it was given, or is being given, is withdrawn.
  void leave();

 private:
  tenant::Approvals* const approvals_;
  const std::uint32_t ms_max_;
  Awaited<tenant::ApprovalAnswer> asked_;
  Awaited<std::optional<tenant::ApprovalAnswer>> found_;
  std::string held_;  // the review's id, until the caller knows it
};

// What is asked of whom. `path`: the provider's own, without the integration's prefix (R50).
struct Asking {
  const Caller& caller;
  std::string_view path, run_id, model;
  bool content = false;  // the tenant lets reviewers see texts
};
// Its question about what was denied in this phase. REQUIRES: exchange.wants_approval(), or that
// its request has been read, for find_answer().
tenant::ApprovalQuestion question_of(const engine::Exchange& exchange, const Asking& asking,
                                     event::Phase phase);

// R50: one digest for one route, agent and body.
std::string approval_digest(std::string_view path, std::string_view agent, std::string_view body);

}  // namespace capsem::proxy
