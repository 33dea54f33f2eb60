#include "server/net/timer_wheel.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace capsem::net {
namespace {

constexpr std::int64_t kStart = 1'000'000'000;  // monotonic clocks start anywhere

struct Recorder final : TimerHandler {
  void on_timer(Timer&) override { fired_at.push_back(wheel->now_ms()); }
  TimerWheel* wheel = nullptr;
  std::vector<std::int64_t> fired_at;
};

struct Bench {
  Bench() {
    recorder.wheel = &wheel;
    wheel.advance(kStart);
  }
  void run_until(std::int64_t end_ms, std::int64_t step_ms = 10) {
    for (std::int64_t t = wheel.now_ms(); t <= kStart + end_ms; t += step_ms) wheel.advance(t);
  }
  TimerWheel wheel;
  Recorder recorder;
  Timer timer{recorder};
};

TEST(TimerWheel, FiresAtMostOneTickLateAndNeverEarly) {
  for (const std::int64_t delay :
       {0, 1, 99, 100, 101, 999, 10'000, 51'199, 51'200, 51'201, 75'000, 600'000}) {
    SCOPED_TRACE(delay);
    Bench bench;
    bench.wheel.arm(bench.timer, delay);
    bench.run_until(delay + 1'000);
    ASSERT_EQ(bench.recorder.fired_at.size(), 1U);
    const std::int64_t at = bench.recorder.fired_at[0] - kStart;
    EXPECT_GE(at, delay);
    EXPECT_LE(at, delay + 2 * TimerWheel::kTickMs);
    EXPECT_FALSE(bench.timer.armed());
  }
}

TEST(TimerWheel, PostponingATimerMovesItsEnd) {
  Bench bench;
  bench.wheel.arm(bench.timer, 500);
  bench.run_until(400);
  bench.wheel.arm(bench.timer, 500);
  bench.run_until(850);
  EXPECT_TRUE(bench.recorder.fired_at.empty());
  bench.run_until(1'200);
  EXPECT_EQ(bench.recorder.fired_at.size(), 1U);
}

TEST(TimerWheel, BringingATimerForwardFiresItAtTheNewTime) {
  Bench bench;
  bench.wheel.arm(bench.timer, 60'000);
  bench.wheel.arm(bench.timer, 300);
  bench.run_until(600);
  EXPECT_EQ(bench.recorder.fired_at.size(), 1U);
}

TEST(TimerWheel, ACancelledOrDestroyedTimerDoesNotFire) {
  Bench bench;
  bench.wheel.arm(bench.timer, 300);
  bench.timer.cancel();
  {
    Timer gone(bench.recorder);
    bench.wheel.arm(gone, 200);
  }
  bench.run_until(1'000);
  EXPECT_TRUE(bench.recorder.fired_at.empty());
}

TEST(TimerWheel, AHandlerMayDestroyOtherTimersOfItsTick) {
  struct Killer final : TimerHandler {
    void on_timer(Timer&) override {
      ++calls;
      victim.reset();
    }
    int calls = 0;
    std::unique_ptr<Timer> victim;
  };
  TimerWheel wheel;
  wheel.advance(kStart);
  Killer killer;
  Timer first(killer);
  killer.victim = std::make_unique<Timer>(killer);
  wheel.arm(first, 100);
  wheel.arm(*killer.victim, 100);
  for (std::int64_t t = kStart; t < kStart + 1'000; t += 50) wheel.advance(t);
  EXPECT_EQ(killer.calls, 1);
}

TEST(TimerWheel, AHandlerMayArmItsTimerAgain) {
  struct Again final : TimerHandler {
    void on_timer(Timer& timer) override {
      if (++calls < 3) wheel->arm(timer, 100);
    }
    TimerWheel* wheel = nullptr;
    int calls = 0;
  };
  TimerWheel wheel;
  wheel.advance(kStart);
  Again again;
  again.wheel = &wheel;
  Timer timer(again);
  wheel.arm(timer, 100);
  for (std::int64_t t = kStart; t < kStart + 2'000; t += 50) wheel.advance(t);
  EXPECT_EQ(again.calls, 3);
}

TEST(TimerWheel, ALongPauseFiresEverythingThatIsDueOnce) {
  Bench bench;
  bench.wheel.arm(bench.timer, 5'000);
  bench.wheel.advance(kStart + 3'600'000);
  EXPECT_EQ(bench.recorder.fired_at.size(), 1U);
}

}  // namespace
}  // namespace capsem::net
