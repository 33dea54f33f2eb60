#include "core/limit/prices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "core/limit/estimate.h"

namespace capsem::limit {
namespace {

using testing::HasSubstr;

constexpr auto kMax = std::numeric_limits<std::uint64_t>::max();

TEST(Prices, DecimalsAreReadToTheMicroUnit) {
  struct Case {
    const char* text;
    std::int64_t micros;  // -1: refused
  };
  const Case kCases[] = {
      {"0", 0},
      {"2", 2'000'000},
      {"2.5", 2'500'000},
      {"0.15", 150'000},
      {"0.000001", 1},
      {"10.123456", 10'123'456},
      {"007", 7'000'000},
      {"1000000", 1'000'000'000'000},
      // Refused.
      {"", -1},
      {".", -1},
      {".5", -1},
      {"5.", -1},
      {"-1", -1},
      {"+1", -1},
      {"1e3", -1},
      {"1,5", -1},
      {" 1", -1},
      {"0.0000001", -1},
      {"1.2.3", -1},
      {"1000000.000001", -1},
      {"1000001", -1},
      {"99999999999999999999999", -1},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.text);
    const auto price = parse_price(c.text);
    ASSERT_EQ(price.has_value(), c.micros >= 0);
    if (price) {
      EXPECT_EQ(*price, static_cast<std::uint64_t>(c.micros));
    } else {
      EXPECT_EQ(price.error().code, "invalid_price");
      EXPECT_THAT(price.error().detail, HasSubstr("at most six decimals"));
    }
  }
}

TEST(Prices, FloatingNumbersGiveWhatTheirDecimalsSay) {
  for (const char* text : {"0", "0.15", "0.1", "0.075", "2.5", "0.000001", "1.1", "15",
                           "999999.999999", "0.3", "0.7", "1000000"}) {
    SCOPED_TRACE(text);
    EXPECT_EQ(price_from(std::stod(text)).value(), parse_price(text).value());
  }
  EXPECT_EQ(price_from(0.0000011).value(), 2U) << "rounded up";
  EXPECT_FALSE(price_from(-0.01));
  EXPECT_FALSE(price_from(1'000'000.5));
  EXPECT_FALSE(price_from(std::numeric_limits<double>::quiet_NaN()));
  EXPECT_FALSE(price_from(std::numeric_limits<double>::infinity()));
}

TEST(Prices, ACostIsRoundedUpOnceToAMicroUnit) {
  struct Case {
    const char* name;
    Price price;
    std::uint64_t input, output, cost;
  };
  const Case kCases[] = {
      {"nothing used", {2'500'000, 10'000'000}, 0, 0, 0},
      {"a million of each", {2'500'000, 10'000'000}, 1'000'000, 1'000'000, 12'500'000},
      {"one token of a cheap model", {150'000, 600'000}, 1, 0, 1},
      {"two halves are one, not two", {500'000, 500'000}, 1, 1, 1},
      {"just over one", {500'000, 500'001}, 1, 1, 2},
      {"exactly whole", {1'000'000, 0}, 7, 5, 7},
      {"free", {0, 0}, 1'000, 1'000, 0},
      {"more than a number holds", {kMax, kMax}, kMax, kMax, kMax},
      {"more tokens than there are", {1'000'000'000'000, 0}, kMax, 0, kMax},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(cost_micros(c.price, c.input, c.output), c.cost);
  }
}

TEST(Prices, ManyCheapCallsCostWhatTheyCostTogether) {
  const Price price{.input_micros = 150'000, .output_micros = 600'000};  // 0.15 and 0.60 a million
  EXPECT_EQ(cost_micros(price, 1, 0), 1U);
  EXPECT_EQ(cost_nano(price, 1, 0), 150U);
  EXPECT_EQ(cost_nano(price, 1'000, 10), 156'000U);
  EXPECT_EQ(cost_nano({.input_micros = 1, .output_micros = 0}, 1, 0), 1U) << "rounded up";
  EXPECT_EQ(cost_nano(price, 0, 0), 0U);
  EXPECT_EQ(cost_nano({.input_micros = kMax, .output_micros = kMax}, kMax, kMax), kMax);
}

TEST(Prices, TheFirstPatternThatMatchesCounts) {
  PriceTable table;
  ASSERT_TRUE(table.add("gpt-4o-mini*", {1, 10}));
  ASSERT_TRUE(table.add("gpt-4o*", {2, 20}));
  ASSERT_TRUE(table.add("claude-*", {9, 5}));
  EXPECT_EQ(table.price_of("gpt-4o-mini-2024")->input_micros, 1U);
  EXPECT_EQ(table.price_of("gpt-4o")->input_micros, 2U);
  EXPECT_EQ(table.cost_of("gpt-4o", 1'000'000, 1'000'000), 22U);
  EXPECT_FALSE(table.price_of("GPT-4o"));
  EXPECT_FALSE(table.cost_of("", 1, 1));
}

TEST(Prices, AnUnknownModelCostsTheHighestPriceOfTheTable) {
  PriceTable table;
  EXPECT_TRUE(table.empty());
  EXPECT_FALSE(table.price_or_highest("gpt-4o")) << "an empty table knows no price to charge";
  ASSERT_TRUE(table.add("a", {9, 5}));
  ASSERT_TRUE(table.add("b", {3, 40}));
  EXPECT_EQ(table.price_or_highest("a")->output_micros, 5U);
  EXPECT_EQ(table.price_or_highest("new")->input_micros, 9U);
  EXPECT_EQ(table.price_or_highest("new")->output_micros, 40U);
}

TEST(Prices, APatternThatCannotBeReadIsAnError) {
  PriceTable table;
  const Status status = table.add("gpt-[", {1, 1});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, "invalid_glob");
  EXPECT_TRUE(table.empty());
}

TEST(Estimates, FourBytesAreATokenRoundedUp) {
  EXPECT_EQ(tokens_from_bytes(0), 0U);
  EXPECT_EQ(tokens_from_bytes(1), 1U);
  EXPECT_EQ(tokens_from_bytes(4), 1U);
  EXPECT_EQ(tokens_from_bytes(5), 2U);
  EXPECT_EQ(tokens_from_bytes(kMax), kMax / 4 + 1);
}

TEST(Estimates, OutputIsTheClientsBoundTimesItsChoices) {
  EXPECT_EQ(estimate_output(std::nullopt, 1, 256), 256U);
  EXPECT_EQ(estimate_output(std::nullopt, 3, 256), 768U);
  EXPECT_EQ(estimate_output(100, 1, 256), 100U);
  EXPECT_EQ(estimate_output(100, 0, 256), 100U);
  EXPECT_EQ(estimate_output(0, 4, 256), 0U);
  EXPECT_EQ(estimate_output(kMax / 2, 2, 256), kMax - 1);
  EXPECT_EQ(estimate_output(kMax / 2 + 1, 2, 256), kMax);
}

}  // namespace
}  // namespace capsem::limit
