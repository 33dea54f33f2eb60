#include "core/limit/rule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "core/limit/prices.h"

namespace capsem::limit {
namespace {

using testing::HasSubstr;

constexpr Caller kCaller = {.user_id = "0123456789abcdef", .agent = "a", .integration = "fin-1"};

std::string key(const LimitRule& rule, Dimension dimension, const Caller& caller) {
  std::string out;
  append_key(out, rule, dimension, CallerKey(caller));
  return out;
}

TEST(LimitRule, RefusalsSayWhichLimitForWhom) {
  struct Case {
    Dimension dimension;
    std::uint64_t max;
    Per per;
    const char* code;
    const char* text;
  };
  const Case kCases[] = {
      {Dimension::RequestsPerMinute, 10, Per::Agent, "rate_limit_exceeded",
       "Rate limit exceeded: 10 requests per minute for agent 'a'"},
      {Dimension::RequestsPerHour, 1, Per::Key, "rate_limit_exceeded",
       "Rate limit exceeded: 1 request per hour for key '0123456789abcdef'"},
      {Dimension::RequestsPerDay, 0, Per::Integration, "rate_limit_exceeded",
       "Rate limit exceeded: 0 requests per day for integration 'fin-1'"},
      {Dimension::EvaluationsPerMonth, 5'000, Per::Integration, "evaluation_quota_exceeded",
       "Evaluation quota exceeded: 5000 evaluations per month for integration 'fin-1'"},
      {Dimension::ConcurrentRequests, 4, Per::Everyone, "concurrency_limit_exceeded",
       "Concurrency limit exceeded: 4 concurrent requests for all callers"},
      {Dimension::TokensPerMinute, 1, Per::Agent, "token_limit_exceeded",
       "Token limit exceeded: 1 token per minute for agent 'a'"},
      {Dimension::TokensPerHour, 200'000, Per::Agent, "token_limit_exceeded",
       "Token limit exceeded: 200000 tokens per hour for agent 'a'"},
      {Dimension::TokensPerDay, 7, Per::Agent, "token_limit_exceeded",
       "Token limit exceeded: 7 tokens per day for agent 'a'"},
      {Dimension::CostPerHour, 125'000, Per::Key, "budget_exceeded",
       "Budget exceeded: 0.125 USD per hour for key '0123456789abcdef'"},
      {Dimension::CostPerDay, 5'000'000, Per::Agent, "budget_exceeded",
       "Budget exceeded: 5.00 USD per day for agent 'a'"},
      {Dimension::CostPerMonth, 1'000'000'000, Per::Everyone, "budget_exceeded",
       "Budget exceeded: 1000.00 USD per month for all callers"},
  };
  static_assert(std::size(kCases) == kDimensions);
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.text);
    LimitRule rule("limits", c.per);
    rule.set(c.dimension, c.max);
    EXPECT_EQ(refusal_text(rule, c.dimension, kCaller), c.text);
    EXPECT_EQ(refusal_code(info(c.dimension).unit), c.code);
  }
}

