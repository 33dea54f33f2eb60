#include "core/limit/ledger.h"

#include <algorithm>
#include <bit>
#include <vector>

#include "core/limit/estimate.h"

namespace capsem::limit {

namespace {

Refusal unavailable(std::string message, std::string_view rule) {
  return {.code = "limits_unavailable",
          .message = std::move(message),
          .rule = std::string(rule),
          .overrun = Overrun::Withhold,
          .retry_after_ns = kRetryUnknownNs,
          .standing = {},
          .unavailable = true,
          .waiting = false};
}

std::uint64_t total_of(const Usage& usage) {
  return std::max(usage.total_tokens, saturating_add(usage.input_tokens, usage.output_tokens));
}

// Tokens that are neither named input nor output are paid for as output.
std::uint64_t cost_of(const Price& price, const Usage& usage) {
  return cost_micros(price, usage.input_tokens, total_of(usage) - usage.input_tokens);
}

void keep_tightest(std::optional<Gauge>& tightest, const Gauge& gauge) {
  const bool tighter =
      !tightest || gauge.remaining < tightest->remaining ||
      (gauge.remaining == tightest->remaining && gauge.reset_ns > tightest->reset_ns);
  if (tighter) tightest = gauge;
}

}  // namespace

struct Holding::State {
  struct Item {
    const LimitRule* rule;
    Dimension dimension;
  };

  State(CounterStore& the_store, const Clock& the_clock) : store(the_store), clock(the_clock) {}

  void add_all(std::span<const LimitRule* const> rules, const Caller& asking);
  void add(Kind kind, std::span<const LimitRule* const> rules, const CallerKey& asking);
  void keep_names(const Caller& asking);
  const LimitRule* first_on_money() const;
  const LimitRule& first_refused_rule() const;
  void estimate(const Ask& ask);
  std::uint64_t amount_of(const Item& item, const Usage& usage) const;
  std::span<Charge> reserved() { return std::span(charges).subspan(reserved_begin); }
  std::span<Level> reserved_levels() { return std::span(levels).subspan(reserved_begin); }
  void count(const Usage& usage);
  void settle_counted();
  void bill_what_is_known();
  void give_slots(std::int64_t now_ns);
  std::optional<Refusal> strictest_reserved() const;
  Refusal refusal(std::size_t i) const;
  Refusal first_refusal() const;
  Standing standing() const;

