// Counters and tool pins that survive a restart (R48, T18), with both databases.

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "core/base/clock.h"
#include "server/sql/schema.h"
#include "server/store/saved_counters.h"
#include "server/store/saved_pins.h"
#include "server/store/saver.h"
#include "tests/unit/sql/databases.h"

namespace capsem::store {
namespace {

using limit::MemoryStore;
using policy::PinState;
using sql::count;
using sql::is_done;
constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kHour = 3'600 * kSecond;
constexpr std::int64_t kDay = 24 * kHour;

class TestClock final : public Clock {
 public:
  std::int64_t monotonic_ns() const override { return monotonic; }
  std::int64_t wall_ms() const override { return wall; }
  std::atomic<std::int64_t> monotonic{100 * kDay};
  std::atomic<std::int64_t> wall{1'700'000'000'000};
  void pass(std::int64_t ns) {
    monotonic += ns;
    wall += ns / 1'000'000;
  }
};

class WhatOutlives : public sql::BothDatabases {
 protected:
  void SetUp() override {
    BothDatabases::SetUp();
    if (connection_) {
      EXPECT_DONE(sql::migrate(*connection_));
    }
  }
  limit::Outcome take(MemoryStore& store, std::string_view key, std::uint64_t max,
                      std::uint64_t amount = 1) const {
    const limit::Charge charge{
        .key = key, .kind = limit::Kind::Window, .amount = amount, .max = max, .window_ns = kDay};
    limit::Level level;
    return store.take({&charge, 1}, clock_.monotonic_ns(), {&level, 1});
  }
  std::int64_t counters() { return count(*connection_, "SELECT count(*) FROM counter"); }
  std::int64_t pins() { return count(*connection_, "SELECT count(*) FROM tool_pin"); }

