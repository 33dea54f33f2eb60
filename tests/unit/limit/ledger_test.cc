#include "core/limit/ledger.h"

#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/limit/ledger_fixture.h"

namespace capsem::limit {
namespace {

TEST_P(LedgerTest, TwelveQuickRequestsOnALimitOfTenR62) {
  const LimitRule ten = rule("limits", {{Dimension::RequestsPerMinute, 10}});
  for (int i = 1; i <= 12; ++i) {
    clock.now_ns += kSecond;
    auto held = take({&ten});
    ASSERT_EQ(held.has_value(), i <= 10) << i;
    if (held) {
      EXPECT_EQ(held->standing().requests->remaining, static_cast<std::uint64_t>(10 - i));
      EXPECT_FALSE(held->counts_usage());
      continue;
    }
    EXPECT_EQ(held.error().code, "rate_limit_exceeded");
    EXPECT_EQ(held.error().message, "Rate limit exceeded: 10 requests per minute for agent 'a'");
    EXPECT_EQ(held.error().rule, "limits");
    EXPECT_EQ(held.error().retry_after_ns, kMinute - (i - 1) * kSecond);
    EXPECT_FALSE(held.error().unavailable);
    EXPECT_EQ(held.error().standing.requests->limit, 10U);
    EXPECT_EQ(held.error().standing.requests->remaining, 0U);
  }
  EXPECT_TRUE(take({&ten}, {.model = "gpt-4o"}, "b")) << "another agent's window is another (R65)";
}

TEST_P(LedgerTest, NoRulesHoldNothing) {
  auto held = take({});
  ASSERT_TRUE(held);
  EXPECT_FALSE(held->counts_usage());
  EXPECT_FALSE(held->spent_so_far(usage(1'000'000, 1)));
  EXPECT_FALSE(held->settle(usage(1'000'000, 1)));
  held->release();
  EXPECT_FALSE(held->standing().requests);
  EXPECT_EQ(memory.keys() + shared.remote.store.keys(), 0U);
}

TEST_P(LedgerTest, TheEstimateIsReservedAndTheUsageSettlesItR63) {
  LimitRule tokens = rule("limits", {{Dimension::TokensPerHour, 10'000}});
  tokens.estimate_output_tokens = 300;
  struct Case {
    const char* name;
    Ask ask;
    std::uint64_t reserved;
  };
  const Case kCases[] = {
      {"input by bytes, output by the rule",
       {.model = "x", .input_bytes = 401, .max_tokens = {}, .choices = 1},
       101 + 300},
      {"the client's bound",
       {.model = "x", .input_bytes = 400, .max_tokens = 50, .choices = 1},
       100 + 50},
      {"several choices",
       {.model = "x", .input_bytes = 400, .max_tokens = 50, .choices = 3},
       100 + 150},
  };
  std::uint64_t settled = 0;
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    auto held = take({&tokens}, c.ask);
    ASSERT_TRUE(held);
    EXPECT_TRUE(held->counts_usage());
    EXPECT_EQ(used(tokens, Dimension::TokensPerHour), settled + c.reserved);
    EXPECT_FALSE(held->settle(usage(30, 12)));
    settled += 42;
    EXPECT_EQ(used(tokens, Dimension::TokensPerHour), settled);
    EXPECT_EQ(held->standing().tokens->remaining, 10'000 - settled);
  }
}

TEST_P(LedgerTest, ATotalBeyondInputAndOutputCounts) {
  const LimitRule both =
      rule("limits", {{Dimension::TokensPerHour, 10'000}, {Dimension::CostPerDay, 100'000'000}});
  auto held = take({&both});
  ASSERT_TRUE(held);
  // 1000 in, 1000 out, 500 thoughts that are paid for as output.
  EXPECT_FALSE(
      held->settle({.input_tokens = 1'000, .output_tokens = 1'000, .total_tokens = 2'500}));
  EXPECT_EQ(used(both, Dimension::TokensPerHour), 2'500U);
  EXPECT_EQ(used(both, Dimension::CostPerDay), 2'500U + 15'000U);
}

TEST_P(LedgerTest, TheCallThatCrossesIsRefusedAfterwardsAndLaterOnesBeforeR63) {
  LimitRule tokens = rule("limits", {{Dimension::TokensPerHour, 100}});
  for (const Overrun overrun : {Overrun::Withhold, Overrun::Deliver}) {
    tokens.overrun = overrun;
    auto held = take({&tokens}, ask_for(40, 10));
    ASSERT_TRUE(held);
    clock.now_ns += kSecond;
    const auto crossed = held->settle(usage(10, 91));
    ASSERT_TRUE(crossed);
    EXPECT_EQ(crossed->code, "token_limit_exceeded");
    EXPECT_EQ(crossed->message, "Token limit exceeded: 100 tokens per hour for agent 'a'");
    EXPECT_EQ(crossed->overrun, overrun);
    EXPECT_EQ(crossed->retry_after_ns, kHour);
    const auto later = take({&tokens}, ask_for(4, 1));
    ASSERT_FALSE(later);
    EXPECT_EQ(later.error().code, "token_limit_exceeded");
    EXPECT_EQ(later.error().retry_after_ns, kHour);
    clock.now_ns += kHour;
  }
}

TEST_P(LedgerTest, ExactlyTheLimitDoesNotCrossIt) {
  const LimitRule tokens = rule("limits", {{Dimension::TokensPerHour, 100}});
  auto held = take({&tokens}, ask_for(40, 10));
  ASSERT_TRUE(held);
  EXPECT_FALSE(held->settle(usage(10, 90)));
  EXPECT_FALSE(take({&tokens}, ask_for(4, 1)));
}

TEST_P(LedgerTest, OfSeveralLimitsThatWereCrossedOneThatWithholdsIsTold) {
  LimitRule first = rule("first", {{Dimension::TokensPerHour, 100}});
  LimitRule second = rule("second", {{Dimension::TokensPerDay, 100}});
  first.overrun = Overrun::Deliver;
  auto held = take({&first, &second}, ask_for(4, 1));
  ASSERT_TRUE(held);
  EXPECT_EQ(held->settle(usage(1, 200))->rule, "second");
}

TEST_P(LedgerTest, AStreamIsStoppedWhenItsBudgetIsUsedUp) {
  const LimitRule tokens = rule("limits", {{Dimension::TokensPerHour, 100}});
  auto held = take({&tokens}, ask_for(40, 5'000));  // alone: admitted whatever its estimate
  ASSERT_TRUE(held);
  for (std::uint64_t out = 1; out <= 90; ++out) EXPECT_FALSE(held->spent_so_far(usage(10, out)));
  const auto stop = held->spent_so_far(usage(10, 91));
  ASSERT_TRUE(stop);
  EXPECT_EQ(stop->code, "token_limit_exceeded");
  EXPECT_TRUE(held->settle(usage(10, 91)));
  EXPECT_EQ(used(tokens, Dimension::TokensPerHour), 101U);
}

TEST_P(LedgerTest, StreamsSideBySideStopBeforeTheyPassTheBudgetTogether) {
  // Each was admitted with a small estimate, and all of them write without end.
  LimitRule tokens = rule("limits", {{Dimension::TokensPerHour, 1'000}});
  tokens.estimate_output_tokens = 10;
  std::vector<Holding> streams;
  for (int i = 0; i < 20; ++i) {
    auto held = take({&tokens}, {.model = "x"});
    ASSERT_TRUE(held);
    streams.push_back(*std::move(held));
  }
  std::mt19937_64 random(3);
  std::vector<std::uint64_t> written(streams.size(), 0);
  std::vector<bool> stopped(streams.size(), false);
  for (int step = 0; step < 5'000; ++step) {
    const std::size_t i = random() % streams.size();
    if (stopped[i]) continue;
    // Asked before the token is passed on.
    stopped[i] = streams[i].spent_so_far(usage(0, written[i] + 1)).has_value();
    if (!stopped[i]) ++written[i];
  }
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < streams.size(); ++i) {
    EXPECT_TRUE(stopped[i]);
    total += written[i];
    EXPECT_FALSE(streams[i].settle(usage(0, written[i])));
  }
  EXPECT_EQ(total, 1'000U);
}

TEST_P(LedgerTest, WhatIsReleasedCostsNothingButTheRequestStaysCountedR57) {
  const LimitRule limits = rule("limits", {{Dimension::RequestsPerMinute, 5},
                                           {Dimension::ConcurrentRequests, 2},
                                           {Dimension::TokensPerHour, 1'000}});
  const auto bystander = take({&limits}, ask_for(4, 499));
  auto held = take({&limits}, ask_for(400, 100));
  ASSERT_TRUE(bystander && held);
  const auto expect_released = [&] {
    EXPECT_EQ(used(limits, Dimension::RequestsPerMinute), 2U);
    EXPECT_EQ(used(limits, Dimension::ConcurrentRequests), 1U);
    EXPECT_EQ(used(limits, Dimension::TokensPerHour), 500U);
  };
  held->release();
  expect_released();
  // Nothing more comes of it, now or when it dies.
  held->release();
  EXPECT_FALSE(held->settle(usage(5'000, 0)));
  EXPECT_FALSE(held->spent_so_far(usage(5'000, 0)));
  expect_released();
  {
    const Holding gone = *std::move(held);
  }
  expect_released();
}

TEST_P(LedgerTest, ARefusedRequestTakesNothingOfAnyLimitR57) {
  const LimitRule limits = rule("limits", {{Dimension::RequestsPerMinute, 5},
                                           {Dimension::ConcurrentRequests, 1},
                                           {Dimension::TokensPerHour, 1'000}});
  auto first = take({&limits}, ask_for(4, 1));
  ASSERT_TRUE(first);
  const auto second = take({&limits}, ask_for(4, 1));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, "concurrency_limit_exceeded");
  EXPECT_EQ(second.error().message,
            "Concurrency limit exceeded: 1 concurrent request for agent 'a'");
  EXPECT_EQ(used(limits, Dimension::RequestsPerMinute), 1U);
  EXPECT_EQ(used(limits, Dimension::TokensPerHour), 2U);
}

TEST_P(LedgerTest, AClientThatLeftPaysForWhatWasReceived) {
  const LimitRule limits =
      rule("limits", {{Dimension::ConcurrentRequests, 2}, {Dimension::TokensPerHour, 1'000}});
  // Somebody else's reservation and slot, which none of this may touch.
  const auto bystander = take({&limits}, ask_for(4, 499));
  ASSERT_TRUE(bystander);
  struct Case {
    const char* name;
    std::function<void(Holding&)> before;
    std::uint64_t billed;
  };
  const Case kCases[] = {
      {"nothing was heard of: the estimate", [](Holding&) {}, 110},
      {"some was received: that", [](Holding& h) { h.spent_so_far(usage(100, 3)); }, 103},
      {"more than the estimate", [](Holding& h) { h.spent_so_far(usage(100, 70)); }, 170},
      {"the last word counts",
       [](Holding& h) {
         h.spent_so_far(usage(100, 1));
         h.spent_so_far(usage(100, 2));
       },
       102},
      {"settled before: once",
       [](Holding& h) {
         h.spent_so_far(usage(100, 1));
         h.settle(usage(90, 5));
       },
       95},
      {"settled twice: the first counts",
       [](Holding& h) {
         h.settle(usage(90, 5));
         h.settle(usage(90, 500));
       },
       95},
      {"released after it was settled: still settled",
       [](Holding& h) {
         h.settle(usage(90, 5));
         h.release();
       },
       95},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    {
      auto held = take({&limits}, ask_for(400, 10));
      ASSERT_TRUE(held);
      EXPECT_EQ(used(limits, Dimension::ConcurrentRequests), 2U);
      c.before(*held);
    }
    EXPECT_EQ(used(limits, Dimension::ConcurrentRequests), 1U);
    EXPECT_EQ(used(limits, Dimension::TokensPerHour), c.billed + 500);
    clock.now_ns += kHour;
  }
}

TEST_P(LedgerTest, AMovedHoldingIsHeldOnce) {
  const LimitRule limits =
      rule("limits", {{Dimension::ConcurrentRequests, 5}, {Dimension::TokensPerHour, 1'000}});
  {
    auto a = take({&limits}, ask_for(40, 10));
    auto b = take({&limits}, ask_for(80, 10));
    ASSERT_TRUE(a && b);
    Holding moved(*std::move(a));
    EXPECT_EQ(used(limits, Dimension::ConcurrentRequests), 2U);
    moved = *std::move(b);  // what it held before is over
    EXPECT_EQ(used(limits, Dimension::ConcurrentRequests), 1U);
    EXPECT_EQ(used(limits, Dimension::TokensPerHour), 20U + 30U);
    EXPECT_FALSE(moved.settle(usage(1, 0)));
    EXPECT_EQ(used(limits, Dimension::TokensPerHour), 20U + 1U);
  }
  EXPECT_EQ(used(limits, Dimension::ConcurrentRequests), 0U);
}

TEST_P(LedgerTest, ASlotIsHeldUntilTheExchangeEndsNotUntilItsUsageIsKnown) {
  const LimitRule limits =
      rule("limits", {{Dimension::ConcurrentRequests, 1}, {Dimension::TokensPerHour, 1'000}});
  auto held = take({&limits}, ask_for(4, 1));
  ASSERT_TRUE(held);
  held->settle(usage(1, 1));
  EXPECT_FALSE(take({&limits}, ask_for(4, 1)));
  held = Holding();
  EXPECT_TRUE(take({&limits}, ask_for(4, 1)));
}

INSTANTIATE_TEST_SUITE_P(, LedgerTest, testing::Values(Counters::Here, Counters::Shared),
                         [](const auto& made) {
                           return made.param == Counters::Here ? "Here" : "Shared";
                         });

}  // namespace
}  // namespace capsem::limit
