// Conditions of rules, from any dialect, and whether they can be evaluated where they stand (E06).
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "core/policy/ir.h"
#include "core/policy/shape.h"
#include "core/policy/source_tree.h"

namespace capsem::policy {

// The names of all fields; "args." and "context." stand for any name behind them.
std::span<const std::string_view> field_names();
// The names of all operators, without "not_".
std::span<const std::string_view> op_names();

// `when`: a table of conditions by field name, or a list of conditions. A value is a glob, a list
// of values is OR, a number or boolean is compared as text, a table holds operators: { gt = 5 }.
// All of it must hold. What is wrong is reported and left out.
std::vector<Condition> read_when(Reporter& report, const SourceNode& node);
// `all`: [ { field, op, value } ].
std::vector<Condition> read_conditions(Reporter& report, const SourceNode& list);

// What a rule that has conditions may look at.
struct RulePhase {
  std::string_view what;    // "an access rule"
  bool texts = false;       // content
  bool tools = false;       // tool.*, args.*
  bool answers = false;     // usage.*
  std::string_view hint{};  // how tools come into view
};
// Reports E06 for every condition on what the rule never sees.
void check_phase(Reporter& report, std::span<const Condition> conditions, const RulePhase& phase);
// The same for a rule of an access policy, which sees tools only if it can be about them; and E04
// for actions that cannot be compiled.
void check_access_rule(Reporter& report, const AccessRule& rule);

}  // namespace capsem::policy
