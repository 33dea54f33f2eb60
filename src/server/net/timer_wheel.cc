#include "server/net/timer_wheel.h"

#include <algorithm>

namespace capsem::net {
namespace {

struct Nobody final : TimerHandler {
  void on_timer(Timer&) override {}
};
Nobody nobody;

}  // namespace

TimerWheel::Slot::Slot() : head(nobody) {
  head.prev_ = head.next_ = &head;
}

TimerWheel::TimerWheel() = default;

void TimerWheel::link(Timer& timer, std::int64_t tick) {
  Timer& head = slots_[static_cast<std::size_t>(tick) % kSlots].head;
  timer.slot_ = tick;
  timer.prev_ = head.prev_;
  timer.next_ = &head;
  head.prev_->next_ = &timer;
  head.prev_ = &timer;
}

void TimerWheel::arm(Timer& timer, std::int64_t delay_ms) {
  // Rounded up, plus nothing: due at the first tick that is not before the deadline.
  const std::int64_t due =
      std::max(tick_ + 1, (now_ms_ + std::max<std::int64_t>(delay_ms, 0) + kTickMs - 1) / kTickMs);
  timer.due_ = due;
  timer.armed_ = true;
  if (timer.next_ != nullptr) {
    if (timer.slot_ <= due) return;
    timer.unlink();
  }
  link(timer, due);
}

void TimerWheel::advance(std::int64_t now_ms) {
  now_ms_ = now_ms;
  const std::int64_t target = now_ms / kTickMs;
  if (tick_ == 0) tick_ = target - 1;  // the first call: monotonic time starts anywhere
  // After a long pause one round visits every slot; more rounds would visit them again for nothing.
  if (target - tick_ > static_cast<std::int64_t>(kSlots)) {
    tick_ = target - static_cast<std::int64_t>(kSlots);
  }
  while (tick_ < target) fire_slot(++tick_);
}

void TimerWheel::fire_slot(std::int64_t tick) {
  Timer& head = slots_[static_cast<std::size_t>(tick) % kSlots].head;
  if (head.next_ == &head) return;
  // The slot is taken over as a whole: handlers may hang timers into it again.
  Slot work;
  work.head.next_ = head.next_;
  work.head.prev_ = head.prev_;
  work.head.next_->prev_ = &work.head;
  work.head.prev_->next_ = &work.head;
  head.next_ = head.prev_ = &head;
  while (work.head.next_ != &work.head) {
    Timer& timer = *work.head.next_;
    timer.unlink();
    if (timer.due_ > tick) {
      link(timer, timer.due_);
      continue;
    }
    timer.armed_ = false;
    timer.handler_.on_timer(timer);
  }
}

}  // namespace capsem::net
