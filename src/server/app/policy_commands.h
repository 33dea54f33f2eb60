// The words after `capsem policy`: one function each, with what follows its word.
#pragma once

#include "server/app/subcommand.h"

namespace capsem::app {

int run_policy_check(Arguments arguments);
int run_policy_explain(Arguments arguments);
int run_policy_test(Arguments arguments);
int run_policy_convert(Arguments arguments);
int run_policy_diff(Arguments arguments);
int run_policy_check_model(Arguments arguments);
int run_policy_check_tool(Arguments arguments);
int run_policy_check_rate(Arguments arguments);
int run_policy_schema(Arguments arguments);

}  // namespace capsem::app
