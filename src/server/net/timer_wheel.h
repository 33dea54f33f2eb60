// Coarse timers for one loop: arming costs a few stores, so that every state of every connection
// can have a clock. A timer fires up to one tick late, never early.
//
// Not thread-safe: a wheel belongs to one loop. A Timer may die while armed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace capsem::net {

class Timer;

class TimerHandler {
 public:
  virtual void on_timer(Timer& timer) = 0;

 protected:
  ~TimerHandler() = default;
};

class Timer {
 public:
  explicit Timer(TimerHandler& handler) : handler_(handler) {}
  ~Timer() { unlink(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  bool armed() const { return armed_; }
  // Also right while the handler runs.
  void cancel() {
    armed_ = false;
    unlink();
  }

 private:
  friend class TimerWheel;
  void unlink() {
    if (next_ == nullptr) return;
    prev_->next_ = next_;
    next_->prev_ = prev_;
    next_ = prev_ = nullptr;
  }

  TimerHandler& handler_;
  Timer* prev_ = nullptr;
  Timer* next_ = nullptr;
  std::int64_t due_ = 0;   // tick at which to fire
  std::int64_t slot_ = 0;  // tick of the slot it hangs in; never later than due_
  bool armed_ = false;
};

class TimerWheel {
 public:
  static constexpr std::int64_t kTickMs = 100;

  TimerWheel();

  // (Re)arms `timer` to fire `delay_ms` after now_ms(). Postponing, the usual case, only changes
  // the due tick; the timer moves to its new slot when the old one comes by.
  void arm(Timer& timer, std::int64_t delay_ms);

  // Fires what is due at `now_ms` (monotonic). Handlers may arm and cancel any timer.
  void advance(std::int64_t now_ms);
  std::int64_t now_ms() const { return now_ms_; }
  // Without firing: what arm() counts from.
  void set_now(std::int64_t now_ms) { now_ms_ = now_ms; }

  // Milliseconds until advance() should be called next.
  std::int64_t wait_ms() const { return (tick_ + 1) * kTickMs - now_ms_; }

 private:
  static constexpr std::size_t kSlots = 512;
  struct Slot {
    Slot();
    Timer head;
  };

  void link(Timer& timer, std::int64_t tick);
  void fire_slot(std::int64_t tick);

  std::array<Slot, kSlots> slots_;
  std::int64_t tick_ = 0;
  std::int64_t now_ms_ = 0;
};

}  // namespace capsem::net
