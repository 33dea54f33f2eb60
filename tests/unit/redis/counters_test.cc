// Limits in a real Redis: the same answers as in memory, over any sequence of calls, and together.
#include "server/redis/counters.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "core/limit/memory_store.h"
#include "tests/unit/limit/helpers.h"
#include "tests/unit/redis/redis_server.h"

namespace capsem::redis {
namespace {

using limit::Charge;
using limit::Kind;
using limit::Level;
using limit::Outcome;
using test::Gateway;
using test::Server;

class HandClock final : public Clock {
 public:
  std::int64_t monotonic_ns() const override { return now_ns.load(); }
  std::int64_t wall_ms() const override { return 0; }
  std::atomic<std::int64_t> now_ns{1'000'000'000'000};
};

bool same(const Level& a, const Level& b) {
  return a.used == b.used && a.remaining == b.remaining && a.reset_ns == b.reset_ns &&
         a.refused == b.refused && a.retry_after_ns == b.retry_after_ns;
}
std::string text(const Level& level) {
  return std::to_string(level.used) + " left " + std::to_string(level.remaining) + " reset " +
         std::to_string(level.reset_ns) + (level.refused ? " refused, retry " : " retry ") +
         std::to_string(level.retry_after_ns);
}

class RedisCounters : public testing::Test {
 protected:
  Server server;
};

TEST_F(RedisCounters, AnswerAsCountersInMemoryDoOverAnySequenceT40) {
  struct Held {
    std::vector<Charge> charges;
    std::uint64_t number;
    bool settled = false;
  };
  const std::vector<std::string> names = {"a", "b", std::string("c\0:\r\n", 5), "d"};
  for (const unsigned seed : {1U, 2U, 3U, 4U}) {
    HandClock clock;
    limit::MemoryStore memory;
    Gateway::Options options;
    options.counters.clock = &clock;
    options.counters.prefix = "seed" + std::to_string(seed) + ":";
    Gateway gateway(server.target(), "one", options);
    ASSERT_TRUE(gateway.up());
    std::mt19937 random(seed);
    const auto pick = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
    // One kind, window and max per name.
    const std::vector<Charge> counters = {
        {.key = names[0], .kind = Kind::Window, .max = 5, .window_ns = limit::kMinute},
        {.key = names[1], .kind = Kind::Concurrent, .amount = 1, .max = 3},
        {.key = names[2], .kind = Kind::Reserved, .max = 100, .window_ns = limit::kHour},
        {.key = names[3], .kind = Kind::Reserved, .max = 0, .window_ns = limit::kMinute}};
    std::vector<Held> held;
    std::uint64_t number = 0;
    for (int step = 0; step < 400; ++step) {
      SCOPED_TRACE("seed " + std::to_string(seed) + " step " + std::to_string(step));
      clock.now_ns += pick(4) == 0 ? 0 : 1'000LL * pick(20'000'000);
      const unsigned action = held.empty() ? 0 : pick(5);
      const std::size_t which = held.empty() ? 0 : pick(static_cast<unsigned>(held.size()));
      if (action <= 1) {
        Held next{.charges = {}, .number = ++number};
        for (const Charge& counter : counters) {
          if (pick(3) == 0 || (counter.max == 0 && pick(10) != 0)) continue;
          next.charges.push_back(counter);
          if (counter.kind == Kind::Window) next.charges.back().amount = pick(3);
          if (counter.kind == Kind::Reserved) next.charges.back().amount = pick(120);
        }
        if (next.charges.empty()) continue;
        std::vector<Level> levels(next.charges.size());
        const Outcome outcome = memory.take(next.charges, clock.now_ns, levels);
        const auto reply = gateway.take(next.number, next.charges);
        ASSERT_EQ(reply.outcome, outcome);
        for (std::size_t i = 0; i < levels.size(); ++i) {
          ASSERT_TRUE(same(reply.levels[i], levels[i]))
              << text(reply.levels[i]) << " and in memory " << text(levels[i]);
        }
        if (outcome == Outcome::Taken) held.push_back(std::move(next));
        continue;
      }
      Held& one = held[which];
      const bool ends = action == 4;
      for (Charge& charge : one.charges) {
        if (charge.kind != Kind::Reserved || one.settled || action == 4) continue;
        const std::uint64_t amount = pick(150);
        Level level;
        if (action == 2) {
          memory.raise({&charge, 1}, {&amount, 1}, clock.now_ns, {&level, 1});
          const auto reply = gateway.raise(one.number, charge, amount);
          ASSERT_TRUE(same(reply.levels[0], level))
              << "raise " << text(reply.levels[0]) << " and in memory " << text(level);
          if (!level.refused) charge.amount = std::max(charge.amount, amount);
        } else {
          memory.settle({&charge, 1}, {&amount, 1}, clock.now_ns, {&level, 1});
          const auto reply = gateway.settle(one.number, charge, amount);
          ASSERT_TRUE(same(reply.levels[0], level))
              << "settle " << text(reply.levels[0]) << " and in memory " << text(level);
        }
      }
      if (action == 3) one.settled = true;
      if (!ends) continue;
      std::vector<Charge> rest;
      for (const Charge& charge : one.charges) {
        if (charge.kind == Kind::Reserved && one.settled) continue;
        rest.push_back(charge);
      }
      memory.give(rest, clock.now_ns);
      if (!rest.empty()) gateway.give(one.number, rest);
      if (pick(4) == 0) gateway.give(one.number, one.charges);  // once more: nothing happens
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(which));
    }
    EXPECT_EQ(gateway.stats.failures.load(), 0U);
  }
}

TEST_F(RedisCounters, ALimitOfAHundredLetsAHundredThroughFromTwoGatewaysT40) {
  Gateway first(server.target(), "first"), second(server.target(), "second");
  ASSERT_TRUE(first.up() && second.up());
  std::atomic<int> taken{0}, refused{0}, other{0};
  const auto ask = [&](Gateway& gateway) {
    for (int i = 0; i < 250; ++i) {
      const Charge charge = limit::window("shared", 100);
      gateway.on_loop([&] {
        gateway.counters->take(gateway.counters->next_holding(), {&charge, 1},
                               [&](const auto& reply) {
                                 (reply.outcome == Outcome::Taken     ? taken
                                  : reply.outcome == Outcome::Refused ? refused
                                                                      : other)++;
                               });
      });
    }
  };
  std::thread one([&] { ask(first); }), two([&] { ask(second); });
  one.join();
  two.join();
  ASSERT_TRUE(test::wait_until([&] { return taken + refused + other == 500; }));
  EXPECT_EQ(taken, 100);
  EXPECT_EQ(refused, 400);
}

TEST_F(RedisCounters, AWindowOfMoreThanAThousandStaysSmallAndForgetsNothingEarly) {
  HandClock clock;
  Gateway::Options options;
  options.counters.clock = &clock;
  Gateway gateway(server.target(), "one", options);
  ASSERT_TRUE(gateway.up());
  const std::int64_t begin_ns = clock.now_ns;
  constexpr std::uint64_t kMax = 100'000;
  for (std::uint64_t i = 0; i < 2'500; ++i) {
    clock.now_ns = begin_ns + static_cast<std::int64_t>(i) * limit::kMinute / 2'500;
    const auto reply = gateway.take(i, {limit::window("k", kMax)});
    ASSERT_EQ(reply.levels[0].used, i + 1);
  }
  EXPECT_LE(std::stoi(server.run({"LLEN", "capsem:w:k"})), 1'024);
  // All of it is there until the first has left, and gone a minute and a quantum after the last.
  clock.now_ns = begin_ns + limit::kMinute - 1'000;
  EXPECT_EQ(gateway.take(0, {limit::window("k", kMax, 0)}).levels[0].used, 2'500U);
  clock.now_ns = begin_ns + 2 * limit::kMinute + limit::kMinute / 1'000;
  EXPECT_EQ(gateway.take(0, {limit::window("k", kMax, 0)}).levels[0].used, 0U);
}

TEST_F(RedisCounters, WhatAGatewayThatDiedHeldIsForgottenAndWhatItUsedIsNot) {
  Gateway::Options options;
  options.counters.beat_ms = 50;
  options.counters.dead_ms = 300;
  Gateway dying(server.target(), "dying", options), living(server.target(), "living", options);
  ASSERT_TRUE(dying.up() && living.up());
  const std::vector<Charge> charges = {limit::concurrent("slots", 2), limit::reserved("t", 100, 60),
                                       limit::window("w", 10)};
  ASSERT_EQ(dying.take(1, charges).outcome, Outcome::Taken);
  ASSERT_EQ(dying.take(2, {limit::concurrent("slots", 2)}).outcome, Outcome::Taken);
  ASSERT_EQ(living.take(1, {limit::concurrent("slots", 2)}).outcome, Outcome::Refused);
  dying.die();
  ASSERT_TRUE(test::wait_until(
      [&] { return living.take(2, {limit::concurrent("slots", 2)}).outcome == Outcome::Taken; }));
  const auto reply = living.take(3, {limit::reserved("t", 100, 90), limit::window("w", 10)});
  EXPECT_EQ(reply.outcome, Outcome::Taken);
  EXPECT_EQ(reply.levels[1].used, 2U);  // the request that was counted stays counted
  EXPECT_TRUE(test::wait_until([&] { return server.run({"ZCARD", "capsem:beats"}) == "1"; }));
  EXPECT_EQ(server.run({"EXISTS", "capsem:g:dying"}), "0");
}

TEST_F(RedisCounters, EveryKeyExpires) {
  Gateway gateway(server.target(), "one");
  ASSERT_TRUE(gateway.up());
  const std::vector<Charge> charges = {limit::concurrent("slots", 2), limit::reserved("t", 100, 60),
                                       limit::window("w", 10)};
  ASSERT_EQ(gateway.take(1, charges).outcome, Outcome::Taken);
  gateway.settle(1, charges[1], 10);
  gateway.give(1, {charges[0]});
  gateway.take(2, {limit::window("w", 1)});  // refused
  for (const std::string key : {"c:slots", "c:t", "w:t", "c:w", "w:w", "beats"}) {
    EXPECT_GT(std::stoll(server.run({"PTTL", "capsem:" + key})), 0) << key;
  }
  EXPECT_EQ(server.run({"DBSIZE"}), "6");
}

}  // namespace
}  // namespace capsem::redis
