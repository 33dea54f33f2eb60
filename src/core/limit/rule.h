// Limits as the policy floor hands them in, and what they mean: which counters a request is charged
// to, and what a refusal says. Pure: no store, no clock.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/limit/counters.h"

namespace capsem::limit {

// What can be limited. A month is 30 days, sliding as all windows do.
enum class Dimension : std::uint8_t {
  RequestsPerMinute,
  RequestsPerHour,
  RequestsPerDay,
  EvaluationsPerMonth,  // R48: requests that policies are asked about
  ConcurrentRequests,
  TokensPerMinute,
  TokensPerHour,
  TokensPerDay,
  CostPerHour,  // micro-units of money (prices.h)
  CostPerDay,
  CostPerMonth,
};
inline constexpr std::size_t kDimensions = 11;

enum class Unit : std::uint8_t { Requests, Evaluations, Slots, Tokens, Money };

struct DimensionInfo {
  std::string_view name;    // part of keys: never changes its meaning
  std::string_view period;  // "minute"; empty for slots
  Unit unit;
  Kind kind;
  std::int64_t window_ns;
};
const DimensionInfo& info(Dimension dimension);
// One bit per dimension, the first one lowest.
constexpr std::uint32_t bit(Dimension dimension) {
  return std::uint32_t{1} << static_cast<unsigned>(dimension);
}
std::uint32_t dimensions_of(Kind kind);

// Who shares one counter. Agent names are what a key says of itself, so they count within the key.
// Where there is no integration, all who have none share one counter.
enum class Per : std::uint8_t { Agent, Key, Integration, Everyone };

// What happens to the answer of a call that crossed a token or money limit (R63).
enum class Overrun : std::uint8_t { Withhold, Deliver };

// Immutable once compiled; shared by all threads.
class LimitRule {
 public:
  LimitRule(std::string id, Per per);

  // Unset dimensions are not limited; 0 admits nothing.
  void set(Dimension dimension, std::uint64_t max) {
    max_[static_cast<std::size_t>(dimension)] = max;
    set_ |= bit(dimension);
  }
  std::optional<std::uint64_t> max(Dimension dimension) const {
    if ((set_ & bit(dimension)) == 0) return std::nullopt;
    return max_[static_cast<std::size_t>(dimension)];
  }
  // Those that are set.
  std::uint32_t dimensions() const { return set_; }

  const std::string& id() const { return id_; }  // unique among the rules of a snapshot
  Per per() const { return per_; }
  const std::string& key_part() const { return key_part_; }

  Overrun overrun = Overrun::Withhold;
  std::uint64_t estimate_output_tokens = 256;  // reserved when the client sets no bound
  // Unset: Closed for tokens and money, Local for the others.
  std::optional<OnStoreDown> on_store_down{};
  OnStoreDown on_store_down_of(Dimension dimension) const;

 private:
  std::string id_, key_part_;
  Per per_;
  std::uint32_t set_ = 0;
  std::array<std::uint64_t, kDimensions> max_{};
};

// Who asks. Views, valid during the call they are handed to.
struct Caller {
  std::string_view user_id;  // the hashed key
  std::string_view agent;
  std::string_view integration;  // empty on root routes
  std::string_view
      integration_id{};  // what counts, where there is one: tenants may use one name (T44)
};

// A caller's names as they stand in keys, so that a request writes them once for all of its keys.
class CallerKey {
 public:
  explicit CallerKey(const Caller& caller);
  std::string_view names(Per per) const;

 private:
  std::string text_;
  std::size_t key_end_ = 0, agent_end_ = 0;
};

// Appends the counter's key: the dimension, the rule's id, and those names of the caller that share
// the counter, each behind its length, so that no two callers can come to the same key by the
// choice of their names (T40, T44). A name of more than 64 bytes stands as its SHA-256. The key
// outlives reloads: it has the rule's id in it, not its numbers.
void append_key(std::string& out, const LimitRule& rule, Dimension dimension,
                const CallerKey& caller);

// Stable, for machines: "rate_limit_exceeded", "evaluation_quota_exceeded",
// "concurrency_limit_exceeded", "token_limit_exceeded", "budget_exceeded".
std::string_view refusal_code(Unit unit);

// "Rate limit exceeded: 10 requests per minute for agent 'a'".
std::string refusal_text(const LimitRule& rule, Dimension dimension, const Caller& caller);

// Micro-units as "5.00", "0.125", with at least two decimals.
std::string money_text(std::uint64_t micros);

}  // namespace capsem::limit
