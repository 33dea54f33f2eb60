// Money, what is told of several limits, and what cannot be counted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/limit/ledger_fixture.h"

namespace capsem::limit {
namespace {

using testing::HasSubstr;

TEST_P(LedgerTest, MoneyIsReservedAndSettledAtTheModelsPrice) {
  const LimitRule budget = rule("limits", {{Dimension::CostPerDay, 20'000}});  // 0.02 USD
  auto held = take({&budget}, ask_for(4'000, 1'000));
  ASSERT_TRUE(held);
  EXPECT_EQ(used(budget, Dimension::CostPerDay), 2'500U + 10'000U);
  const auto other = take({&budget}, ask_for(4'000, 1'000));
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, "budget_exceeded");
  EXPECT_EQ(other.error().message, "Budget exceeded: 0.02 USD per day for agent 'a'");
  EXPECT_FALSE(other.error().standing.tokens) << "money has no field of its own";
  auto cheap = take({&budget}, {.model = "gpt-4o-mini", .input_bytes = 4'000, .max_tokens = 1'000});
  ASSERT_TRUE(cheap);
  EXPECT_EQ(used(budget, Dimension::CostPerDay), 12'500U + 750U);
  EXPECT_FALSE(held->settle(usage(1'000, 100)));
  EXPECT_EQ(used(budget, Dimension::CostPerDay), 3'500U + 750U);
  EXPECT_EQ(cheap->settle(usage(1'000, 100'000))->code, "budget_exceeded");
}

TEST_P(LedgerTest, AnUnknownModelCostsTheHighestPriceAndNoPriceAtAllRefuses) {
  const LimitRule budget = rule("money", {{Dimension::CostPerDay, 1'000'000'000}});
  auto held = take({&budget}, {.model = "brand-new", .input_bytes = 4'000, .max_tokens = 1'000});
  ASSERT_TRUE(held);
  EXPECT_EQ(used(budget, Dimension::CostPerDay), 12'500U);
  prices = PriceTable();
  const auto refused = take({&budget});
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().unavailable);
  EXPECT_EQ(refused.error().code, "limits_unavailable");
  EXPECT_EQ(refused.error().rule, "money");
  const LimitRule free_of_money = rule("tokens", {{Dimension::TokensPerDay, 1'000}});
  EXPECT_TRUE(take({&free_of_money})) << "only limits on money need prices";
}

TEST_P(LedgerTest, TheFirstLimitThatRefusesIsToldAndTheLongestWaitR57) {
  const LimitRule money = rule("money", {{Dimension::CostPerDay, 1}});
  const LimitRule tokens = rule("tokens", {{Dimension::TokensPerHour, 1}});
  const LimitRule rate = rule("rate", {{Dimension::RequestsPerMinute, 1}});
  const LimitRule rate_too = rule("rate-too", {{Dimension::RequestsPerMinute, 1}});
  {
    auto held = take({&money, &tokens, &rate, &rate_too}, ask_for(4, 0));
    ASSERT_TRUE(held);
    held->settle(usage(100, 0));
  }
  const auto refused = take({&money, &tokens, &rate, &rate_too}, ask_for(4, 0));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().rule, "rate");
  EXPECT_EQ(refused.error().retry_after_ns, 24 * kHour);
}

TEST_P(LedgerTest, TheTightestLimitOfEachSortIsShownAsOfNow) {
  const LimitRule loose = rule("loose", {{Dimension::RequestsPerMinute, 50},
                                         {Dimension::RequestsPerHour, 50},
                                         {Dimension::EvaluationsPerMonth, 3},
                                         {Dimension::TokensPerDay, 5'000}});
  const LimitRule tight = rule(
      "tight", {{Dimension::RequestsPerHour, 50}, {Dimension::TokensPerMinute, 900}}, Per::Key);
  auto held = take({&loose, &tight}, ask_for(40, 10));
  ASSERT_TRUE(held);
  clock.now_ns += 10 * kSecond;
  Standing standing = held->standing();
  EXPECT_EQ(standing.requests->limit, 50U);
  EXPECT_EQ(standing.requests->remaining, 49U);
  EXPECT_EQ(standing.requests->reset_ns, kHour - 10 * kSecond);
  EXPECT_EQ(standing.tokens->limit, 900U);
  EXPECT_EQ(standing.tokens->remaining, 880U);
  held->settle(usage(300, 300));
  standing = held->standing();
  EXPECT_EQ(standing.tokens->remaining, 300U);
  EXPECT_EQ(standing.tokens->reset_ns, kMinute);
  EXPECT_EQ(standing.requests->reset_ns, kHour - 10 * kSecond) << "told when the request was taken";
  clock.now_ns += 2 * kHour;
  EXPECT_EQ(held->standing().requests->reset_ns, 0);
}

TEST_P(LedgerTest, WhatCannotBeCountedIsRefused) {
  std::vector<LimitRule> many;
  for (std::size_t i = 0; i <= kChargesMax; ++i) {
    many.push_back(rule(std::to_string(i), {{Dimension::RequestsPerMinute, 1}}));
  }
  std::vector<const LimitRule*> rules;
  for (const LimitRule& r : many) rules.push_back(&r);
  const auto refused = take(rules);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().unavailable);
  EXPECT_EQ(refused.error().code, "limits_unavailable");
  rules.pop_back();
  EXPECT_TRUE(take(rules));
}

TEST_P(LedgerTest, TheEvaluationQuotaCostsOneForEachRequestWhateverItsAnswerR48) {
  const LimitRule quota = rule("quota", {{Dimension::EvaluationsPerMonth, 2}}, Per::Integration);
  for (int i = 0; i < 2; ++i) {
    auto held = take({&quota}, {.model = "x"}, i == 0 ? "a" : "b");
    ASSERT_TRUE(held);
    EXPECT_FALSE(held->settle(usage(1'000, 1'000)));
  }
  const auto refused = take({&quota});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "evaluation_quota_exceeded");
  EXPECT_THAT(refused.error().message, HasSubstr("2 evaluations per month for integration 'i'"));
}

TEST_P(LedgerTest, NamesOfTheCallerMayDieBeforeTheHolding) {
  const LimitRule tokens = rule("limits", {{Dimension::TokensPerHour, 10}});
  std::string agent = "short-lived";
  auto held = take({&tokens}, ask_for(4, 1), agent);
  ASSERT_TRUE(held);
  agent.assign(agent.size(), '!');
  EXPECT_EQ(held->settle(usage(100, 0))->message,
            "Token limit exceeded: 10 tokens per hour for agent 'short-lived'");
  EXPECT_EQ(used(tokens, Dimension::TokensPerHour, "short-lived"), 100U);
}

}  // namespace
}  // namespace capsem::limit
