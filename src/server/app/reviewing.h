// Approvals and webhooks as the program runs them: built from settings over what it remembers.
//
// Thread-safe, as its parts are.
#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "server/admin/router.h"
#include "server/app/state.h"
#include "server/proxy/settings.h"
#include "server/store/approvals.h"
#include "server/webhook/sender.h"

namespace capsem::app {

class Reviewing {
 public:
  // `state` and `clock` outlive it. Errors, which name their setting: webhooks that lead nowhere,
  // or have no secret to be signed with.
  static Result<std::unique_ptr<Reviewing>> start(const proxy::Settings& settings, State& state,
                                                  const Clock& clock);
  // Nobody is called or told any more; reviewers are still answered. Before State::stop().
  void stop();

  tenant::Approvals& approvals() { return *approvals_; }
  void add_routes(admin::Router& router);
  std::uint64_t pending() const { return approvals_->pending(); }
  // Another gateway has changed a review. Any thread.
  void poke() { approvals_->poke(); }
  // Called when this gateway has; on the executor's thread; until stop() has returned. Must not
  // block.
  void on_change(std::function<void()> tell);

 private:
  Reviewing() = default;
  void tell_others();

  std::mutex lock_;
  std::function<void()> tell_others_;        // under lock_
  std::unique_ptr<webhook::Sender> sender_;  // null: nobody is to be told anything
  std::unique_ptr<store::StoredApprovals> approvals_;
};

}  // namespace capsem::app
