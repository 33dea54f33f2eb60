// `capsem coverage`: the coverage contract, as the codecs were compiled from it.
#include <cstdio>

#include "core/codec/coverage.h"
#include "server/app/command_line.h"

namespace capsem::app {

int run_coverage(Arguments arguments) {
  CLI::App app("Every field of every dialect with its inspection point", "capsem coverage");
  bool json = false;
  app.add_flag("--json", json, "for machines");
  if (const auto status = parse_arguments(app, arguments)) return *status;
  const std::string text = json ? codec::coverage_json() : codec::coverage_text();
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (!text.ends_with('\n')) std::fputc('\n', stdout);
  return 0;
}

}  // namespace capsem::app
