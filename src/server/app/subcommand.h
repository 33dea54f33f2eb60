// The words after `capsem`: one row each. main looks a word up and hands over what follows it.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace capsem::app {

using Arguments = std::span<const std::string>;

struct Subcommand {
  std::string_view name, help;
  int (*run)(Arguments arguments);  // returns the exit status: 0 done, 1 failed, 2 misused
};

int run_serve(Arguments arguments);
int run_admin(Arguments arguments);
int run_audit(Arguments arguments);
int run_backup(Arguments arguments);
int run_restore(Arguments arguments);
int run_doctor(Arguments arguments);
int run_vault(Arguments arguments);
int run_scan(Arguments arguments);
int run_coverage(Arguments arguments);
int run_policy(Arguments arguments);
int run_version(Arguments arguments);

}  // namespace capsem::app
