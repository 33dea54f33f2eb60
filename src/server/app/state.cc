#include "server/app/state.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <utility>
#include <vector>

#include "core/base/sha256.h"
#include "server/sql/schema.h"
#include "server/store/meta.h"
#include "server/store/rewrap.h"
#include "server/store/tenants.h"
#include "server/store/tokens.h"

namespace capsem::app {
namespace {

namespace fs = std::filesystem;

Status make_directory(const std::string& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) return {};
  // Whatever is missing on the way as well: nobody else's to read.
  const mode_t before = ::umask(077);
  fs::create_directories(path, error);
  ::umask(before);
  if (error) return gateway_error("unwritable_directory", path + ": " + error.message());
  return {};
}

// 16 bytes of the installation's own, which is all a salt has to be.
Result<std::string> salt_of(sql::Connection& connection) {
  const auto pepper = store::pepper_of(connection);
  if (!pepper) return std::unexpected(pepper.error());
  const auto digest = sha256("capsem passphrase salt:" + *pepper);
  return std::string(reinterpret_cast<const char*>(digest.data()), 16);
}

// With a master key, whoever reads the database alone cannot tell what a hash stands for.
Result<Secret> redaction_secret_of(const vault::Vault& vault, sql::Connection& connection) {
  constexpr std::string_view kPurpose = "redacted values";
  if (vault.has_key()) return Secret(vault.keyed_digest(kPurpose, {}));
  const auto pepper = store::pepper_of(connection);
  if (!pepper) return std::unexpected(pepper.error());
  const auto digest = hmac_sha256(*pepper, kPurpose);
  return Secret({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

bool credential_exists(const std::string& name) {
  const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
  if (directory == nullptr || name.empty()) return false;
  std::error_code error;
  return fs::exists(fs::path(directory) / name, error);
}

}  // namespace

Result<std::optional<sql::Target>> target_of_settings(const proxy::Settings& settings) {
  if (settings.data_dir.empty() && settings.store.database_url.empty()) {
    return std::optional<sql::Target>();
  }
  if (!settings.data_dir.empty()) {
    if (Status made = make_directory(settings.data_dir); !made) {
      return std::unexpected(made.error());
    }
  }
  auto target = sql::target_of(settings.data_dir, settings.store.database_url);
  if (!target) return std::unexpected(target.error());
  target->busy_ms = target->statement_ms = target->connect_ms = settings.store.call_ms;
  return std::optional(std::move(*target));
}

Result<std::vector<Secret>> read_master_keys(const proxy::VaultSettings& settings,
                                             sql::Connection& connection) {
  std::vector<vault::MasterKeySource> sources;
  for (const std::string& file : settings.master_key_files) sources.push_back({.file = file});
  const std::string& variable = settings.master_key_env;
  if (!variable.empty() && std::getenv(variable.c_str()) != nullptr) {
    sources.push_back({.environment = variable});
  }
  if (credential_exists(settings.master_key_credential)) {
    sources.push_back({.credential = settings.master_key_credential});
  }
  if (!settings.passphrase_file.empty()) {
    auto salt = salt_of(connection);
    if (!salt) return std::unexpected(salt.error());
    sources.push_back({.passphrase_file = settings.passphrase_file, .salt = std::move(*salt)});
  }
  std::vector<Secret> keys;
  for (const vault::MasterKeySource& source : sources) {
    auto key = vault::read_master_key(source);
    if (!key) return std::unexpected(key.error());
    keys.push_back(std::move(*key));
  }
  return keys;
}

Result<std::unique_ptr<State>> State::open(const proxy::Settings& settings, const Clock& clock) {
  auto target = target_of_settings(settings);
  if (!target) return std::unexpected(target.error());
  if (!*target) return std::unique_ptr<State>();
  auto connection = sql::open(**target);
  if (!connection) return std::unexpected(connection.error());
  if (Status migrated = sql::migrate(**connection); !migrated) {
    return std::unexpected(migrated.error());
  }
  std::unique_ptr<State> state(new State(settings, std::move(**target)));
  const std::string& variable = settings.vault.master_key_env;
  state->key_of_environment_ = !variable.empty() && std::getenv(variable.c_str()) != nullptr;
  auto keys = read_master_keys(settings.vault, **connection);
  if (!keys) return std::unexpected(keys.error());
  state->vault_ = std::make_shared<vault::Vault>(std::move(*keys));
  state->vault_shown_ = state->vault_;
  auto redaction = redaction_secret_of(*state->vault_, **connection);
  if (!redaction) return std::unexpected(redaction.error());
  state->redaction_secret_ = std::move(*redaction);
  if (Status opened = state->check_secrets(**connection); !opened) {
    return std::unexpected(opened.error());
  }
  if (Status made = store::ensure_default_tenant(**connection, clock.wall_ms()); !made) {
    return std::unexpected(made.error());
  }
  if (settings.admin_port != 0) {
    auto token = store::create_bootstrap_token(**connection, clock.wall_ms());
    if (!token) return std::unexpected(token.error());
    state->bootstrap_token_ = std::move(*token);
  }
  connection->reset();
  state->keeper_ =
      std::make_unique<store::DirectoryKeeper>(state->target_, settings.store.poll_ms, clock);
  if (Status loaded = state->keeper_->load(state->vault_); !loaded) {
    return std::unexpected(loaded.error());
  }
  state->executor_ = std::make_unique<sql::Executor>(state->target_);
  return state;
}

State::~State() {
  stop();
}

void State::stop() {
  if (keeper_) keeper_->stop();
}

// One that opens is enough: the others are told as they are found (T39).
Status State::check_secrets(sql::Connection& connection) const {
  std::size_t stored = 0, opened = 0;
  const auto read = connection.run(
      "SELECT id, tenant_id, provider, blob FROM secret", {}, [&](const sql::Row& row) {
        ++stored;
        const vault::Place place{
            .tenant = row.text(1), .provider = row.text(2), .row = row.text(0)};
        if (vault_->open(row.blob(3), place)) ++opened;
      });
  if (!read) return std::unexpected(read.error());
  if (stored == 0 || opened != 0) return {};
  if (!vault_->has_key()) {
    return gateway_error(
        "no_master_key",
        fmt::format("the database holds {} stored provider key(s) and there is no master key: "
                    "vault.master_key_files (--master-key-file), the variable {}, the systemd "
                    "credential {} or vault.passphrase_file name one",
                    stored, settings_.master_key_env, settings_.master_key_credential));
  }
  return gateway_error("wrong_master_key",
                       fmt::format("none of the {} stored provider key(s) opens with the master "
                                   "key(s) given: they are others' or the wrong ones",
                                   stored));
}

std::optional<Secret> State::take_bootstrap_token() {
  const std::scoped_lock lock(lock_);
  return std::exchange(bootstrap_token_, std::nullopt);
}

void State::seal() {
  {
    const std::scoped_lock lock(lock_);
    sealed_ = true;
    vault_->use({});
    keeper_->set_vault(nullptr);
  }
  keeper_->poke();
}

Status State::unseal() {
  auto connection = sql::open(target_);
  if (!connection) return std::unexpected(connection.error());
  auto keys = read_master_keys(settings_, **connection);
  if (!keys) return std::unexpected(keys.error());
  if (keys->empty() && key_of_environment_) {
    return client_error("environment_key",
                        "The master key came from the environment, which was wiped at the start: "
                        "only a restart unseals");
  }
  if (keys->empty()) return client_error("no_master_key", "There is no master key to unseal with");
  {
    const std::scoped_lock lock(lock_);
    vault_->use(std::move(*keys));
    sealed_ = false;
    keeper_->set_vault(vault_);
  }
  keeper_->poke();
  return {};
}

bool State::sealed() const {
  const std::scoped_lock lock(lock_);
  return sealed_;
}

Result<std::uint64_t> State::rewrap(sql::Connection& connection) {
  return store::rewrap(connection, *vault_);
}

}  // namespace capsem::app
