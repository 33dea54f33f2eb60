// `capsem policy check FILE|DIR`: loads as serve would, and says what is wrong or what would act.
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>

#include "server/app/command_line.h"
#include "server/app/disk.h"
#include "server/app/policy_set.h"

namespace capsem::app {
namespace {

constexpr std::size_t kPolicyBytesMax = 4u << 20;

Result<std::vector<policy::SourceFile>> files_at(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) {
    auto text = read_file(path, kPolicyBytesMax);
    if (!text) return std::unexpected(text.error());
    return std::vector<policy::SourceFile>{{path, std::move(*text)}};
  }
  auto directory = read_config_directory(path);
  if (!directory) return std::unexpected(directory.error());
  return std::move(directory->files);
}

int check(const std::string& path) {
  const auto files = files_at(path);
  if (!files) return fail(files.error());
  for (const policy::SourceFile& file : *files) {
    if (std::filesystem::path(file.name).filename() != "capsem.toml") continue;
    const auto settings =
        configure({.flags = {}, .environment = {}, .file = ConfigFile{file.name, file.text}});
    if (!settings) return fail(settings.error());
  }
  const auto set = compile_policies(*files);
  if (!set) return fail(set.error());
  for (const std::string& warning : set->warnings) fmt::print(stderr, "warning: {}\n", warning);
  fmt::print("Enabled Policies: {}\n", set->enabled.size());
  for (const std::string& name : set->enabled) fmt::print("  ✓ {}\n", name);
  fmt::print("revision {}\n", set->snapshot->revision());
  return 0;
}

}  // namespace

int run_policy(Arguments arguments) {
  CLI::App app("Work with policies", "capsem policy");
  app.require_subcommand(1);
  CLI::App* check_command =
      app.add_subcommand("check", "Load policies as serve would and report what is wrong");
  std::string path = "config";
  check_command->add_option("PATH", path, "a policy file or a configuration directory [config]");
  if (const auto status = parse_arguments(app, arguments)) return *status;
  return check(path);
}

}  // namespace capsem::app