  CounterStore& store;
  const Clock& clock;
  std::string text;  // the keys, then the caller's names; what follows points into it
  Caller caller;
  std::optional<Price> price;
  // One each per charge: windows, slots, reservations, each in the order of the rules.
  std::vector<Item> items;
  std::vector<Charge> charges;
  std::vector<Level> levels;
  std::size_t slots_begin = 0, reserved_begin = 0;
  std::vector<std::uint64_t> counted;  // per reservation: what a call hands to the store
  std::optional<Usage> so_far;
  std::int64_t taken_ns = 0, reserved_levels_ns = 0;  // when the levels were told
  bool unsettled = false, holds_slots = false;
  bool settles_later = false;  // settled, but the levels are not known
};

// ---- Building the charges ----

void Holding::State::add_all(std::span<const LimitRule* const> rules, const Caller& asking) {
  std::size_t count = 0;
  for (const LimitRule* rule : rules) {
    count += static_cast<std::size_t>(std::popcount(rule->dimensions()));
  }
  constexpr std::size_t kUsualKeyBytes = 96;
  text.reserve(count * kUsualKeyBytes);
  items.reserve(count);
  charges.reserve(count);
  const CallerKey key(asking);
  add(Kind::Window, rules, key);
  slots_begin = charges.size();
  add(Kind::Concurrent, rules, key);
  reserved_begin = charges.size();
  add(Kind::Reserved, rules, key);
  keep_names(asking);
  levels.resize(count);
}

void Holding::State::add(Kind kind, std::span<const LimitRule* const> rules,
                         const CallerKey& asking) {
  const std::uint32_t dimensions = dimensions_of(kind);
  for (const LimitRule* rule : rules) {
    for (std::uint32_t rest = rule->dimensions() & dimensions; rest != 0; rest &= rest - 1) {
      const auto dimension = static_cast<Dimension>(std::countr_zero(rest));
      const std::size_t begin = text.size();
      append_key(text, *rule, dimension, asking);
      items.push_back({rule, dimension});
      // The text still grows and may move: only the length counts as yet.
      charges.push_back({.key = std::string_view(text).substr(begin),
                         .kind = kind,
                         .amount = 1,
                         .max = rule->max(dimension).value_or(0),
                         .window_ns = info(dimension).window_ns,
                         .down = rule->on_store_down_of(dimension)});
    }
  }
}

void Holding::State::keep_names(const Caller& asking) {
  const std::size_t keys_end = text.size();
  text.append(asking.user_id).append(asking.agent).append(asking.integration);
  const std::string_view all(text);
  std::size_t at = 0;
  for (Charge& charge : charges) {
    charge.key = all.substr(at, charge.key.size());
    at += charge.key.size();
  }
  caller.user_id = all.substr(keys_end, asking.user_id.size());
  caller.agent = all.substr(keys_end + asking.user_id.size(), asking.agent.size());
  caller.integration = all.substr(all.size() - asking.integration.size());
}

const LimitRule* Holding::State::first_on_money() const {
  const auto item =
      std::ranges::find(items, Unit::Money, [](const Item& i) { return info(i.dimension).unit; });
  return item == items.end() ? nullptr : item->rule;
}

// Where a level says so; otherwise it is as good as any.
const LimitRule& Holding::State::first_refused_rule() const {
  const auto first = std::ranges::find(levels, true, &Level::refused);
  return *items[first == levels.end() ? 0 : static_cast<std::size_t>(first - levels.begin())].rule;
}

void Holding::State::estimate(const Ask& ask) {
  const std::uint64_t input = tokens_from_bytes(ask.input_bytes);
  for (std::size_t i = reserved_begin; i < charges.size(); ++i) {
    const std::uint64_t output =
        estimate_output(ask.max_tokens, ask.choices, items[i].rule->estimate_output_tokens);
    charges[i].amount =
        amount_of(items[i], {.input_tokens = input, .output_tokens = output, .total_tokens = 0});
  }
}

std::uint64_t Holding::State::amount_of(const Item& item, const Usage& usage) const {
  return info(item.dimension).unit == Unit::Money ? cost_of(*price, usage) : total_of(usage);
}

// ---- Settling ----

void Holding::State::count(const Usage& usage) {
  counted.resize(charges.size() - reserved_begin);
  for (std::size_t i = 0; i < counted.size(); ++i) {
    counted[i] = amount_of(items[reserved_begin + i], usage);
  }
}

void Holding::State::settle_counted() {
  const std::int64_t now_ns = clock.monotonic_ns();
  store.settle(reserved(), counted, now_ns, reserved_levels());
  unsettled = false;
  settles_later = store.settles_later();
  if (!settles_later) reserved_levels_ns = now_ns;
}

void Holding::State::bill_what_is_known() {
  if (so_far) {
    count(*so_far);
  } else {
    counted.resize(charges.size() - reserved_begin);
    std::ranges::transform(reserved(), counted.begin(), &Charge::amount);
  }
  settle_counted();
}

void Holding::State::give_slots(std::int64_t now_ns) {
  if (!holds_slots) return;
  holds_slots = false;
  store.give(std::span(charges).subspan(slots_begin, reserved_begin - slots_begin), now_ns);
}

// ---- Texts and figures ----

Refusal Holding::State::refusal(std::size_t i) const {
  const Item& item = items[i];
  return {.code = refusal_code(info(item.dimension).unit),
          .message = refusal_text(*item.rule, item.dimension, caller),
          .rule = item.rule->id(),
          .overrun = item.rule->overrun,
          .retry_after_ns = levels[i].retry_after_ns,
          .standing = {},
          .unavailable = false,
          .waiting = false};
}

Refusal Holding::State::first_refusal() const {
  const auto first = std::ranges::find(levels, true, &Level::refused);
  Refusal told = refusal(static_cast<std::size_t>(first - levels.begin()));
  for (const Level& level : levels) {
    if (level.refused) told.retry_after_ns = std::max(told.retry_after_ns, level.retry_after_ns);
  }
  told.standing = standing();
  return told;
}

std::optional<Refusal> Holding::State::strictest_reserved() const {
  std::optional<std::size_t> told;
  for (std::size_t i = reserved_begin; i < charges.size(); ++i) {
    if (!levels[i].refused) continue;
    if (!told) told = i;
    if (items[i].rule->overrun == Overrun::Withhold) {
      told = i;
      break;
    }
  }
  if (!told) return std::nullopt;
  return refusal(*told);
}

Standing Holding::State::standing() const {
  const std::int64_t now_ns = clock.monotonic_ns();
  Standing standing;
  for (std::size_t i = 0; i < charges.size(); ++i) {
    const Unit unit = info(items[i].dimension).unit;
    if (unit != Unit::Requests && unit != Unit::Tokens) continue;
    const std::int64_t told_ns = i < reserved_begin ? taken_ns : reserved_levels_ns;
    keep_tightest(unit == Unit::Requests ? standing.requests : standing.tokens,
                  {.limit = charges[i].max,
                   .remaining = levels[i].remaining,
                   .reset_ns = std::max<std::int64_t>(levels[i].reset_ns - (now_ns - told_ns), 0)});
  }
  return standing;
}

// ---- Holding ----

Holding::Holding() = default;
Holding::Holding(std::unique_ptr<State> state) : state_(std::move(state)) {}
Holding::Holding(Holding&&) noexcept = default;

Holding& Holding::operator=(Holding&& other) noexcept {
  if (this == &other) return *this;
  Holding old(std::move(*this));
  state_ = std::move(other.state_);
  return *this;
}

Holding::~Holding() {
  if (!state_) return;
  if (state_->unsettled) state_->bill_what_is_known();
  state_->give_slots(state_->clock.monotonic_ns());
}

std::expected<Holding, Refusal> Holding::take(CounterStore& store, const Clock& clock,
                                              std::span<const LimitRule* const> rules,
                                              const Caller& caller, const Ask& ask,
                                              const PriceTable& prices) {
  if (rules.empty()) return Holding();
  auto state = std::make_unique<State>(store, clock);
  state->add_all(rules, caller);
  if (const LimitRule* rule = state->first_on_money()) {
    state->price = prices.price_or_highest(ask.model);
    if (!state->price) {
      return std::unexpected(
          unavailable("Budget cannot be checked: no price is configured", rule->id()));
    }
  }
  state->estimate(ask);
  state->taken_ns = state->reserved_levels_ns = clock.monotonic_ns();
  switch (store.take(state->charges, state->taken_ns, state->levels)) {
    case Outcome::Refused:
      return std::unexpected(state->first_refusal());
    case Outcome::Waiting:
      return std::unexpected(
          Refusal{.code = "limits_unavailable", .unavailable = true, .waiting = true});
    case Outcome::Full:
    case Outcome::Down:
      return std::unexpected(
          unavailable("Limits cannot be checked now", state->first_refused_rule().id()));
    case Outcome::Taken:
      break;
  }
  state->unsettled = state->reserved_begin < state->charges.size();
  state->holds_slots = state->slots_begin < state->reserved_begin;
  return Holding(std::move(state));
}

bool Holding::counts_usage() const {
  return state_ && state_->reserved_begin < state_->charges.size();
}

std::optional<Refusal> Holding::spent_so_far(const Usage& usage) {
  if (!state_ || !state_->unsettled) return std::nullopt;
  State& s = *state_;
  s.so_far = usage;
  s.count(usage);
  s.reserved_levels_ns = s.clock.monotonic_ns();
  s.store.raise(s.reserved(), s.counted, s.reserved_levels_ns, s.reserved_levels());
  for (std::size_t i = 0; i < s.counted.size(); ++i) {
    Charge& charge = s.reserved()[i];
    if (!s.reserved_levels()[i].refused) charge.amount = std::max(charge.amount, s.counted[i]);
  }
  return s.strictest_reserved();
}

std::optional<Refusal> Holding::settle(const Usage& usage) {
  if (!state_ || (!state_->unsettled && !state_->settles_later)) return std::nullopt;
  State& s = *state_;
  s.count(usage);
  s.settle_counted();
  return s.settles_later ? std::nullopt : s.strictest_reserved();
}

bool Holding::settles_later() const {
  return state_ && state_->settles_later;
}

void Holding::release() {
  if (!state_) return;
  const std::int64_t now_ns = state_->clock.monotonic_ns();
  if (state_->unsettled) state_->store.give(state_->reserved(), now_ns);
  state_->unsettled = false;
  state_->give_slots(now_ns);
}

Standing Holding::standing() const {
  return state_ ? state_->standing() : Standing{};
}

}  // namespace capsem::limit
