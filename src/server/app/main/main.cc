// capsem: the words it understands. A new one is one row.
#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <vector>

#include "core/policy/toml_source.h"
#include "server/app/subcommand.h"
#include "server/app/version.h"
#include "server/mock/demo.h"
#include "server/mock/upstream.h"

// jemalloc reads this before main(). Without it a buffer of 8 MiB or more is given back to the
// kernel as soon as it is freed, and a large prompt pays for each of its pages anew.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "oversize_threshold:0";
}

namespace {

using capsem::app::Subcommand;

constexpr Subcommand kSubcommands[] = {
    {"serve", "the gateway", capsem::app::run_serve},
    {"admin", "administer a running gateway through its admin API", capsem::app::run_admin},
    {"backup", "copy the database while the gateway runs", capsem::app::run_backup},
    {"restore", "put a backup in the place of the database", capsem::app::run_restore},
    {"doctor", "check settings, stores, certificates, providers and the clock",
     capsem::app::run_doctor},
    {"demo", "play the founding demo against itself; needs no key and no network",
     capsem::mock::run_demo},
    {"mock-upstream", "a mock provider: OpenAI, Gemini, Anthropic",
     capsem::mock::run_mock_upstream},
    {"vault", "make a master key; what is sealed under which", capsem::app::run_vault},
    {"audit", "read, verify and export the audit", capsem::app::run_audit},
    {"scan", "what the PII detectors find in a text", capsem::app::run_scan},
    {"coverage", "every field of every dialect that is inspected", capsem::app::run_coverage},
    {"policy", "check, test, explain, compare policy files", capsem::app::run_policy},
    {"version", "version, revision and libraries", capsem::app::run_version},
};

void print_usage(std::FILE* out) {
  fmt::print(out,
             "capsem {}: a security gateway for LLM traffic\n\nUsage: capsem COMMAND [OPTIONS]\n\n",
             capsem::app::program_version());
  for (const Subcommand& command : kSubcommands) {
    fmt::print(out, "  {:<14} {}\n", command.name, command.help);
  }
  fmt::print(out, "\n`capsem COMMAND --help` says more.\n");
}

int unknown_command(const std::string& word) {
  std::vector<std::string_view> names;
  for (const Subcommand& command : kSubcommands) names.push_back(command.name);
  fmt::print(stderr, "capsem: unknown command '{}'{}\n", word,
             capsem::policy::suggestion(word, names));
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.empty()) {
    print_usage(stderr);
    return 2;
  }
  const std::string& word = words.front();
  if (word == "--help" || word == "-h" || word == "help") {
    print_usage(stdout);
    return 0;
  }
  for (const Subcommand& command : kSubcommands) {
    if (command.name == word || (command.name == "version" && word == "--version")) {
      return command.run(capsem::app::Arguments(words).subspan(1));
    }
  }
  return unknown_command(word);
}
