#include "server/store/approvals.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "server/store/review_desk.h"

namespace capsem::store {
namespace {

using tenant::ApprovalAnswer;
using tenant::ApprovalQuestion;

constexpr std::int64_t kNsPerMs = 1'000'000;

// An answer that is given once, by whoever comes first: the database or the clock.
template <class... Args>
class Once {
 public:
  explicit Once(std::function<void(Args...)> answer) : answer_(std::move(answer)) {}

  // False: it was given before.
  bool give(Args... args) {
    std::function<void(Args...)> answer;
    {
      const std::lock_guard lock(mutex_);
      answer.swap(answer_);
    }
    if (!answer) return false;
    answer(std::move(args)...);
    return true;
  }
  bool given() const {
    const std::lock_guard lock(mutex_);
    return !answer_;
  }

 private:
  mutable std::mutex mutex_;
  std::function<void(Args...)> answer_;
};

std::string unavailable_body() {
  return poll_error("Reviews cannot be read at the moment", "server_error", "reviews_unavailable");
}

}  // namespace

struct StoredApprovals::Impl : std::enable_shared_from_this<Impl> {
  Impl(ApprovalOptions given, sql::Executor& run, const Clock& time)
      : options(std::move(given)), executor(run), clock(time), desk(options, clock) {}

  // ---- Calls ----

  // Runs `work` on the executor's thread unless the caller has been answered by then. `give_up`
  // answers it, once, when there is no connection or it takes too long.
  void run(std::function<bool()> answered, std::function<void()> give_up,
           std::function<void(sql::Connection&)> work) {
    if (!expect(give_up)) return give_up();
    const bool queued =
        executor.submit([self = shared_from_this(), answered = std::move(answered), give_up,
                         work = std::move(work)](Result<sql::Connection*> connection) {
          const std::lock_guard lock(self->desk_mutex);
          if (answered()) return;
          if (self->closed || !connection) return give_up();
          work(**connection);
        });
    if (!queued) give_up();
  }

  void ask(ApprovalQuestion question, std::function<void(ApprovalAnswer)> answer) {
    const auto once = std::make_shared<Once<ApprovalAnswer>>(std::move(answer));
    run([once] { return once->given(); }, [once] { once->give({}); },
        [this, once, question = std::move(question)](sql::Connection& connection) {
          auto result = desk.ask(connection, question);
          if (!result) {
            once->give({});
            return;
          }
          const bool opened = result->kind == ApprovalAnswer::Kind::Held;
          const std::string id = result->review_id;
          // Who asked has been told that there is no telling: it knows of no review.
          if (!once->give(std::move(*result)) && opened) {
            static_cast<void>(desk.withdraw(connection, id));
          }
        });
  }

  void find_answer(ApprovalQuestion question,
                   std::function<void(std::optional<ApprovalAnswer>)> answer) {
    const auto once = std::make_shared<Once<std::optional<ApprovalAnswer>>>(std::move(answer));
    run([once] { return once->given(); }, [once] { once->give(ApprovalAnswer{}); },
        [this, once, question = std::move(question)](sql::Connection& connection) {
          auto result = desk.find_answer(connection, question);
          once->give(result ? std::move(*result) : ApprovalAnswer{});
        });
  }

  void poll(std::string id, std::string tenant, std::string integration, std::string caller,
            std::function<void(int, std::string)> answer) {
    const auto once = std::make_shared<Once<int, std::string>>(std::move(answer));
    run([once] { return once->given(); }, [once] { once->give(503, unavailable_body()); },
        [=, this](sql::Connection& connection) {
          const auto found = find_review(connection, id);
          if (!found) {
            once->give(503, unavailable_body());
            return;
          }
          // Another key of the same integration is its owner's, too: keys are replaced (R36).
          const Review* review = *found ? &**found : nullptr;
          const bool theirs = review != nullptr && review->tenant == tenant &&
                              review->integration == integration &&
                              (!integration.empty() || review->caller == caller);
          if (!theirs) {
            once->give(404, poll_error("There is no such review", "invalid_request_error",
                                       "review_not_found"));
            return;
          }
          once->give(200, poll_body(*review, desk.status_now(*review)));
        });
  }

  void withdraw(std::string id) {
    executor.submit(
        [self = shared_from_this(), id = std::move(id)](Result<sql::Connection*> connection) {
          const std::lock_guard lock(self->desk_mutex);
          // One that stays is decided or ends with its time.
          if (!self->closed && connection) static_cast<void>(self->desk.withdraw(**connection, id));
        });
  }

  // ---- The thread ----

