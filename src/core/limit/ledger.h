// What one exchange holds of its limits, from the moment it is admitted to its end: taken all at
// once, settled by what the provider reports, given back whatever becomes of the exchange.
//
//   take() -> Holding -> spent_so_far()* -> settle() | release() -> destroyed
//
// Nothing is counted twice: what comes after settle() or release() changes nothing.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/base/clock.h"
#include "core/limit/counters.h"
#include "core/limit/headers.h"
#include "core/limit/prices.h"
#include "core/limit/rule.h"

namespace capsem::limit {

// What a request asks for, as far as limits care.
struct Ask {
  std::string_view model;
  std::uint64_t input_bytes = 0;              // of its body: what the input is estimated from
  std::optional<std::uint64_t> max_tokens{};  // the client's own bound on one choice
  std::uint64_t choices = 1;                  // how many answers at once ("n")
};

// Tokens as the provider reports them, or as estimated from bytes (tokens_from_bytes). A total
// beyond input and output (thoughts) counts, and is paid for as output.
struct Usage {
  std::uint64_t input_tokens = 0, output_tokens = 0;
  std::uint64_t total_tokens = 0;  // 0: not reported
};

// Which limit said no. A value.
struct Refusal {
  std::string_view code;  // static: "rate_limit_exceeded", ...; "limits_unavailable"
  std::string message{};  // "Rate limit exceeded: 10 requests per minute for agent 'a'"
  std::string rule{};     // the LimitRule's id
  Overrun overrun = Overrun::Withhold;
  std::int64_t retry_after_ns = 0;  // when every limit that refused would let the same request pass
  // take() only: how the limits stand, for the fields of the answer.
  Standing standing{};
  // Nothing was exceeded, but it cannot be counted: 503 instead of 429 (fails closed).
  bool unavailable = false;
  // take() only, and nothing else counts then: a shared store is asked (deferred.h). Ask again.
  bool waiting = false;
};

// Movable; belongs to one exchange and its thread. REQUIRES: store, clock and rules outlive it.
//
// Destroyed unsettled, it bills what spent_so_far() heard of last, or else the estimate: a client
// that left still costs what the provider generated. Slots of concurrent_requests come back then,
// too.
class Holding {
 public:
  // Holds nothing.
  Holding();
  Holding(Holding&&) noexcept;
  Holding& operator=(Holding&&) noexcept;
  ~Holding();

  // Charges the request to every rule, all at once or not at all (R57: a request that is refused
  // costs no slot). Of several limits that refuse the first is told: request rates, then slots,
  // then tokens and money, each in the order of `rules`. A rule on money without any price refuses.
  // REQUIRES: the ids of `rules` differ.
  static std::expected<Holding, Refusal> take(CounterStore& store, const Clock& clock,
                                              std::span<const LimitRule* const> rules,
                                              const Caller& caller, const Ask& ask,
                                              const PriceTable& prices);

  // Whether tokens or money are limited: then usage matters, and streams are worth watching.
  bool counts_usage() const;

  // For streams: `usage` is everything up to now, and grows. A refusal means that a budget is used
  // up and no more should be generated, whatever its `overrun`; the exchange then goes on to
  // settle().
  std::optional<Refusal> spent_so_far(const Usage& usage);

  // Replaces the estimate by what was used. A refusal: this call crossed a limit (R63), and its
  // `overrun` says what becomes of the answer; the strictest of several is told.
  // Where settles_later() says so, the answer is that of a second call with the same usage.
  std::optional<Refusal> settle(const Usage& usage);
  // A shared store was told by settle(), and what it says is not known yet (deferred.h).
  bool settles_later() const;

  // Nothing was used: the request was refused later, or the provider did not serve it. The request
  // itself stays counted.
  void release();

  // The tightest request and token limits, as they stood after the last call.
  Standing standing() const;

 private:
  struct State;
  explicit Holding(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;  // null: holds nothing
};

}  // namespace capsem::limit
