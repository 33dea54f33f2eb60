// `capsem vault`: a new master key, and what is sealed under which.
#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <utility>

#include "server/app/command_line.h"
#include "server/app/disk.h"
#include "server/app/environment.h"
#include "server/app/state.h"
#include "server/app/subcommand.h"

namespace capsem::app {
namespace {

std::string hex_line(const Secret& key) {
  std::string line;
  for (const char c : key.reveal()) line += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return line + '\n';
}

Status write_key_file(const std::string& path, const std::string& line) {
  const auto failed = [&path](const char* why) {
    return gateway_error("unwritable_file", path + ": " + why);
  };
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) {
    return failed(errno == EEXIST ? "is there already; a key that is overwritten is lost"
                                  : std::strerror(errno));
  }
  const bool written =
      ::write(file, line.data(), line.size()) == static_cast<ssize_t>(line.size()) &&
      ::fsync(file) == 0;
  const int error = errno;
  ::close(file);
  if (written) return {};
  ::unlink(path.c_str());
  return failed(std::strerror(error));
}

int new_key(Arguments arguments) {
  CLI::App app("Makes a master key: 64 hexadecimal digits, to a new file of mode 0600",
               "capsem vault new-key");
  std::string path;
  app.add_option("FILE", path, "the file; none: standard output");
  if (const auto status = parse_arguments(app, arguments)) return *status;
  std::string line = hex_line(vault::make_master_key());
  Status written;
  if (path.empty()) {
    std::fwrite(line.data(), 1, line.size(), stdout);
  } else {
    written = write_key_file(path, line);
  }
  OPENSSL_cleanse(line.data(), line.size());
  if (!written) return fail(written.error());
  if (!path.empty()) {
    fmt::print(stderr,
               "{}: a new master key. Keep a copy apart from the backups: without it what is "
               "sealed under it is lost.\n",
               path);
  }
  return 0;
}

Result<proxy::Settings> settings_of(std::vector<FlagValue> flags) {
  ConfigSources sources{.flags = std::move(flags), .environment = environment(), .file = {}};
  auto configuration = configure(sources);
  if (!configuration) return std::unexpected(configuration.error());
  const auto directory = read_config_directory(configuration->settings.config_dir);
  if (!directory) return std::unexpected(directory.error());
  sources.file = config_file_of(*directory);
  if (sources.file) configuration = configure(sources);
  if (!configuration) return std::unexpected(configuration.error());
  return std::move(configuration->settings);
}

struct Sealed {
  std::size_t secrets = 0, opened = 0;
};

Result<std::map<std::string, Sealed>> count_secrets(sql::Connection& connection,
                                                    const vault::Vault& vault) {
  std::map<std::string, Sealed> by_key;
  const auto read = connection.run(
      "SELECT id, tenant_id, provider, blob FROM secret", {}, [&](const sql::Row& row) {
        Sealed& sealed = by_key[vault::Vault::key_id_of(row.blob(3))];
        ++sealed.secrets;
        const vault::Place place{
            .tenant = row.text(1), .provider = row.text(2), .row = row.text(0)};
        if (vault.open(row.blob(3), place)) ++sealed.opened;
      });
  if (!read) return std::unexpected(read.error());
  return by_key;
}

int print_status(const vault::Vault& vault, const std::map<std::string, Sealed>& by_key) {
  bool all = true;
  fmt::print("sealing key: {}\n", vault.has_key() ? vault.key_id() : "none");
  for (const auto& [key_id, sealed] : by_key) {
    all = all && sealed.opened == sealed.secrets;
    fmt::print("{}: {} secret(s), {} open{}\n", key_id.empty() ? "damaged" : key_id, sealed.secrets,
               sealed.opened,
               vault.has_key() && key_id != vault.key_id() ? "; to be rewrapped" : "");
  }
  if (by_key.empty()) fmt::print("no secrets are stored\n");
  return all ? 0 : 1;
}

int vault_status(Arguments arguments) {
  CLI::App app(
      "What is sealed under which master key, and whether it opens. Takes the flags of `capsem "
      "serve`. Exit status: 0 everything opens; 1 not.",
      "capsem vault status");
  SettingFlags flags(app);
  if (const auto status = parse_arguments(app, arguments)) return *status;
  const auto settings = settings_of(flags.values());
  if (!settings) return fail(settings.error());
  if (settings->data_dir.empty() && settings->store.database_url.empty()) {
    fmt::print(stderr, "capsem vault status: which --data-dir or --database-url?\n");
    return 2;
  }
  const auto target = sql::target_of(settings->data_dir, settings->store.database_url);
  if (!target) return fail(target.error());
  if (target->kind == sql::Kind::Sqlite && ::access(target->location.c_str(), F_OK) != 0) {
    return fail({Fault::Gateway, "no_database", target->location + ": there is no database"});
  }
  auto connection = sql::open(*target);
  if (!connection) return fail(connection.error());
  auto keys = read_master_keys(settings->vault, **connection);
  if (!keys) return fail(keys.error());
  const vault::Vault vault(std::move(*keys));
  const auto counted = count_secrets(**connection, vault);
  if (!counted) return fail(counted.error());
  return print_status(vault, *counted);
}

}  // namespace

int run_vault(Arguments arguments) {
  constexpr std::string_view kUsage =
      "Usage: capsem vault new-key [FILE]\n"
      "       capsem vault status [SETTINGS]\n\n"
      "Sealing, unsealing and rewrapping are a running gateway's: capsem admin vault --help\n";
  const std::string word = arguments.empty() ? "" : arguments.front();
  if (word == "new-key") return new_key(arguments.subspan(1));
  if (word == "status") return vault_status(arguments.subspan(1));
  const bool help = word == "--help" || word == "-h";
  fmt::print(help ? stdout : stderr, "{}", kUsage);
  return help ? 0 : 2;
}

}  // namespace capsem::app
