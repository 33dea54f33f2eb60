// One thing that a request waits for and that comes later, from any thread: a record that is kept,
// a reviewer's word, a counter of another process. It is delivered on the loop, once, unless
// nobody waits any more: then the orphan handler, if any, has it.
//
// No wait is without a clock: what does not come in time is delivered as nothing.
// Thread: its loop's, but for the function that ask() hands out.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "server/net/loop.h"
#include "server/proxy/mailbox.h"

namespace capsem::proxy {

template <class T>
class Awaited final : public net::TimerHandler {
 public:
  using Done = std::function<void(std::optional<T>)>;
  using Orphan = std::function<void(T)>;
  using Reply = std::function<void(T)>;

  Awaited(net::Loop& loop, std::shared_ptr<Mailbox> mailbox)
      : loop_(loop), mailbox_(std::move(mailbox)) {}

  // Calls question(reply). What replies during that call, on this thread, is delivered before ask()
  // returns. `done` may destroy whatever owns this, but not this itself: its owner is retired.
  // `orphan` is called on any thread. REQUIRES: !waiting()
  template <class Question>
  void ask(std::uint32_t ms_max, Question&& question, Done done, Orphan orphan = {}) {
    auto place = std::make_shared<Place>(Place{.owner = this});
    place_ = place;
    done_ = std::move(done);
    asking_ = place.get();
    question(
        Reply([weak = std::weak_ptr<Place>(place), mailbox = mailbox_,
               thread = std::this_thread::get_id(), orphan = std::move(orphan)](T value) mutable {
          if (std::this_thread::get_id() == thread) {
            if (const auto at = weak.lock(); at && at->owner != nullptr && at->owner->asking_) {
              at->at_once = std::move(value);
              return;
            }
          }
          auto shared = std::make_shared<T>(std::move(value));
          const bool posted = mailbox->post([weak, shared, orphan] {
            if (const auto at = weak.lock(); at && at->owner != nullptr) {
              at->owner->deliver(std::move(*shared));
            } else if (orphan) {
              orphan(std::move(*shared));
            }
          });
          if (!posted && orphan) orphan(std::move(*shared));
        }));
    asking_ = nullptr;
    if (place->at_once) return deliver(std::move(place->at_once));
    loop_.timers().arm(timer_, ms_max);
  }

  bool waiting() const { return place_ != nullptr; }
  // What comes now is an orphan.
  void forget() {
    timer_.cancel();
    place_.reset();
    done_ = {};
  }

 private:
  struct Place {
    Awaited* owner = nullptr;
    std::optional<T> at_once{};
  };

  void on_timer(net::Timer&) override { deliver(std::nullopt); }
  void deliver(std::optional<T> value) {
    timer_.cancel();
    place_.reset();
    // It may ask the next question.
    const Done done = std::exchange(done_, {});
    done(std::move(value));
  }

  net::Loop& loop_;
  const std::shared_ptr<Mailbox> mailbox_;
  net::Timer timer_{*this};
  std::shared_ptr<Place> place_;  // there while somebody waits
  Place* asking_ = nullptr;       // while the question is being put
  Done done_;
};

}  // namespace capsem::proxy
