// `capsem policy convert` and `capsem policy schema`: policy files as TOML, and what that may hold.
#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "core/policy/convert.h"
#include "core/policy/schema.h"
#include "server/app/command_line.h"
#include "server/app/policy_commands.h"
#include "server/app/policy_files.h"

namespace capsem::app {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

Status write_file(const std::string& path, std::string_view text) {
  std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "wbe"));
  const bool written =
      file != nullptr && std::fwrite(text.data(), 1, text.size(), file.get()) == text.size();
  // What could not be written may only show when the file is closed.
  if (!written || std::fclose(file.release()) != 0) {
    return gateway_error("unwritable_file", fmt::format("{}: {}", path, std::strerror(errno)));
  }
  return {};
}

}  // namespace

int run_policy_convert(Arguments arguments) {
  CLI::App app("Print policy files of any dialect as one TOML file that loads to the same policies",
               "capsem policy convert");
  PolicyOptions options;
  std::string output;
  add_policy_options(app, options);
  app.remove_option(app.get_option("--json"));
  app.add_option("-o,--output", output, "write the TOML here instead of printing it");
  if (const auto status = parse_arguments(app, arguments)) return *status;
  if (options.files.empty() && options.named.empty()) {
    fmt::print(stderr, "capsem policy convert: which FILE?\n");
    return 2;
  }
  const auto files = read_policies(options.paths());
  if (!files) return fail(files.error());
  const policy::Loaded loaded = policy::read_files(*files);
  const Paint paint(options.color, stderr);
  for (const policy::Diagnostic& diagnostic : loaded.diagnostics) {
    print_diagnostic(paint, diagnostic);
  }
  if (!loaded.ok()) return 1;
  if (loaded.documents.empty()) {
    return fail({Fault::Gateway, "no_policies", files->front().name + ": no policy file"});
  }
  const auto document = policy::joined(loaded.documents);
  if (!document) return fail(document.error());
  const std::string text = policy::to_toml(*document);
  if (output.empty()) {
    std::fwrite(text.data(), 1, text.size(), stdout);
  } else if (const Status written = write_file(output, text); !written) {
    return fail(written.error());
  }
  return 0;
}

int run_policy_schema(Arguments arguments) {
  CLI::App app("Print the JSON schema of the TOML format, for editors", "capsem policy schema");
  app.footer(std::string(kPolicyExits));
  if (const auto status = parse_arguments(app, arguments)) return *status;
  const std::string schema = policy::json_schema();
  std::fwrite(schema.data(), 1, schema.size(), stdout);
  return 0;
}

}  // namespace capsem::app
