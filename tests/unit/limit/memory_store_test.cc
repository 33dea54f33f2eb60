#include "core/limit/memory_store.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/limit/helpers.h"

namespace capsem::limit {
namespace {

TEST(MemoryStore, TwelveQuickRequestsOnTenPerMinuteR62) {
  MemoryStore store;
  for (int i = 1; i <= 12; ++i) {
    const Taken t = take(store, {window("a", 10)}, i * kSecond);
    EXPECT_EQ(t.outcome, i <= 10 ? Outcome::Taken : Outcome::Refused) << i;
    EXPECT_EQ(t.levels[0].remaining, i <= 10 ? static_cast<std::uint64_t>(10 - i) : 0U);
    EXPECT_EQ(t.levels[0].reset_ns, kMinute - (i - 1) * kSecond);
    EXPECT_EQ(t.levels[0].retry_after_ns, i <= 10 ? 0 : kMinute - (i - 1) * kSecond);
  }
  // The slots come back one by one, each at its own nanosecond.
  for (int i = 1; i <= 10; ++i) {
    const std::int64_t leaves = i * kSecond + kMinute;
    EXPECT_EQ(take(store, {window("a", 10)}, leaves - 1).outcome, Outcome::Refused) << i;
    EXPECT_EQ(take(store, {window("a", 10)}, leaves).outcome, Outcome::Taken) << i;
    EXPECT_EQ(take(store, {window("a", 10)}, leaves).outcome, Outcome::Refused) << i;
  }
}

TEST(MemoryStore, OtherKeysHaveOtherWindowsR65) {
  MemoryStore store;
  EXPECT_EQ(take(store, {window("a", 1)}, 0).outcome, Outcome::Taken);
  EXPECT_EQ(take(store, {window("a", 1)}, 0).outcome, Outcome::Refused);
  EXPECT_EQ(take(store, {window("b", 1)}, 0).outcome, Outcome::Taken);
  EXPECT_EQ(take(store, {window("", 1)}, 0).outcome, Outcome::Taken);
  EXPECT_EQ(take(store, {window("", 1)}, 0).outcome, Outcome::Refused);
}

TEST(MemoryStore, ARequestGetsAllItsChargesOrNone) {
  MemoryStore store;
  const std::vector<Charge> charges = {window("rate", 100), concurrent("slots", 1),
                                       reserved("tokens", 1'000, 10)};
  ASSERT_EQ(take(store, charges, 0).outcome, Outcome::Taken);
  const Taken refused = take(store, charges, 0);
  EXPECT_EQ(refused.outcome, Outcome::Refused);
  EXPECT_FALSE(refused.levels[0].refused);
  EXPECT_TRUE(refused.levels[1].refused);
  EXPECT_EQ(refused.levels[1].retry_after_ns, kRetryUnknownNs);
  EXPECT_FALSE(refused.levels[2].refused);
  EXPECT_EQ(refused.levels[0].used, 1U);
  EXPECT_EQ(refused.levels[2].used, 10U);
  give(store, charges[1], 1);
  EXPECT_EQ(take(store, charges, 2).levels[0].used, 2U);
}

TEST(MemoryStore, EveryChargeThatRefusesSaysSoAndWhenItWouldFit) {
  MemoryStore store;
  ASSERT_EQ(take(store, {window("a", 2), window("b", 5, 4)}, 0).outcome, Outcome::Taken);
  ASSERT_EQ(take(store, {window("a", 2)}, kSecond).outcome, Outcome::Taken);
  const Taken t = take(store, {window("a", 2), window("b", 5, 2), window("c", 9, 10)}, 2 * kSecond);
  EXPECT_EQ(t.outcome, Outcome::Refused);
  EXPECT_EQ(t.levels[0].retry_after_ns, kMinute - 2 * kSecond);
  EXPECT_EQ(t.levels[1].retry_after_ns, kMinute - 2 * kSecond);
  EXPECT_TRUE(t.levels[2].refused) << "more than the limit at once";
  EXPECT_EQ(t.levels[2].retry_after_ns, kMinute);
}

TEST(MemoryStore, AnAmountOfZeroAndALimitOfZero) {
  MemoryStore store;
  EXPECT_EQ(take(store, {window("a", 0)}, 0).outcome, Outcome::Refused);
  EXPECT_EQ(take(store, {concurrent("b", 0)}, 0).outcome, Outcome::Refused);
  const Taken t = take(store, {reserved("c", 0, 1)}, 0);
  EXPECT_EQ(t.outcome, Outcome::Refused);
  EXPECT_EQ(t.levels[0].retry_after_ns, kHour);
  EXPECT_EQ(take(store, {}, 0).outcome, Outcome::Taken);
}

TEST(MemoryStore, ConcurrentTakesComeBackOneByOne) {
  MemoryStore store;
  for (int i = 0; i < 3; ++i)
    ASSERT_EQ(take(store, {concurrent("c", 3)}, i).outcome, Outcome::Taken);
  EXPECT_EQ(take(store, {concurrent("c", 3)}, 10).outcome, Outcome::Refused);
  give(store, concurrent("c", 3), 11);
  EXPECT_EQ(take(store, {concurrent("c", 3)}, 12).outcome, Outcome::Taken);
  EXPECT_EQ(take(store, {concurrent("c", 3)}, 13).outcome, Outcome::Refused);
  for (int i = 0; i < 5; ++i) give(store, concurrent("c", 3), 14);  // two too many change nothing
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(take(store, {concurrent("c", 3)}, 15).outcome, Outcome::Taken);
  EXPECT_EQ(take(store, {concurrent("c", 3)}, 15).outcome, Outcome::Refused);
}

// One line per step: what is done, and what must come of it.
TEST(MemoryStore, ReservationsAreAdmittedWhileTheyFitAndALoneOneWhileBudgetIsLeftR63) {
  MemoryStore store;
  const auto outcome = [&](std::uint64_t estimate) {
    return take(store, {reserved("t", 1'000, estimate)}, 0).outcome;
  };
  EXPECT_EQ(outcome(600), Outcome::Taken);
  EXPECT_EQ(outcome(401), Outcome::Refused) << "600 + 401";
  EXPECT_EQ(outcome(400), Outcome::Taken) << "600 + 400";
  EXPECT_EQ(outcome(1), Outcome::Refused);
  EXPECT_EQ(settle(store, reserved("t", 1'000, 600), 100, 0).used, 500U);
  EXPECT_EQ(outcome(501), Outcome::Refused);
  EXPECT_EQ(outcome(500), Outcome::Taken);
  give(store, reserved("t", 1'000, 500), 0);
  EXPECT_FALSE(settle(store, reserved("t", 1'000, 400), 899, 0).refused);
  // 999 settled, nothing reserved: there is budget left, so one call may go.
  EXPECT_EQ(outcome(1'000'000), Outcome::Taken);
  EXPECT_EQ(outcome(1), Outcome::Refused) << "beside an estimate of a million";
  EXPECT_FALSE(settle(store, reserved("t", 1'000, 1'000'000), 1, 0).refused) << "exactly used up";
  EXPECT_EQ(outcome(1), Outcome::Refused);
  EXPECT_EQ(take(store, {reserved("t", 1'000, 1)}, kHour - 1).outcome, Outcome::Refused);
  EXPECT_EQ(take(store, {reserved("t", 1'000, 1)}, kHour).outcome, Outcome::Taken);
}

TEST(MemoryStore, TheCallThatCrossesIsToldSoAndLaterOnesAreRefusedR63) {
  MemoryStore store;
  ASSERT_EQ(take(store, {reserved("t", 100, 90)}, 0).outcome, Outcome::Taken);
  const Level crossed = settle(store, reserved("t", 100, 90), 101, kSecond);
  EXPECT_TRUE(crossed.refused);
  EXPECT_EQ(crossed.remaining, 0U);
  EXPECT_EQ(crossed.reset_ns, kHour);
  const Taken later = take(store, {reserved("t", 100, 1)}, 2 * kSecond);
  EXPECT_EQ(later.outcome, Outcome::Refused);
  EXPECT_EQ(later.levels[0].retry_after_ns, kHour - kSecond);
}

TEST(MemoryStore, ACallThatUsedNothingCrossesNothing) {
  MemoryStore store;
  ASSERT_EQ(take(store, {reserved("t", 100, 50)}, 0).outcome, Outcome::Taken);
  ASSERT_EQ(take(store, {reserved("t", 100, 50)}, 0).outcome, Outcome::Taken);
  EXPECT_TRUE(settle(store, reserved("t", 100, 50), 200, 0).refused);
  EXPECT_FALSE(settle(store, reserved("t", 100, 50), 0, 0).refused);
}

TEST(MemoryStore, WhatNobodyHoldsCanNeitherBeSettledNorGivenBack) {
  MemoryStore store;
  ASSERT_EQ(take(store, {reserved("t", 100, 40)}, 0).outcome, Outcome::Taken);
  settle(store, reserved("t", 100, 40), 10, 0);
  settle(store, reserved("t", 100, 40), 10, 0);
  give(store, reserved("t", 100, 40), 0);
  const Taken t = take(store, {reserved("t", 100, 90)}, 0);
  EXPECT_EQ(t.outcome, Outcome::Taken);
  EXPECT_EQ(t.levels[0].used, 100U);
}

TEST(MemoryStore, RetryAfterOfReservationsWaitsForWhatIsSettledOnly) {
  MemoryStore store;
  ASSERT_EQ(take(store, {reserved("t", 100, 60)}, 0).outcome, Outcome::Taken);
  settle(store, reserved("t", 100, 60), 60, kSecond);
  ASSERT_EQ(take(store, {reserved("t", 100, 30)}, 2 * kSecond).outcome, Outcome::Taken);
  // 60 settled, 30 reserved.
  EXPECT_EQ(take(store, {reserved("t", 100, 20)}, 3 * kSecond).levels[0].retry_after_ns,
            kHour - 2 * kSecond);
  EXPECT_EQ(take(store, {reserved("t", 100, 71)}, 3 * kSecond).levels[0].retry_after_ns,
            kRetryUnknownNs);
  settle(store, reserved("t", 100, 30), 50, 4 * kSecond);
  // 110 settled, nothing reserved: a lone call may go as soon as one token is free.
  EXPECT_EQ(take(store, {reserved("t", 100, 99)}, 5 * kSecond).levels[0].retry_after_ns,
            kHour - 4 * kSecond);
}

TEST(MemoryStore, WhatIsOnlyReservedResetsInAWindow) {
  MemoryStore store;
  EXPECT_EQ(take(store, {reserved("t", 100, 10)}, 0).levels[0].reset_ns, kHour);
  EXPECT_EQ(take(store, {concurrent("c", 2)}, 0).levels[0].reset_ns, 0);
}

TEST(MemoryStore, RaisingKeepsTheBudgetWhoeverElseIsRunning) {
  MemoryStore store;
  ASSERT_EQ(take(store, {reserved("t", 100, 30)}, 0).outcome, Outcome::Taken);
  ASSERT_EQ(take(store, {reserved("t", 100, 40)}, 0).outcome, Outcome::Taken);
  EXPECT_FALSE(raise(store, reserved("t", 100, 30), 30, 0).refused);
  EXPECT_EQ(raise(store, reserved("t", 100, 30), 60, 0).used, 100U);
  EXPECT_TRUE(raise(store, reserved("t", 100, 60), 61, 0).refused);
  EXPECT_EQ(raise(store, reserved("t", 100, 40), 40, 0).used, 100U) << "what was reserved is sure";
  EXPECT_TRUE(raise(store, reserved("t", 100, 40), 41, 0).refused);
  settle(store, reserved("t", 100, 40), 10, 0);
  EXPECT_FALSE(raise(store, reserved("t", 100, 60), 90, 0).refused);
  EXPECT_TRUE(raise(store, reserved("t", 100, 90), 91, 0).refused);
  EXPECT_FALSE(settle(store, reserved("t", 100, 90), 90, 0).refused);
}

TEST(MemoryStore, WhatWasReservedMayBeUsedEvenWhenOthersUsedMoreThanTheyReserved) {
  MemoryStore store;
  for (const std::uint64_t estimate : {30, 30, 40}) {
    ASSERT_EQ(take(store, {reserved("t", 100, estimate)}, 0).outcome, Outcome::Taken);
  }
  settle(store, reserved("t", 100, 40), 60, 0);
  // 60 settled, 30 and 30 reserved: 120.
  EXPECT_FALSE(raise(store, reserved("t", 100, 30), 30, 0).refused);
  EXPECT_TRUE(raise(store, reserved("t", 100, 30), 31, 0).refused);
  settle(store, reserved("t", 100, 30), 30, 0);
  EXPECT_FALSE(raise(store, reserved("t", 100, 30), 10, 0).refused);
  EXPECT_TRUE(raise(store, reserved("t", 100, 30), 11, 0).refused) << "now it is gone";
}

TEST(MemoryStore, ALoneCallWithALargeEstimateIsStoppedWhenTheBudgetIsUsedUp) {
  MemoryStore store;
  ASSERT_EQ(take(store, {reserved("t", 100, 5'000)}, 0).outcome, Outcome::Taken);
  EXPECT_FALSE(raise(store, reserved("t", 100, 5'000), 100, 0).refused);
  EXPECT_TRUE(raise(store, reserved("t", 100, 5'000), 101, 0).refused);
}

TEST(MemoryStore, KindsThatACallDoesNotConcernAreSkipped) {
  MemoryStore store;
  const Charge w = window("w", 10), c = concurrent("c", 10);
  ASSERT_EQ(take(store, {w, c}, 0).outcome, Outcome::Taken);
  settle(store, w, 5, 0);
  settle(store, c, 5, 0);
  raise(store, c, 5, 0);
  give(store, w, 0);
  const Taken t = take(store, {w, c}, 0);
  EXPECT_EQ(t.levels[0].used, 2U);
  EXPECT_EQ(t.levels[1].used, 2U);
}

TEST(MemoryStore, AChangedLimitCountsWhatWasTakenUnderTheOldOne) {
  MemoryStore store;
  for (int i = 0; i < 5; ++i) ASSERT_EQ(take(store, {window("a", 5)}, i).outcome, Outcome::Taken);
  EXPECT_EQ(take(store, {window("a", 3)}, 6).outcome, Outcome::Refused);
  EXPECT_EQ(take(store, {window("a", 6)}, 6).outcome, Outcome::Taken);
  EXPECT_EQ(take(store, {window("a", 3)}, kMinute + 2).outcome, Outcome::Refused);
  EXPECT_EQ(take(store, {window("a", 3)}, kMinute + 3).outcome, Outcome::Taken);
}

// ---- The bound on keys ----

TEST(MemoryStore, IdleKeysMakeRoomAndKeysInUseDoNot) {
  MemoryStore store({.keys_max = 3});
  ASSERT_EQ(take(store, {window("w", 5)}, 0).outcome, Outcome::Taken);
  ASSERT_EQ(take(store, {concurrent("c", 5)}, 0).outcome, Outcome::Taken);
  ASSERT_EQ(take(store, {reserved("r", 5, 1)}, 0).outcome, Outcome::Taken);
  EXPECT_EQ(store.keys(), 3U);
  EXPECT_EQ(take(store, {window("x", 5)}, 1).outcome, Outcome::Full);
  EXPECT_EQ(store.refused_full(), 1U);
  EXPECT_EQ(take(store, {window("w", 5)}, 1).levels[0].used, 2U) << "known keys go on";
  // The window is back at zero one minute after it was used last.
  EXPECT_EQ(take(store, {window("x", 5)}, kMinute).outcome, Outcome::Full);
  EXPECT_EQ(take(store, {window("x", 5)}, kMinute + 1).outcome, Outcome::Taken);
  EXPECT_EQ(store.keys(), 3U);
  // A slot given back leaves nothing to remember.
  give(store, concurrent("c", 5), kMinute + 2);
  EXPECT_EQ(take(store, {window("y", 5)}, kMinute + 2).outcome, Outcome::Taken);
  // A reservation that was dropped, too; one that was settled counts for its hour.
  give(store, reserved("r", 5, 1), kMinute + 3);
  ASSERT_EQ(take(store, {reserved("r2", 5, 1)}, kMinute + 3).outcome, Outcome::Taken);
  settle(store, reserved("r2", 5, 1), 1, kMinute + 4);
  EXPECT_EQ(take(store, {concurrent("z", 5)}, kMinute + 5).outcome, Outcome::Full);
  EXPECT_EQ(store.keys(), 3U);
  EXPECT_EQ(store.refused_full(), 3U);
}

TEST(MemoryStore, ATakeThatFindsNoRoomTakesNothing) {
  MemoryStore store({.keys_max = 2});
  ASSERT_EQ(take(store, {window("a", 5)}, 0).outcome, Outcome::Taken);
  EXPECT_EQ(take(store, {window("a", 5), window("b", 5), window("c", 5)}, 0).outcome,
            Outcome::Full);
  EXPECT_EQ(store.keys(), 1U);
  EXPECT_EQ(take(store, {window("a", 5), window("b", 5)}, 0).levels[0].used, 2U);
}

TEST(MemoryStore, ARefusedTakeUsesNoKey) {
  MemoryStore store;
  EXPECT_EQ(take(store, {window("new", 5), window("never", 0)}, 0).outcome, Outcome::Refused);
  EXPECT_EQ(store.keys(), 0U);
}

TEST(MemoryStore, ManyMoreKeysThanFitPassThroughOneAfterTheOther) {
  MemoryStore store({.keys_max = 100});
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_EQ(take(store, {window("k" + std::to_string(i), 1)}, i * kSecond).outcome,
              Outcome::Taken);
    ASSERT_LE(store.keys(), 100U);
  }
  EXPECT_EQ(store.refused_full(), 0U);
}

TEST(MemoryStore, MoreChargesThanACallMayHaveAreRefused) {
  MemoryStore store;
  std::vector<std::string> keys;
  for (std::size_t i = 0; i <= kChargesMax; ++i) keys.push_back(std::to_string(i));
  std::vector<Charge> charges;
  for (const std::string& key : keys) charges.push_back(window(key, 1));
  EXPECT_EQ(take(store, charges, 0).outcome, Outcome::Full);
  charges.pop_back();
  EXPECT_EQ(take(store, charges, 0).outcome, Outcome::Taken);
  EXPECT_EQ(store.keys(), kChargesMax);
}

// ---- Oracle ----

// Every call against a store of plain lists: what is admitted, and every number that is told.
TEST(MemoryStore, AgreesWithPlainListsOverRandomCalls) {
  struct Plain {
    std::vector<std::pair<std::int64_t, std::uint64_t>> settled;
    std::vector<std::uint64_t> held;
    std::uint64_t sum(std::int64_t now, std::int64_t window_ns) const {
      std::uint64_t s = 0;
      for (const auto& [at, amount] : settled) s += at + window_ns > now ? amount : 0;
      return s;
    }
    std::uint64_t all_held() const {
      std::uint64_t s = 0;
      for (const std::uint64_t h : held) s += h;
      return s;
    }
  };
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    MemoryStore store({.keys_max = 100, .hash_seed = seed});
    std::map<std::string, Plain, std::less<>> plain;
    const std::vector<std::string> names = {"wa", "wb", "ca", "cb", "ra", "rb"};
    std::int64_t now = 0;
    int refusals = 0;
    for (int step = 0; step < 4'000; ++step) {
      now += static_cast<std::int64_t>(random() % (20 * kSecond));
      const std::string& name = names[random() % names.size()];
      Plain& p = plain[name];
      if (name[0] != 'w' && !p.held.empty() && random() % 2 == 0) {
        const std::size_t i = random() % p.held.size();
        const std::uint64_t held = p.held[i];
        p.held.erase(p.held.begin() + static_cast<std::ptrdiff_t>(i));
        if (name[0] == 'c') {
          give(store, concurrent(name, 5), now);
        } else {
          const std::uint64_t used = random() % 60;
          if (used > 0) p.settled.emplace_back(now, used);
          const Level level = settle(store, reserved(name, 900, held), used, now);
          ASSERT_EQ(level.used, p.sum(now, kHour) + p.all_held());
          ASSERT_EQ(level.refused, used > 0 && p.sum(now, kHour) > 900);
        }
        continue;
      }
      // One take of one to three different keys.
      std::vector<Charge> charges;
      for (const std::string& n : names) {
        if (n != name && random() % 3 != 0) continue;
        charges.push_back(n[0] == 'w'   ? window(n, 10, 1 + random() % 2)
                          : n[0] == 'c' ? concurrent(n, 5)
                                        : reserved(n, 900, random() % 300));
      }
      bool fits = true;
      for (const Charge& c : charges) {
        const Plain& q = plain[std::string(c.key)];
        const std::uint64_t sum = q.sum(now, c.window_ns);
        fits &= sum + q.all_held() + c.amount <= c.max ||
                (c.kind == Kind::Reserved && q.held.empty() && sum < c.max);
      }
      const Taken taken = take(store, charges, now);
      ASSERT_EQ(taken.outcome, fits ? Outcome::Taken : Outcome::Refused) << step;
      refusals += fits ? 0 : 1;
      for (std::size_t i = 0; i < charges.size(); ++i) {
        Plain& q = plain[std::string(charges[i].key)];
        if (fits && charges[i].kind == Kind::Window) q.settled.emplace_back(now, charges[i].amount);
        if (fits && charges[i].kind != Kind::Window) q.held.push_back(charges[i].amount);
        const std::uint64_t used = q.sum(now, charges[i].window_ns) + q.all_held();
        ASSERT_EQ(taken.levels[i].used, used);
        ASSERT_EQ(taken.levels[i].remaining, used > charges[i].max ? 0 : charges[i].max - used);
      }
    }
    EXPECT_GT(refusals, 100);
    EXPECT_LT(refusals, 3'000);
  }
}

// A refusal's retry_after is the first moment at which the same call passes.
TEST(MemoryStore, RetryAfterIsNeitherTooEarlyNorTooLate) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    MemoryStore store;
    std::int64_t now = 0;
    for (int i = 0; i < 200; ++i) {
      now += static_cast<std::int64_t>(random() % (2 * kSecond));
      const Charge charge = window("a", 40, 1 + random() % 5);
      const Taken t = take(store, {charge}, now);
      if (t.outcome == Outcome::Taken) continue;
      now += t.levels[0].retry_after_ns;
      ASSERT_EQ(take(store, {charge}, now - 1).outcome, Outcome::Refused);
      ASSERT_EQ(take(store, {charge}, now).outcome, Outcome::Taken);
    }
  }
}

}  // namespace
}  // namespace capsem::limit
