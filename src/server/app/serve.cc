// `capsem serve`: settings and policies in, a gateway out, until a signal says otherwise.
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cstdio>
#include <thread>

#include "core/policy/self_test.h"
#include "server/app/banner.h"
#include "server/app/command_line.h"
#include "server/app/confine.h"
#include "server/app/disk.h"
#include "server/app/environment.h"
#include "server/app/service.h"

namespace capsem::app {
namespace {

constexpr int kEnded = SIGUSR2;  // sent to ourselves when the gateway has ended

// The copy that the settings were read from; the environment's own goes when the key is read.
void wipe_master_key(std::vector<std::pair<std::string, std::string>>& variables,
                     const std::string& name) {
  for (auto& [variable, value] : variables) {
    if (variable == name) OPENSSL_cleanse(value.data(), value.size());
  }
}

struct Startup {
  Configuration configuration;
  std::vector<policy::SourceFile> files;  // policies among them
  std::unique_ptr<State> state;           // null: there is none
  PolicySet policies;
};

// The directory is known from flags and environment alone; its capsem.toml then joins them.
Result<Startup> load(std::vector<FlagValue> flags, bool with_policies, const Clock& clock) {
  ConfigSources sources{.flags = std::move(flags), .environment = environment(), .file = {}};
  auto configuration = configure(sources);
  if (!configuration) return std::unexpected(configuration.error());
  const std::string path = configuration->settings.config_dir;
  const auto directory = read_config_directory(path);
  if (!directory) return std::unexpected(directory.error());
  sources.file = config_file_of(*directory);
  if (sources.file) configuration = configure(sources);
  if (!configuration) return std::unexpected(configuration.error());

  Startup startup{
      .configuration = std::move(*configuration), .files = {}, .state = nullptr, .policies = {}};
  const proxy::Settings& settings = startup.configuration.settings;
  wipe_master_key(sources.environment, settings.vault.master_key_env);
  if (!with_policies) return startup;
  auto files = read_policy_files(path, settings.policy_files);
  if (!files) return std::unexpected(files.error());
  startup.files = std::move(files->files);
  auto state = State::open(settings, clock);
  if (!state) return std::unexpected(state.error());
  startup.state = std::move(*state);
  const auto inputs = startup.state ? startup.state->keeper().policies() : nullptr;
  auto policies = compile_policies(startup.files, inputs.get());
  if (!policies) return std::unexpected(policies.error());
  if (Status kept = policy::self_test(policies->snapshot); !kept) {
    return std::unexpected(kept.error());
  }
  startup.policies = std::move(*policies);
  auto& warnings = startup.configuration.warnings;
  if (!directory->exists) {
    warnings.push_back(fmt::format("{}: no such directory; the Debug policy alone acts", path));
  }
  for (const std::string& warning : startup.policies.warnings) warnings.push_back(warning);
  for (auto& warning : exposure_warnings(startup.configuration.settings)) {
    warnings.push_back(std::move(warning));
  }
  return startup;
}

// Messages of the program itself go to standard error; records have standard output to themselves
// once the banner is out.
void set_up_messages() {
  auto logger = spdlog::stderr_color_mt("capsem");
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  spdlog::set_default_logger(std::move(logger));
}

// Blocked in every thread, so that they come to the one that waits for them.
sigset_t block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, kEnded}) sigaddset(&signals, number);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);  // a full disk is an error of the write, not the end
  return signals;
}

Status confine_program(proxy::Confine how) {
  if (how == proxy::Confine::Off) {
    spdlog::warn("[server] confine = \"off\": any system call may be made");
    return {};
  }
  if (!confinement_suits_build()) {
    spdlog::warn("not confined: this build carries a sanitizer, which needs more system calls");
    return {};
  }
  return confine(how);
}

// To the terminal or the journal of whoever starts the gateway for the first time, never again.
void print_bootstrap_token(const Secret& token) {
  fmt::print("Admin token of this first start, shown this once: {}\n", token.reveal());
}

void serve_until_told(Service& service, const sigset_t& signals) {
  std::thread waiter([&service] {
    service.gateway().wait();
    ::kill(::getpid(), kEnded);
  });
  for (bool running = true; running;) {
    int number = 0;
    if (sigwait(&signals, &number) != 0) continue;
    switch (number) {
      case SIGHUP:
        service.reopen_log();
        service.reload("SIGHUP");
        break;
      case kEnded:
        running = false;
        break;
      default:
        spdlog::info("signal {}: draining; once more ends at once", number);
        service.gateway().drain();
    }
  }
  waiter.join();
}

}  // namespace

int run_serve(Arguments arguments) {
  CLI::App app(
      "The gateway. A flag acts over its environment variable, which acts over capsem.toml.",
      "capsem serve");
  SettingFlags flags(app);
  bool print = false;
  app.add_flag("--print-effective-config", print, "print each setting with its origin, and end");
  if (const auto status = parse_arguments(app, arguments)) return *status;

  if (auto kept = keep_to_itself(); !kept) return fail(kept.error());
  set_up_messages();
  const SystemClock clock;
  const sigset_t signals = block_signals();  // before the first thread, which would take them
  auto startup = load(flags.values(), !print, clock);
  if (!startup) return fail(startup.error());
  if (print) {
    for (const auto& w : startup->configuration.warnings) fmt::print(stderr, "warning: {}\n", w);
    std::fputs(print_effective(startup->configuration).c_str(), stdout);
    return 0;
  }

  const proxy::Settings& settings = startup->configuration.settings;
  spdlog::set_level(spdlog::level::from_str(settings.log_level));
  forget_variables(secret_variables());
  const std::vector<std::string> enabled = startup->policies.enabled;
  auto service = Service::start(settings, std::move(startup->files), std::move(startup->policies),
                                std::move(startup->state));
  if (!service) return fail(service.error());
  if (auto confined = confine_program(settings.confine); !confined) return fail(confined.error());
  const std::string text = banner(settings, {.port = (*service)->gateway().port(),
                                             .admin_port = (*service)->gateway().admin_port(),
                                             .enabled = enabled,
                                             .warnings = startup->configuration.warnings});
  std::fputs(text.c_str(), stdout);
  if (State* state = (*service)->state()) {
    if (const auto token = state->take_bootstrap_token()) print_bootstrap_token(*token);
  }
  std::fflush(stdout);
  serve_until_told(**service, signals);
  return 0;
}

}  // namespace capsem::app