  TestClock clock_;
};
INSTANTIATE_TEST_SUITE_P(Both, WhatOutlives,
                         testing::Values(sql::Kind::Sqlite, sql::Kind::Postgres),
                         sql::name_of_kind);

// R48: neither a stop nor a crash makes a day's budget new.
TEST_P(WhatOutlives, ARestartGivesNobodyANewBudget) {
  using namespace std::string_view_literals;
  const std::string_view keys[] = {"day|key|alice"sv, "day|odd\0name\xFF"sv, "day|odd\0name\xFE"sv};
  MemoryStore before;
  SavedCounters saves(before, clock_, "one");
  for (const std::string_view key : keys) {
    for (int i = 0; i < 7; ++i) EXPECT_EQ(take(before, key, 10), limit::Outcome::Taken);
  }
  EXPECT_DONE(saves.save(*connection_));
  clock_.pass(kHour);

  MemoryStore after;
  SavedCounters loads(after, clock_, "one");
  const auto loaded = loads.load(*connection_);
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->restored, 3u);
  for (const std::string_view key : keys) {
    for (int i = 0; i < 3; ++i) EXPECT_EQ(take(after, key, 10), limit::Outcome::Taken);
    EXPECT_EQ(take(after, key, 10), limit::Outcome::Refused);
  }
  clock_.pass(kDay - kHour - kSecond);
  for (const std::string_view key : keys) EXPECT_EQ(take(after, key, 10), limit::Outcome::Refused);
  clock_.pass(kSecond + 3'000'000);
  for (const std::string_view key : keys) EXPECT_EQ(take(after, key, 10), limit::Outcome::Taken);
}

TEST_P(WhatOutlives, EachGatewayHasCountersOfItsOwn) {
  MemoryStore one;
  MemoryStore two;
  SavedCounters saves(one, clock_, "one");
  take(one, "k", 10, 10);
  EXPECT_DONE(saves.save(*connection_));
  SavedCounters other(two, clock_, "two");
  EXPECT_EQ(other.load(*connection_)->restored, 0u);
  EXPECT_EQ(take(two, "k", 10, 10), limit::Outcome::Taken);
  EXPECT_DONE(other.save(*connection_));
  EXPECT_EQ(counters(), 2);
}

TEST_P(WhatOutlives, ManyCountersAreSavedAndOnlyTheChangedOnesAgain) {
  MemoryStore store;
  SavedCounters saves(store, clock_, "one");
  for (int i = 0; i < 1'000; ++i) take(store, "k" + std::to_string(i), 10);
  EXPECT_DONE(saves.save(*connection_));
  EXPECT_EQ(counters(), 1'000);
  EXPECT_DONE(connection_->run("DELETE FROM counter"));
  take(store, "k5", 10);
  EXPECT_DONE(saves.save(*connection_));
  EXPECT_EQ(counters(), 1);
}

TEST_P(WhatOutlives, WhatIsOverIsNeitherLoadedNorKept) {
  MemoryStore store;
  SavedCounters saves(store, clock_, "one");
  take(store, "old", 10);
  EXPECT_DONE(saves.save(*connection_));
  clock_.pass(kDay);
  take(store, "new", 10);
  MemoryStore after;
  SavedCounters loads(after, clock_, "one");
  const auto loaded = loads.load(*connection_);
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->over, 1u);
  EXPECT_EQ(after.keys(), 0u);
  EXPECT_DONE(saves.save(*connection_));
  EXPECT_EQ(counters(), 1);
  EXPECT_EQ(count(*connection_, "SELECT count(*) FROM counter WHERE until_ms > 0"), 1);
}

TEST_P(WhatOutlives, ADamagedRowIsLeftOut) {
  EXPECT_DONE(connection_->run(
      "INSERT INTO counter (gateway, name, state, until_ms) VALUES ('one', $1, $2, 5)",
      {sql::Blob{"k"}, sql::Blob{"\x07"}}));
  MemoryStore store;
  SavedCounters loads(store, clock_, "one");
  EXPECT_EQ(loads.load(*connection_)->unreadable, 1u);
  EXPECT_EQ(store.keys(), 0u);
}

TEST_P(WhatOutlives, CountersThatCouldNotBeSavedAreSavedLater) {
  MemoryStore store;
  SavedCounters saves(store, clock_, "one");
  for (int i = 0; i < 600; ++i) take(store, "k" + std::to_string(i), 10);
  EXPECT_DONE(connection_->run("ALTER TABLE counter RENAME TO away"));
  EXPECT_FALSE(saves.save(*connection_));
  take(store, "k1", 10);
  EXPECT_FALSE(saves.save(*connection_));
  EXPECT_DONE(connection_->run("ALTER TABLE away RENAME TO counter"));
  EXPECT_DONE(saves.save(*connection_));
  EXPECT_EQ(counters(), 600);
  MemoryStore after;
  SavedCounters loads(after, clock_, "one");
  EXPECT_EQ(loads.load(*connection_)->restored, 600u);
  EXPECT_EQ(take(after, "k1", 2), limit::Outcome::Refused) << "the newest state";
}

// T18
TEST_P(WhatOutlives, AToolThatWasSeenIsKnownAfterARestart) {
  using namespace std::string_view_literals;
  SavedPins before(clock_);
  EXPECT_EQ(before.look("p", "t", "one"), PinState::New);
  EXPECT_EQ(before.look("p", "odd\0\xFF"sv, "one"), PinState::New);
  EXPECT_EQ(before.look("p", "odd\0\xFE"sv, "two"), PinState::New);
  before.accept("p", "t", "two");
  EXPECT_DONE(before.save(*connection_));
  SavedPins after(clock_);
  EXPECT_DONE(after.load(*connection_));
  EXPECT_EQ(after.look("p", "t", "two"), PinState::Unchanged);
  EXPECT_EQ(after.look("p", "t", "one"), PinState::Changed);
  EXPECT_EQ(after.look("p", "odd\0\xFF"sv, "one"), PinState::Unchanged);
  EXPECT_EQ(after.look("p", "odd\0\xFE"sv, "two"), PinState::Unchanged);
  EXPECT_EQ(after.look("q", "t", "one"), PinState::New);
}

TEST_P(WhatOutlives, OfTwoGatewaysTheFirstToSaveIsRightUntilAPersonSaysOtherwise) {
  SavedPins one(clock_);
  SavedPins two(clock_);
  one.look("p", "t", "one");
  two.look("p", "t", "two");
  EXPECT_DONE(one.save(*connection_));
  EXPECT_DONE(two.save(*connection_));
  SavedPins after(clock_);
  EXPECT_DONE(after.load(*connection_));
  EXPECT_EQ(after.look("p", "t", "one"), PinState::Unchanged);
  two.accept("p", "t", "two");
  EXPECT_DONE(two.save(*connection_));
  EXPECT_DONE(after.load(*connection_));
  EXPECT_EQ(after.look("p", "t", "two"), PinState::Unchanged);
}

TEST_P(WhatOutlives, PinsThatCouldNotBeSavedAreSavedLater) {
  SavedPins pins_here(clock_);
  pins_here.look("p", "a", "one");
  EXPECT_DONE(connection_->run("ALTER TABLE tool_pin RENAME TO away"));
  EXPECT_FALSE(pins_here.save(*connection_));
  pins_here.accept("p", "a", "two");
  EXPECT_FALSE(pins_here.save(*connection_));
  EXPECT_DONE(connection_->run("ALTER TABLE away RENAME TO tool_pin"));
  EXPECT_DONE(pins_here.save(*connection_));
  EXPECT_EQ(count(*connection_, "SELECT count(*) FROM tool_pin WHERE digest = 'two'"), 1);
}

TEST_P(WhatOutlives, MemoryAndTableOfPinsAreBounded) {
  SavedPins pins_here(clock_, {.rows_max = 100, .waiting_max = 60});
  for (int round = 0; round < 4; ++round) {
    for (int i = 0; i < 61; ++i) {
      clock_.pass(1'000'000);
      pins_here.look("p" + std::to_string(round), "t" + std::to_string(i), "d");
    }
    EXPECT_EQ(pins_here.dropped(), static_cast<std::uint64_t>(round + 1));
    EXPECT_DONE(pins_here.save(*connection_));
    EXPECT_LE(pins(), 100);
    EXPECT_GE(pins(), 60);
  }
  EXPECT_EQ(pins(), 90) << "the oldest tenth more than had to go";
  SavedPins after(clock_);
  EXPECT_DONE(after.load(*connection_));
  EXPECT_EQ(after.look("p3", "t59", "d"), PinState::Unchanged) << "the newest ones stay";
  EXPECT_EQ(after.look("p0", "t0", "d"), PinState::New);
}

TEST_P(WhatOutlives, TheSaverSavesNowAndThenAndALastTime) {
  std::atomic<int> often{0};
  std::atomic<int> seldom{0};
  std::promise<void> thrice;
  {
    Saver saver(target_, {{.name = "often",
                           .every = std::chrono::milliseconds(1),
                           .save = [&](sql::Connection& connection) -> Status {
                             EXPECT_TRUE(connection.usable());
                             if (++often == 3) thrice.set_value();
                             if (often == 1) return gateway_error("store_busy", "once");
                             return {};
                           }},
                          {.name = "seldom",
                           .every = std::chrono::hours(1),
                           .save = [&](sql::Connection&) -> Status {
                             ++seldom;
                             return {};
                           }}});
    thrice.get_future().wait();
    EXPECT_EQ(saver.failures(), 1u);
    EXPECT_EQ(seldom, 0);
  }
  EXPECT_EQ(seldom, 1);
}

TEST(WhatOutlivesWithoutDatabase, TheSaverTriesAgain) {
  const sql::Folder folder;
  sql::Target target;
  target.location = folder.path("later/deeper/capsem.db");
  std::promise<void> saved;
  std::atomic<bool> told{false};
  Saver saver(target, {{.name = "it",
                        .every = std::chrono::milliseconds(1),
                        .save = [&](sql::Connection&) -> Status {
                          if (!told.exchange(true)) saved.set_value();
                          return {};
                        }}});
  while (saver.failures() < 3) std::this_thread::yield();
  EXPECT_FALSE(told);
  std::filesystem::create_directories(folder.path("later/deeper"));
  saved.get_future().wait();
}

}  // namespace
}  // namespace capsem::store
