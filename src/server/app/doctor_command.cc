// `capsem doctor`: would a gateway with these settings work here?
#include <fmt/format.h>

#include <chrono>
#include <cstdio>

#include "core/policy/self_test.h"
#include "server/app/banner.h"
#include "server/app/command_line.h"
#include "server/app/confine.h"
#include "server/app/disk.h"
#include "server/app/doctor.h"
#include "server/app/environment.h"
#include "server/app/policy_set.h"

namespace capsem::app {
namespace {

constexpr std::string_view kSettings = "settings", kPolicies = "policies";

// The settings that are in force, or a failed check.
std::optional<proxy::Settings> settings_of(std::vector<FlagValue> flags, Checks& checks) {
  ConfigSources sources{.flags = std::move(flags), .environment = environment(), .file = {}};
  auto configuration = configure(sources);
  if (configuration) {
    const auto directory = read_config_directory(configuration->settings.config_dir);
    if (!directory) {
      checks.push_back({Grade::Fail, std::string(kSettings), directory.error().detail,
                        "make it readable for the gateway's user"});
      return std::nullopt;
    }
    if (!directory->exists) {
      checks.push_back({Grade::Warn, std::string(kSettings),
                        configuration->settings.config_dir + ": no such directory",
                        "name it with --config-dir"});
    }
    sources.file = config_file_of(*directory);
    if (sources.file) configuration = configure(sources);
  }
  if (!configuration) {
    checks.push_back(
        {Grade::Fail, std::string(kSettings), configuration.error().detail, "correct it"});
    return std::nullopt;
  }
  for (const std::string& warning : configuration->warnings) {
    checks.push_back({Grade::Warn, std::string(kSettings), warning, "correct it"});
  }
  for (const std::string& warning : exposure_warnings(configuration->settings)) {
    checks.push_back({Grade::Warn, std::string(kSettings), warning, "see docs/operations.md"});
  }
  checks.push_back({Grade::Ok, std::string(kSettings),
                    sources.file ? sources.file->name + ": read" : "defaults; no capsem.toml"});
  return std::move(configuration->settings);
}

void check_policies(const proxy::Settings& settings, Checks& checks) {
  const std::string what(kPolicies);
  const auto refused = [&](const Error& error) {
    checks.push_back({Grade::Fail, what, error.detail, "capsem policy check tells more"});
  };
  const auto files = read_policy_files(settings.config_dir, settings.policy_files);
  if (!files) return refused(files.error());
  const auto policies = compile_policies(files->files);
  if (!policies) return refused(policies.error());
  if (const Status kept = policy::self_test(policies->snapshot); !kept) {
    return refused(kept.error());
  }
  for (const std::string& warning : policies->warnings) {
    checks.push_back({Grade::Warn, what, warning, "correct it"});
  }
  checks.push_back({Grade::Ok, what,
                    fmt::format("{} enabled, and their own tests pass", policies->enabled.size())});
}

}  // namespace

int run_doctor(Arguments arguments) {
  CLI::App app(
      "Checks what a gateway with these settings needs: one line per check, exit status 1 when one "
      "fails. Takes the flags of `capsem serve`. Sends no key anywhere and changes nothing.",
      "capsem doctor");
  SettingFlags flags(app);
  bool json = false, offline = false;
  std::uint32_t timeout_ms = 5'000;
  app.add_flag("--json", json, "for machines");
  app.add_flag("--offline", offline, "connect to no provider");
  app.add_option("--timeout-ms", timeout_ms, "of each connection [5000]");
  if (const auto status = parse_arguments(app, arguments)) return *status;
  if (auto kept = keep_to_itself(); !kept) return fail(kept.error());

  const DoctorOptions options{.providers = !offline, .time = std::chrono::milliseconds(timeout_ms)};
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  Checks checks;
  if (const auto settings = settings_of(flags.values(), checks)) {
    check_policies(*settings, checks);
    check_data_directory(*settings, checks);
    check_secret_files(*settings, checks);
    check_database(*settings, checks);
    check_redis(*settings, checks);
    check_certificates(*settings, std::chrono::duration_cast<std::chrono::seconds>(now).count(),
                       checks);
    check_descriptors(*settings, checks);
    check_ports(*settings, options, checks);
    check_providers(*settings, options, checks);
  }
  std::fputs(json ? doctor_json(checks).c_str() : doctor_text(checks).c_str(), stdout);
  const bool failed =
      std::ranges::any_of(checks, [](const Check& check) { return check.grade == Grade::Fail; });
  return failed ? 1 : 0;
}

}  // namespace capsem::app
