// Limits that are kept elsewhere: a request waits for them without its loop, goes on when they are
// known, and is forgotten when its client leaves or the gateway drains meanwhile (T40, promise 15).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/proxy/world.h"

namespace capsem::proxy::test {
namespace {

using testing::HasSubstr;

constexpr std::string_view kPolicies = R"(schema = 1
[[policy]]
id = "rate"
type = "limit"
per = "everyone"
requests_per_minute = 10
)";

// What the test and a loop's counters share.
struct Elsewhere {
  void say(limit::Outcome outcome) {
    const std::scoped_lock lock(mutex);
    for (auto& [loop, done] : waiting) {
      loop->post([done = std::move(done.first), charges = done.second, outcome] {
        const limit::Level level{.refused = outcome == limit::Outcome::Refused};
        done({.outcome = outcome, .levels = std::vector(charges, level)});
      });
    }
    waiting.clear();
  }
  bool wait_asked(std::size_t count) {
    return eventually([&] {
      const std::scoped_lock lock(mutex);
      return waiting.size() >= count;
    });
  }
  std::mutex mutex;
  std::vector<std::pair<net::Loop*, std::pair<limit::RemoteCounters::Done, std::size_t>>> waiting;
  std::atomic<int> given{0};
};

class SlowCounters final : public limit::RemoteCounters {
 public:
  SlowCounters(net::Loop& loop, Elsewhere& elsewhere) : loop_(loop), elsewhere_(elsewhere) {}
  bool available() const override { return true; }
  void take(std::uint64_t, std::span<const limit::Charge> charges, Done done) override {
    const std::scoped_lock lock(elsewhere_.mutex);
    elsewhere_.waiting.push_back({&loop_, {std::move(done), charges.size()}});
  }
  void raise(std::uint64_t, std::span<const limit::Charge>, std::span<const std::uint64_t>,
             Done) override {}
  void settle(std::uint64_t, std::span<const limit::Charge>, std::span<const std::uint64_t>,
              Done) override {}
  void give(std::uint64_t, std::span<const limit::Charge>) override { ++elsewhere_.given; }
  std::uint64_t next_holding() override { return ++holding_; }

 private:
  net::Loop& loop_;
  Elsewhere& elsewhere_;
  std::uint64_t holding_ = 0;
};

class SharedLimits : public testing::Test {
 protected:
  void start() {
    world.settings.drain_announce_ms = 0;
    world.settings.drain_ms = 200;
    world.remote_counters = [this](net::Loop& loop) {
      return std::make_unique<SlowCounters>(loop, elsewhere);
    };
    world.start(kPolicies);
    client = std::make_unique<Client>(world.gateway->port());
    client->send(request("POST", "/v1/chat/completions", chat("x"), World::bearer("sk-own")));
    ASSERT_TRUE(elsewhere.wait_asked(1));
    EXPECT_EQ(world.provider.count(), 0U);
    EXPECT_FALSE(client->readable(20));
  }
  Elsewhere elsewhere;
  World world;
  std::unique_ptr<Client> client;
};

TEST_F(SharedLimits, WhatIsTakenGoesOn) {
  start();
  elsewhere.say(limit::Outcome::Taken);
  EXPECT_EQ(status_in(client->receive()), "200");
  EXPECT_EQ(world.sink.wait_for(1)[0].status, 200);
}

TEST_F(SharedLimits, WhatIsRefusedIs429) {
  start();
  elsewhere.say(limit::Outcome::Refused);
  const std::string answer = client->receive();
  EXPECT_EQ(status_in(answer), "429");
  EXPECT_EQ(world.provider.count(), 0U);
}

TEST_F(SharedLimits, AClientThatLeavesIsForgotten) {
  start();
  client->close();
  EXPECT_EQ(world.sink.wait_for(1)[0].outcome, "client_gone");
  elsewhere.say(limit::Outcome::Taken);
  // What was taken for nobody is given back; the loop serves the next.
  EXPECT_TRUE(eventually([&] { return elsewhere.given.load() > 0; }));
  EXPECT_EQ(world.provider.count(), 0U);
}

TEST_F(SharedLimits, ADrainDoesNotWaitForThem) {
  start();
  world.gateway->drain();
  EXPECT_THAT(client->receive(), HasSubstr("shutting down"));
  world.gateway->wait();
}

TEST_F(SharedLimits, AGatewayThatEndsAtOnceLeavesThemInOrder) {
  start();
  world.gateway->stop_now();
  world.stop();
  EXPECT_EQ(world.sink.wait_for(1)[0].outcome, "client_gone");
}

}  // namespace
}  // namespace capsem::proxy::test
