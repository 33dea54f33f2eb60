// Redis as it fails: killed, stopped, slow, without its scripts, read-only, with a password
// (promise 15). No call is ever left without an answer, and none has its effect twice.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <vector>

#include "tests/unit/limit/helpers.h"
#include "tests/unit/redis/redis_server.h"

namespace capsem::redis {
namespace {

using limit::Charge;
using limit::Outcome;
using test::Gateway;
using test::Server;

Gateway::Options quick() {
  Gateway::Options options;
  options.client = {.call_ms = 100, .breaker_errors = 3, .probe_ms = 100};
  return options;
}

std::uint64_t used(Gateway& gateway, Charge charge) {
  charge.amount = 0;
  charge.max = 1'000;
  const auto reply = gateway.take(~0ULL >> 1, {charge});
  EXPECT_EQ(reply.outcome, Outcome::Taken);
  gateway.give(~0ULL >> 1, {charge});
  return reply.levels.empty() ? ~0ULL : reply.levels[0].used;
}

TEST(RedisFaults, AKilledRedisIsKnownAtOnceAndFoundAgain) {
  Server server;
  Gateway gateway(server.target(), "one", quick());
  ASSERT_TRUE(gateway.up());
  server.kill();
  ASSERT_TRUE(gateway.down());
  EXPECT_EQ(gateway.take(1, {limit::window("k", 5)}).outcome, Outcome::Down);
  EXPECT_EQ(gateway.stats.clients_up.load(), 0U);
  server.start();
  ASSERT_TRUE(gateway.up());
  EXPECT_EQ(gateway.take(2, {limit::window("k", 5)}).outcome, Outcome::Taken);
}

TEST(RedisFaults, AStoppedRedisOpensTheBreakerAndWhatItDoesLateCountsForNothing) {
  Server server;
  Gateway gateway(server.target(), "one", quick());
  ASSERT_TRUE(gateway.up());
  server.pause();
  const auto available = [&] {
    return gateway.on_loop([&] { return gateway.counters->available(); });
  };
  std::uint64_t asked = 0;
  while (available() && ++asked < 10) {
    EXPECT_EQ(gateway.take(asked, {limit::concurrent("slots", 5), limit::window("k", 5)}).outcome,
              Outcome::Down);
  }
  // What gives the slots back is a call, too.
  EXPECT_TRUE(asked >= 1 && asked <= 3) << asked;
  EXPECT_GE(gateway.stats.timeouts.load(), 3U);
  // Past the time at which takes that are still on their way become void.
  std::this_thread::sleep_for(std::chrono::milliseconds(600));
  server.resume();
  ASSERT_TRUE(gateway.up());
  EXPECT_EQ(used(gateway, limit::concurrent("slots", 5)), 0U);
  EXPECT_EQ(used(gateway, limit::window("k", 5)), 0U);
}

TEST(RedisFaults, WhatASlowRedisTookIsGivenBack) {
  Server server;
  Gateway::Options options = quick();
  options.client.breaker_errors = 1'000;
  options.counters.take_ms = 60'000;  // it is done, late
  options.counters.beat_ms = 60'000;
  Gateway gateway(server.target(), "one", options);
  ASSERT_TRUE(gateway.up());
  server.pause();
  EXPECT_EQ(gateway.take(1, {limit::concurrent("slots", 5), limit::reserved("t", 100, 60)}).outcome,
            Outcome::Down);
  server.resume();
  EXPECT_TRUE(test::wait_until([&] { return used(gateway, limit::concurrent("slots", 5)) == 0; }));
  EXPECT_EQ(used(gateway, limit::reserved("t", 100, 0)), 0U);
}

TEST(RedisFaults, ASettleThatWasNotAnsweredCountsOnce) {
  for (const bool was_done : {true, false}) {
    Server server;
    Gateway::Options options = quick();
    options.counters.beat_ms = 50;
    if (!was_done) options.client.breaker_errors = 1;
    Gateway gateway(server.target(), "one", options);
    ASSERT_TRUE(gateway.up());
    const Charge charge = limit::reserved("t", 1'000, 60);
    ASSERT_EQ(gateway.take(1, {charge}).outcome, Outcome::Taken);
    server.pause();
    EXPECT_EQ(gateway.settle(1, charge, 25).outcome, Outcome::Down);
    gateway.settle(1, charge, 25);
    server.resume();
    ASSERT_TRUE(gateway.up());
    EXPECT_TRUE(test::wait_until(
        [&] { return gateway.on_loop([&] { return gateway.counters->owed(); }) == 0; }));
    EXPECT_TRUE(test::wait_until([&] { return used(gateway, charge) == 25; }));
    EXPECT_EQ(gateway.settle(1, charge, 25).levels[0].used, 0U) << "it is unknown by now";
    EXPECT_EQ(used(gateway, charge), 25U);
  }
}

TEST(RedisFaults, ScriptsThatRedisHasForgottenAreSentOnce) {
  Server server;
  Gateway gateway(server.target(), "one", quick());
  ASSERT_TRUE(gateway.up());
  const Charge charge = limit::window("k", 10'000);
  for (std::uint64_t i = 1; i <= 5; ++i) {
    server.run({"SCRIPT", "FLUSH"});
    std::atomic<int> answers{0};
    gateway.on_loop([&] {
      for (int n = 0; n < 20; ++n) {
        gateway.counters->take(i, {&charge, 1}, [&](const auto& reply) {
          EXPECT_EQ(reply.outcome, Outcome::Taken);
          ++answers;
        });
      }
    });
    ASSERT_TRUE(test::wait_until([&] { return answers == 20; }));
    EXPECT_EQ(used(gateway, charge), 20 * i) << "each has its effect once";
  }
  EXPECT_EQ(gateway.stats.failures.load(), 0U);
}

TEST(RedisFaults, AReplicaIsOfNoUseUntilItIsAPrimary) {
  Server primary;
  Server replica({"--replicaof", "127.0.0.1", std::to_string(primary.port())});
  Gateway gateway(replica.target(), "one", quick());
  ASSERT_TRUE(test::wait_until([&] { return gateway.stats.connects.load() >= 2; }))
      << "it is asked again and again";
  EXPECT_FALSE(gateway.on_loop([&] { return gateway.counters->available(); }));
  EXPECT_EQ(gateway.take(1, {limit::window("k", 5)}).outcome, Outcome::Down);
  replica.run({"REPLICAOF", "NO", "ONE"});
  ASSERT_TRUE(gateway.up());
  EXPECT_EQ(gateway.take(2, {limit::window("k", 5)}).outcome, Outcome::Taken);
  // A primary that becomes a replica while it is used.
  replica.run({"REPLICAOF", "127.0.0.1", std::to_string(primary.port())});
  EXPECT_EQ(gateway.take(3, {limit::window("k", 5)}).outcome, Outcome::Down);
  EXPECT_TRUE(gateway.down());
}

TEST(RedisFaults, APasswordIsGivenAndAWrongOneIsNoConnection) {
  Server server({"--requirepass", "pass word"});
  server.login = "pass word";
  Target right = server.target(), wrong = server.target();
  right.password = Secret("pass word");
  right.database = 3;
  wrong.password = Secret("password");
  Gateway good(std::move(right), "good", quick()), bad(std::move(wrong), "bad", quick());
  ASSERT_TRUE(good.up());
  EXPECT_EQ(good.take(1, {limit::window("k", 5)}).outcome, Outcome::Taken);
  EXPECT_EQ(server.run({"DBSIZE"}), "0") << "it went to the database that was named";
  ASSERT_TRUE(test::wait_until([&] { return bad.stats.connects.load() >= 2; }));
  EXPECT_FALSE(bad.on_loop([&] { return bad.counters->available(); }));
}

TEST(RedisFaults, AnErrorOfRedisIsAFailureAndManyOpenTheBreaker) {
  Server server;
  Gateway gateway(server.target(), "one", quick());
  ASSERT_TRUE(gateway.up());
  server.run({"SET", "capsem:c:k", "no hash"});
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(gateway.take(1, {limit::window("k", 5)}).outcome, Outcome::Down);
    EXPECT_TRUE(gateway.on_loop([&] { return gateway.counters->available(); }));
  }
  EXPECT_EQ(gateway.take(1, {limit::window("k", 5)}).outcome, Outcome::Down);
  EXPECT_TRUE(test::wait_until([&] { return gateway.stats.breaks.load() == 1U; }));
  ASSERT_TRUE(gateway.up());
  EXPECT_EQ(gateway.take(1, {limit::window("other", 5)}).outcome, Outcome::Taken);
}

}  // namespace
}  // namespace capsem::redis