  // False: nobody would be told any more.
  bool expect(std::function<void()> give_up) {
    const std::lock_guard lock(mutex);
    if (stopping) return false;
    waiting.emplace_back(clock.monotonic_ns() + options.answer_ms_max * kNsPerMs,
                         std::move(give_up));
    return true;
  }

  void poke() {
    {
      const std::lock_guard lock(mutex);
      poked = true;
    }
    wake.notify_one();
  }

  void refresh() {
    if (refreshing.exchange(true)) return;
    const bool queued =
        executor.submit([self = shared_from_this()](Result<sql::Connection*> connection) {
          const std::lock_guard lock(self->desk_mutex);
          // What fails now is tried again with the next round.
          if (!self->closed && connection) static_cast<void>(self->desk.refresh(**connection));
          self->refreshing = false;
        });
    if (!queued) refreshing = false;
  }

  void give_up_late_ones(bool all) {
    std::deque<std::pair<std::int64_t, std::function<void()>>> late;
    {
      const std::lock_guard lock(mutex);
      const std::int64_t now = clock.monotonic_ns();
      while (!waiting.empty() && (all || waiting.front().first <= now)) {
        late.push_back(std::move(waiting.front()));
        waiting.pop_front();
      }
    }
    for (const auto& [deadline, give_up] : late) give_up();
  }

  void loop() {
    for (;;) {
      refresh();
      {
        std::unique_lock lock(mutex);
        wake.wait_for(lock, std::chrono::milliseconds(options.poll_ms),
                      [this] { return poked || stopping; });
        poked = false;
        if (stopping) return;
      }
      give_up_late_ones(false);
    }
  }

  void stop() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    wake.notify_one();
    if (thread.joinable()) thread.join();
    {
      const std::lock_guard lock(desk_mutex);
      closed = true;
    }
    give_up_late_ones(true);
  }

  // Constant after construction.
  const ApprovalOptions options;
  sql::Executor& executor;
  const Clock& clock;

  // Held while the desk works, so that stop() returns after the last piece of work.
  std::mutex desk_mutex;
  ReviewDesk desk;  // its open_answers() and pending() may be asked at any time
  bool closed = false;

  std::mutex mutex;  // protects what follows
  std::condition_variable wake;
  std::deque<std::pair<std::int64_t, std::function<void()>>> waiting;  // by deadline, ns
  bool poked = false, stopping = false;

  std::atomic<bool> refreshing = false;
  std::thread thread;
};

StoredApprovals::StoredApprovals(ApprovalOptions options, sql::Executor& executor,
                                 const Clock& clock)
    : impl_(std::make_shared<Impl>(std::move(options), executor, clock)) {
  impl_->thread = std::thread([impl = impl_.get()] { impl->loop(); });
}

StoredApprovals::~StoredApprovals() {
  impl_->stop();
}

void StoredApprovals::stop() {
  impl_->stop();
}

void StoredApprovals::ask(ApprovalQuestion question, std::function<void(ApprovalAnswer)> answer) {
  impl_->ask(std::move(question), std::move(answer));
}

bool StoredApprovals::may_have_answer(std::string_view tenant, std::string_view caller) const {
  return impl_->desk.open_answers().has(tenant, caller);
}

void StoredApprovals::find_answer(ApprovalQuestion question,
                                  std::function<void(std::optional<ApprovalAnswer>)> answer) {
  impl_->find_answer(std::move(question), std::move(answer));
}

void StoredApprovals::withdraw(std::string review_id) {
  impl_->withdraw(std::move(review_id));
}

bool StoredApprovals::callback_allowed(std::string_view url) const {
  return impl_->options.webhooks.callback_allowed(url);
}

void StoredApprovals::poll(std::string review_id, std::string tenant, std::string integration,
                           std::string caller,
                           std::function<void(int status, std::string body)> answer) {
  impl_->poll(std::move(review_id), std::move(tenant), std::move(integration), std::move(caller),
              std::move(answer));
}

void StoredApprovals::poke() {
  impl_->poke();
}

Result<Review> StoredApprovals::decide(sql::Connection& connection, std::string_view id,
                                       bool approved, std::string_view by, std::string_view note) {
  const std::lock_guard lock(impl_->desk_mutex);
  return impl_->desk.decide(connection, id, approved, by, note);
}

Result<std::string> StoredApprovals::preview_of(sql::Connection& connection,
                                                const Review& review) const {
  const std::lock_guard lock(impl_->desk_mutex);
  return impl_->desk.preview_of(connection, review);
}

std::uint64_t StoredApprovals::pending() const {
  return impl_->desk.pending();
}

ReviewStatus StoredApprovals::status_now(const Review& review) {
  const std::lock_guard lock(impl_->desk_mutex);
  return impl_->desk.status_now(review);
}

}  // namespace capsem::store
