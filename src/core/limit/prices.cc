#include "core/limit/prices.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

namespace capsem::limit {

namespace {

constexpr std::size_t kDecimals = 6;  // of a micro-unit

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::unexpected<Error> bad_price() {
  return client_error("invalid_price", "a price is a number from 0 to " +
                                           std::to_string(kPriceUnitsMax) +
                                           " with at most six decimals");
}

// Prices are micro-units per million tokens, so their products are millionths of a micro-unit:
// `divisor` of them are one of what is asked for.
std::uint64_t cost_in(std::uint64_t divisor, const Price& price, std::uint64_t input_tokens,
                      std::uint64_t output_tokens) {
  // Two products of 64 by 64 bits may pass 128 bits when added; prices are far below 2^63.
  __extension__ using Wide = unsigned __int128;
  constexpr auto kMax = std::numeric_limits<std::uint64_t>::max();
  const Wide whole = Wide{std::min(price.input_micros, kMax / 2)} * input_tokens +
                     Wide{std::min(price.output_micros, kMax / 2)} * output_tokens;
  const Wide cost = whole / divisor + (whole % divisor != 0 ? 1 : 0);
  return cost > kMax ? kMax : static_cast<std::uint64_t>(cost);
}

}  // namespace

std::uint64_t cost_micros(const Price& price, std::uint64_t input_tokens,
                          std::uint64_t output_tokens) {
  return cost_in(1'000'000, price, input_tokens, output_tokens);
}

std::uint64_t cost_nano(const Price& price, std::uint64_t input_tokens,
                        std::uint64_t output_tokens) {
  return cost_in(1'000, price, input_tokens, output_tokens);
}

Result<std::uint64_t> parse_price(std::string_view decimal) {
  const std::size_t dot = std::min(decimal.find('.'), decimal.size());
  const std::string_view units = decimal.substr(0, dot);
  const std::string_view fraction = dot < decimal.size() ? decimal.substr(dot + 1) : "";
  const bool digits =
      std::ranges::all_of(units, is_digit) && std::ranges::all_of(fraction, is_digit);
  const bool complete = !units.empty() && (dot == decimal.size() || !fraction.empty());
  if (!digits || !complete || units.size() > 18 || fraction.size() > kDecimals) return bad_price();
  std::uint64_t micros = 0;
  for (const char c : units) micros = micros * 10 + static_cast<std::uint64_t>(c - '0');
  if (micros > kPriceUnitsMax) return bad_price();
  for (std::size_t i = 0; i < kDecimals; ++i) {
    micros =
        micros * 10 + (i < fraction.size() ? static_cast<std::uint64_t>(fraction[i] - '0') : 0);
  }
  if (micros > kPriceUnitsMax * kMicrosPerUnit) return bad_price();
  return micros;
}

Result<std::uint64_t> price_from(double units) {
  if (!(units >= 0) || units > static_cast<double>(kPriceUnitsMax)) return bad_price();
  // 0.15 * 1e6 is a hair above 150000 in binary: what is whole to nine digits is whole.
  const double micros = units * static_cast<double>(kMicrosPerUnit);
  const double nearest = std::round(micros);
  const bool whole = std::abs(micros - nearest) < 1e-3;
  return static_cast<std::uint64_t>(whole ? nearest : std::ceil(micros));
}

Status PriceTable::add(std::string_view model_glob, Price price) {
  auto glob = Glob::parse(model_glob);
  if (!glob) return std::unexpected(std::move(glob).error());
  highest_.input_micros = std::max(highest_.input_micros, price.input_micros);
  highest_.output_micros = std::max(highest_.output_micros, price.output_micros);
  entries_.push_back({*std::move(glob), price});
  return {};
}

std::optional<Price> PriceTable::price_of(std::string_view model) const {
  const auto entry =
      std::ranges::find_if(entries_, [&](const Entry& e) { return e.model.matches(model); });
  return entry == entries_.end() ? std::nullopt : std::optional(entry->price);
}

std::optional<std::uint64_t> PriceTable::cost_of(std::string_view model, std::uint64_t input_tokens,
                                                 std::uint64_t output_tokens) const {
  const auto price = price_of(model);
  if (!price) return std::nullopt;
  return cost_micros(*price, input_tokens, output_tokens);
}

std::optional<Price> PriceTable::price_or_highest(std::string_view model) const {
  if (empty()) return std::nullopt;
  return price_of(model).value_or(highest_);
}

}  // namespace capsem::limit
