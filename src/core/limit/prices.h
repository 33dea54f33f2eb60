// What models cost. Money is counted in whole micro-units of the currency (millionths of a US
// dollar unless the operator means another) so that no rounding of fractions decides; prices are
// per million tokens, as providers print them. Immutable once built; shared by all threads.
//
// Discounts (cached input, batches) are not known here: a cost is never less than what is billed
// for the tokens that were reported.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/base/glob.h"

namespace capsem::limit {

inline constexpr std::uint64_t kMicrosPerUnit = 1'000'000;

// Micro-units per million tokens.
struct Price {
  std::uint64_t input_micros = 0, output_micros = 0;
};

// Micro-units, rounded up once, after adding; the largest number when it would be more.
std::uint64_t cost_micros(const Price& price, std::uint64_t input_tokens,
                          std::uint64_t output_tokens);

// The same in thousandths of a micro-unit (billionths of a unit): what many cheap calls cost
// together is not lost to rounding.
std::uint64_t cost_nano(const Price& price, std::uint64_t input_tokens,
                        std::uint64_t output_tokens);

// "2.50" -> 2500000. Digits with at most six decimals, no sign, at most kPriceUnitsMax units.
// Errors: code "invalid_price".
inline constexpr std::uint64_t kPriceUnitsMax = 1'000'000;
Result<std::uint64_t> parse_price(std::string_view decimal);
// The same for a number that a file gave as a floating one; rounded up to a whole micro-unit.
Result<std::uint64_t> price_from(double units);

class PriceTable {
 public:
  // Document order; the first pattern that matches a model counts, so specific ones come first.
  // Errors: of Glob::parse().
  Status add(std::string_view model_glob, Price price);

  bool empty() const { return entries_.empty(); }
  // Nothing: no pattern matches.
  std::optional<Price> price_of(std::string_view model) const;
  std::optional<std::uint64_t> cost_of(std::string_view model, std::uint64_t input_tokens,
                                       std::uint64_t output_tokens) const;
  // What cost limits charge: an unknown model costs the highest input and the highest output price
  // of the table, because a model that costs nothing would lift every budget. Nothing: the table is
  // empty, and a cost limit cannot admit anybody.
  std::optional<Price> price_or_highest(std::string_view model) const;

 private:
  struct Entry {
    Glob model;
    Price price;
  };
  std::vector<Entry> entries_;
  Price highest_;
};

}  // namespace capsem::limit
