// A lists policy, compiled: models, tools and hosts by name (S3). Denied first, then allowed; an
// empty allow list allows all. Immutable; thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/base/pattern_index.h"
#include "core/policy/condition.h"
#include "core/policy/ir.h"

namespace capsem::policy {

// Why a list refuses.
struct ListRefusal {
  std::string code;  // "model_blocked", "tool.not_allowed", "network.blocked", ...
  std::string text;  // "Model gpt-3.5-turbo is not allowed"
  std::string at;    // of the entry, or of the policy
  std::string why;   // "denied by file_*"
};

class ListRules {
 public:
  static Result<ListRules> compile(const ListsPolicy& policy);

  std::optional<ListRefusal> judge_model(std::string_view model) const;
  std::optional<ListRefusal> judge_tool(std::string_view tool) const;
  // R66. `tls`: the connection to the host is encrypted.
  std::optional<ListRefusal> judge_host(std::string_view host, bool tls) const;
  // The hosts of all URLs in a call's arguments (R67).
  std::optional<ListRefusal> judge_arguments(Arguments& arguments) const;

  bool has_models() const { return policy_->models.has_value(); }
  bool has_tools() const { return policy_->tools.has_value(); }
  bool has_network() const { return policy_->network.has_value(); }

 private:
  struct Names {
    const NameLists* source = nullptr;
    PatternIndex allow, deny;
  };
  static Status compile(const NameLists& lists, Names& names);

  const ListsPolicy* policy_ = nullptr;
  Names models_, tools_;
};

}  // namespace capsem::policy