TEST(LimitRule, MoneyHasAtLeastTwoDecimals) {
  EXPECT_EQ(money_text(0), "0.00");
  EXPECT_EQ(money_text(1), "0.000001");
  EXPECT_EQ(money_text(100'000), "0.10");
  EXPECT_EQ(money_text(120'300), "0.1203");
  EXPECT_EQ(money_text(999'999), "0.999999");
  EXPECT_EQ(money_text(1'000'000), "1.00");
  EXPECT_EQ(money_text(12'340'000), "12.34");
}

TEST(LimitRule, ALimitOfZeroIsNotTheSameAsNone) {
  LimitRule rule("limits", Per::Agent);
  EXPECT_EQ(rule.dimensions(), 0U);
  EXPECT_EQ(rule.max(Dimension::TokensPerDay), std::nullopt);
  rule.set(Dimension::TokensPerDay, 0);
  EXPECT_EQ(rule.dimensions(), bit(Dimension::TokensPerDay));
  EXPECT_EQ(rule.max(Dimension::TokensPerDay), 0U);
}

TEST(LimitRule, EveryDimensionIsOfExactlyOneKindAndHasAWindowUnlessItIsHeld) {
  EXPECT_EQ(
      dimensions_of(Kind::Window) | dimensions_of(Kind::Concurrent) | dimensions_of(Kind::Reserved),
      (1U << kDimensions) - 1);
  EXPECT_EQ(dimensions_of(Kind::Concurrent), bit(Dimension::ConcurrentRequests));
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kDimensions; ++i) {
    const DimensionInfo& what = info(static_cast<Dimension>(i));
    EXPECT_TRUE(names.insert(what.name).second) << what.name;
    EXPECT_EQ(what.window_ns > 0, what.kind != Kind::Concurrent) << what.name;
    EXPECT_THAT(std::string(what.name), HasSubstr(std::string(what.period)));
  }
  EXPECT_EQ(info(Dimension::RequestsPerMinute).window_ns, 60'000'000'000);
  EXPECT_EQ(info(Dimension::CostPerMonth).window_ns, 30 * info(Dimension::CostPerDay).window_ns);
}

TEST(LimitKeys, DifferentCallersNeverShareACounterByTheChoiceOfTheirNamesT40) {
  // Pairs that a plain concatenation, with or without separators, would confuse.
  const std::string kNames[] = {
      "",        "a", "ab",    "b",  "a b", " ",   "1:a",  "a:",    "2:",   ":",
      "1:a 1:b", "#", "a 1:b", "0:", "a/b", "a\n", "1:a ", "0: 0:", "\x01", std::string("a\0b", 3)};
  std::set<std::string> keys;
  std::size_t count = 0;
  for (const std::string& id : kNames) {
    const LimitRule rule(id, Per::Agent);
    for (const std::string& user : kNames) {
      for (const std::string& agent : kNames) {
        keys.insert(key(rule, Dimension::TokensPerDay,
                        {.user_id = user, .agent = agent, .integration = ""}));
        ++count;
      }
    }
  }
  EXPECT_EQ(keys.size(), count);
}

TEST(LimitKeys, EachDimensionRuleAndSharingHasItsOwnCounter) {
  std::set<std::string> keys;
  std::size_t count = 0;
  for (const char* id : {"one", "two"}) {
    for (const Per per : {Per::Agent, Per::Key, Per::Integration, Per::Everyone}) {
      for (std::size_t i = 0; i < kDimensions; ++i) {
        // All names equal: only the rule's own parts can tell the keys apart.
        keys.insert(key(LimitRule(id, per), static_cast<Dimension>(i),
                        {.user_id = "x", .agent = "x", .integration = "x"}));
        ++count;
      }
    }
  }
  EXPECT_EQ(keys.size(), count);
}

TEST(LimitKeys, OnlyTheNamesThatShareACounterAreInItsKeyR65) {
  const auto same = [](Per per, const Caller& a, const Caller& b) {
    const LimitRule rule("limits", per);
    return key(rule, Dimension::TokensPerDay, a) == key(rule, Dimension::TokensPerDay, b);
  };
  const Caller other_agent = {.user_id = "u", .agent = "B", .integration = "i"};
  const Caller other_user = {.user_id = "v", .agent = "A", .integration = "i"};
  const Caller other_integration = {.user_id = "u", .agent = "A", .integration = "j"};
  const Caller caller = {.user_id = "u", .agent = "A", .integration = "i"};
  struct Case {
    Per per;
    bool agent, user, integration;
  };
  for (const Case& c :
       {Case{Per::Agent, false, false, true}, Case{Per::Key, true, false, true},
        Case{Per::Integration, true, true, false}, Case{Per::Everyone, true, true, true}}) {
    SCOPED_TRACE(static_cast<int>(c.per));
    EXPECT_EQ(same(c.per, caller, other_agent), c.agent);
    EXPECT_EQ(same(c.per, caller, other_user), c.user);
    EXPECT_EQ(same(c.per, caller, other_integration), c.integration);
  }
}

TEST(LimitKeys, IntegrationsOfOneNameInTwoTenantsShareNothingT44) {
  const LimitRule rule("limits", Per::Integration);
  const auto of = [&](std::string_view id) {
    return key(rule, Dimension::TokensPerDay,
               {.user_id = "u", .agent = "A", .integration = "shop", .integration_id = id});
  };
  EXPECT_NE(of("int_1"), of("int_2"));
  EXPECT_EQ(of(""), key(rule, Dimension::TokensPerDay,
                        {.user_id = "u", .agent = "A", .integration = "shop"}));
}

TEST(LimitKeys, ALimitsNumbersAreNotInItsKeySoThatCountersOutliveReloads) {
  LimitRule before("limits", Per::Agent), after("limits", Per::Agent);
  before.set(Dimension::TokensPerDay, 5);
  after.set(Dimension::TokensPerDay, 500);
  after.set(Dimension::TokensPerHour, 5);
  EXPECT_EQ(key(before, Dimension::TokensPerDay, kCaller),
            key(after, Dimension::TokensPerDay, kCaller));
}

TEST(LimitKeys, LongNamesAreBoundedAndStayApart) {
  const LimitRule rule("limits", Per::Agent);
  const auto of = [&](const std::string& agent) {
    return key(rule, Dimension::TokensPerDay, {.user_id = "u", .agent = agent, .integration = ""});
  };
  EXPECT_THAT(of(std::string(64, 'x')), HasSubstr(" 64:xxx"));
  EXPECT_THAT(of(std::string(65, 'x')), HasSubstr(" #"));
  EXPECT_NE(of(std::string(65, 'x')), of(std::string(66, 'x')));
  EXPECT_NE(of(std::string(16'000, 'x')), of(std::string(15'999, 'x') + "y"));
  EXPECT_LT(of(std::string(16'000, 'x')).size(), 128U);
}

}  // namespace
}  // namespace capsem::limit
