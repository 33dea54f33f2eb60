// What gateways tell each other over Redis: that something has changed, and the tool pins they
// agree on (T18).
#include "server/redis/redis.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "server/redis/shared_pins.h"
#include "tests/unit/redis/redis_server.h"

namespace capsem::redis {
namespace {

using policy::PinState;
using test::Server;
using test::wait_until;

// A gateway's own pins.
class OwnPins final : public policy::PinStore {
 public:
  PinState look(std::string_view principal, std::string_view tool,
                std::string_view digest) override {
    const std::scoped_lock lock(mutex_);
    const auto [at, fresh] = pins_.try_emplace({std::string(principal), std::string(tool)}, digest);
    if (fresh) return PinState::New;
    return at->second == digest ? PinState::Unchanged : PinState::Changed;
  }
  void accept(std::string_view principal, std::string_view tool, std::string_view digest) override {
    const std::scoped_lock lock(mutex_);
    pins_[{std::string(principal), std::string(tool)}] = digest;
  }
  // What is pinned, without pinning anything; empty: nothing.
  std::string known(const std::string& principal, const std::string& tool) {
    const std::scoped_lock lock(mutex_);
    const auto at = pins_.find({principal, tool});
    return at == pins_.end() ? "" : at->second;
  }

 private:
  std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, std::string> pins_;
};

struct Member {
  Member(const Server& server, std::string name)
      : redis(server.target(),
              {.client = {.call_ms = 5'000, .breaker_errors = 5, .probe_ms = 50},
               .name = std::move(name)},
              clock),
        pins(own, redis) {
    redis.listen([this](std::string_view topic, std::string_view message) {
      const std::scoped_lock lock(mutex);
      heard.push_back(std::string(topic) + ":" + std::string(message));
    });
    redis.start();
  }
  // Answers that are still on their way find nobody gone.
  ~Member() { redis.stop(); }
  bool up() {
    return wait_until([this] { return redis.stats().clients_up.load() == 2; });
  }
  std::size_t count(const std::string& what) {
    const std::scoped_lock lock(mutex);
    return static_cast<std::size_t>(std::ranges::count(heard, what));
  }
  test::SteadyClock clock;
  OwnPins own;
  Redis redis;
  SharedPins pins;
  std::mutex mutex;
  std::vector<std::string> heard;
};

TEST(RedisTells, TheOtherGatewaysHearItAndTheOneThatSaidItDoesNot) {
  Server server;
  Member a(server, "a"), b(server, "b"), c(server, "c");
  ASSERT_TRUE(a.up() && b.up() && c.up());
  a.redis.tell("directory");
  b.redis.tell("reviews", std::string("of \0 x", 6));
  EXPECT_TRUE(wait_until([&] { return b.count("directory:") == 1 && c.count("directory:") == 1; }));
  const std::string said = "reviews:" + std::string("of \0 x", 6);
  EXPECT_TRUE(wait_until([&] { return a.count(said) == 1 && c.count(said) == 1; }));
  EXPECT_EQ(a.count("directory:"), 0U);
  EXPECT_EQ(b.count(said), 0U);
}

TEST(RedisTells, AfterARestartOfRedisTheyHearEachOtherAgain) {
  Server server;
  Member a(server, "a"), b(server, "b");
  ASSERT_TRUE(a.up() && b.up());
  server.kill();
  ASSERT_TRUE(wait_until([&] { return a.redis.stats().clients_up.load() == 0; }));
  a.redis.tell("directory");  // lost: b looks for itself a little later
  server.start();
  ASSERT_TRUE(a.up() && b.up());
  a.redis.tell("reviews");
  EXPECT_TRUE(wait_until([&] { return b.count("reviews:") == 1; }));
  EXPECT_EQ(b.count("directory:"), 0U);
}

TEST(RedisTells, AnIdleConnectionToAStoppedRedisIsGivenUp) {
  Server server;
  test::SteadyClock clock;
  Redis redis(server.target(),
              {.client = {.call_ms = 50, .breaker_errors = 3, .probe_ms = 100}, .name = "a"},
              clock);
  redis.start();
  ASSERT_TRUE(wait_until([&] { return redis.stats().clients_up.load() == 2; }));
  server.pause();
  EXPECT_TRUE(wait_until([&] { return redis.stats().clients_up.load() == 0; }));
  server.resume();
  EXPECT_TRUE(wait_until([&] { return redis.stats().clients_up.load() == 2; }));
}

TEST(RedisPins, AToolThatOneGatewayHasSeenIsKnownToTheOthersT18) {
  Server server;
  Member a(server, "a"), b(server, "b");
  ASSERT_TRUE(a.up() && b.up());
  EXPECT_EQ(a.pins.look("p", "tool", "one"), PinState::New);
  ASSERT_TRUE(wait_until([&] { return b.own.known("p", "tool") == "one"; }));
  EXPECT_EQ(server.run({"HGET", "capsem:p:p", "tool"}), "one");
  EXPECT_EQ(b.pins.look("p", "tool", "two"), PinState::Changed);
  // A person has approved the new form.
  a.pins.accept("p", "tool", "two");
  EXPECT_TRUE(wait_until([&] { return b.own.known("p", "tool") == "two"; }));
  EXPECT_GT(std::stoll(server.run({"PTTL", "capsem:p:p"})), 0);
}

TEST(RedisPins, OfTwoThatSeeAToolAtOnceTheFirstThatRedisHearsIsRight) {
  Server server;
  Member a(server, "a"), b(server, "b");
  ASSERT_TRUE(a.up() && b.up());
  server.pause();  // the round trip in which both are first
  EXPECT_EQ(a.pins.look("p", "tool", "one"), PinState::New);
  EXPECT_EQ(b.pins.look("p", "tool", "two"), PinState::New);
  server.resume();
  ASSERT_TRUE(wait_until([&] { return !server.run({"HGET", "capsem:p:p", "tool"}).empty(); }));
  const std::string right = server.run({"HGET", "capsem:p:p", "tool"});
  for (Member* member : {&a, &b}) {
    EXPECT_TRUE(
        wait_until([&] { return member->pins.look("p", "tool", right) == PinState::Unchanged; }));
  }
}

TEST(RedisPins, AGatewayThatStartsTakesOverWhatIsKnown) {
  Server server;
  for (int i = 0; i < 1'200; ++i) {
    server.run({"HSET", "capsem:p:p" + std::to_string(i), "tool", "one"});
  }
  Member a(server, "a");
  ASSERT_TRUE(a.up());
  for (const std::string principal : {"p0", "p599", "p1000", "p1199"}) {
    EXPECT_TRUE(wait_until([&] { return a.own.known(principal, "tool") == "one"; }));
  }
  EXPECT_EQ(a.pins.look("p1000", "tool", "two"), PinState::Changed);
}

// The last word counts, and what another gateway has learnt meanwhile gives way to it.
TEST(RedisPins, WhatAPersonAcceptsWhileRedisIsDownIsToldWhenItIsBack) {
  Server server;
  Member a(server, "a"), b(server, "b");
  ASSERT_TRUE(a.up() && b.up());
  EXPECT_EQ(a.pins.look("p", "tool", "one"), PinState::New);
  ASSERT_TRUE(wait_until([&] { return b.own.known("p", "tool") == "one"; }));
  server.kill();
  ASSERT_TRUE(wait_until([&] { return a.redis.stats().clients_up.load() == 0; }));
  // Failures of earlier words arrive while later ones are spoken.
  for (int i = 0; i < 200; ++i) a.pins.accept("p", "tool", "form " + std::to_string(i));
  a.pins.accept("p", "tool", "three");
  a.pins.accept("q", "tool", "four");
  server.start();
  ASSERT_TRUE(a.up() && b.up());
  EXPECT_TRUE(wait_until([&] { return server.run({"HGET", "capsem:p:p", "tool"}) == "three"; }));
  EXPECT_TRUE(wait_until([&] { return server.run({"HGET", "capsem:p:q", "tool"}) == "four"; }));
  EXPECT_EQ(a.own.known("p", "tool"), "three");
}

TEST(RedisPins, WithoutRedisAGatewayKeepsItsOwn) {
  Server server;
  Member a(server, "a");
  ASSERT_TRUE(a.up());
  server.kill();
  EXPECT_EQ(a.pins.look("p", "tool", "one"), PinState::New);
  EXPECT_EQ(a.pins.look("p", "tool", "one"), PinState::Unchanged);
  EXPECT_EQ(a.pins.look("p", "tool", "two"), PinState::Changed);
}

}  // namespace
}  // namespace capsem::redis
