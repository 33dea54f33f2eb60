// A data-flow policy, compiled: a value found first in a tool result may not leave in a later tool
// call. What the values are is taken from the conversation that each request carries; nothing is
// remembered between requests.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/policy/binding.h"
#include "core/policy/condition.h"
#include "core/policy/ir.h"
#include "core/policy/judge.h"

namespace capsem::policy {

// The values of a request's tool results that nobody else had said before.
class Tainted {
 public:
  // Hits of the whole request: where each value stands first is where it comes from.
  struct Sighting {
    std::uint64_t value = 0;
    std::uint32_t place = 0;
    event::Point point = event::Point::Prompt;
  };
  void learn(std::vector<Sighting> sightings);

  // A tool result said it first, before `place`.
  bool holds(std::uint64_t value, std::uint32_t place = ~std::uint32_t{0}) const;
  bool empty() const { return values_.empty(); }

 private:
  struct Value {
    std::uint64_t value;
    std::uint32_t place;
  };
  std::vector<Value> values_;  // by value
};

class FlowRules {
 public:
  static Result<FlowRules> compile(const FlowPolicy& policy, const EntityRules& rules);

  // The first hit in the call's arguments whose value must not go there; nullptr when there is
  // none. Without `arguments` the hosts are not looked at: with a host list nothing is decided yet.
  const Hit* violated(const Unit& call, const Tainted& tainted, Arguments* arguments) const;
  // The rule id of one of the entities it follows.
  bool follows(detect::RuleId rule) const;

 private:
  const FlowPolicy* policy_ = nullptr;
  std::vector<detect::RuleId> rules_;
  GlobList tools_;
};

}  // namespace capsem::policy
