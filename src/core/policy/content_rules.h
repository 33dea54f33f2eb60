// A content policy, compiled: deterministic rules over a text and what is known of the request
// (R52). Immutable; thread-safe.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/error.h"
#include "core/policy/condition.h"
#include "core/policy/explain.h"
#include "core/policy/ir.h"

namespace capsem::policy {

class ContentRules {
 public:
  static Result<ContentRules> compile(const ContentPolicy& policy);

  // The rules that are violated, in their order; with evaluate = "first" at most one. Conditions
  // that cannot be evaluated count as violated: a content rule only ever forbids or reports.
  // Of a call only rules that speak of a text or a tool are asked, of an answer only those that
  // speak of a text or of usage: the others have said all with the request.
  enum class Asked : std::uint8_t { Everything, OfCall, OfAnswer };
  std::vector<const ContentRule*> violated(const Facts& facts, Asked asked,
                                           Trace* trace = nullptr) const;

  bool needs_content() const { return needs_content_; }
  bool needs_tool() const { return needs_tool_; }  // its name or its arguments
  bool judges_answers() const { return judges_answers_; }

 private:
  struct Rule {
    const ContentRule* source = nullptr;
    Conditions all;
    bool of_calls = false, of_answers = false;
  };
  const ContentPolicy* policy_ = nullptr;
  std::vector<Rule> rules_;
  bool needs_content_ = false, needs_tool_ = false, judges_answers_ = false;
};

}  // namespace capsem::policy
