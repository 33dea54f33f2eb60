// `capsem policy WORD ...`: what can be asked of policy files without serving.
#include <fmt/format.h>

#include <cstdio>
#include <vector>

#include "core/policy/toml_source.h"
#include "server/app/policy_commands.h"
#include "server/app/policy_files.h"

namespace capsem::app {
namespace {

constexpr Subcommand kWords[] = {
    {"check", "all errors and warnings, and what would be in force", run_policy_check},
    {"explain", "what would be decided of a request, and why", run_policy_explain},
    {"test", "play the [[test]] blocks; which rules no test reaches", run_policy_test},
    {"convert", "any dialect as TOML", run_policy_convert},
    {"diff", "what a change of policies allows and denies", run_policy_diff},
    {"check-model", "may these models be used?", run_policy_check_model},
    {"check-tool", "may these tools be used?", run_policy_check_tool},
    {"check-rate", "how many requests pass the limits", run_policy_check_rate},
    {"schema", "the JSON schema of the TOML, for editors", run_policy_schema},
};

void print_usage(std::FILE* out) {
  fmt::print(out,
             "Work with policies; needs no key and no network\n\n"
             "Usage: capsem policy COMMAND [FILE...] [OPTIONS]\n\n");
  for (const Subcommand& word : kWords) fmt::print(out, "  {:<12} {}\n", word.name, word.help);
  fmt::print(out, "\n{}\n`capsem policy COMMAND --help` says more.\n", kPolicyExits);
}

}  // namespace

int run_policy(Arguments arguments) {
  if (arguments.empty()) {
    print_usage(stderr);
    return 2;
  }
  const std::string& word = arguments.front();
  if (word == "--help" || word == "-h") {
    print_usage(stdout);
    return 0;
  }
  std::vector<std::string_view> names;
  for (const Subcommand& known : kWords) {
    if (known.name == word) return known.run(arguments.subspan(1));
    names.push_back(known.name);
  }
  fmt::print(stderr, "capsem policy: unknown command '{}'{}\n", word,
             policy::suggestion(word, names));
  return 2;
}

}  // namespace capsem::app
