// What a gateway with a data directory or a database remembers: the database, the vault, who may
// call. Built before the gateway, ends after it.
//
// Thread-safe once open() has returned.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/secret.h"
#include "server/proxy/settings.h"
#include "server/sql/database.h"
#include "server/sql/executor.h"
#include "server/store/directory_keeper.h"
#include "server/vault/vault.h"

namespace capsem::app {

// The database that these settings name, and its directory made (0700). Empty: they name none.
Result<std::optional<sql::Target>> target_of_settings(const proxy::Settings& settings);

// All master keys that the settings name, the one that seals first; none: an empty vault. Takes the
// environment's. `connection`: where the salt of a passphrase is.
Result<std::vector<Secret>> read_master_keys(const proxy::VaultSettings& settings,
                                             sql::Connection& connection);

class State {
 public:
  // Opens and migrates the database, reads the master keys and who may call. Null: the settings
  // name neither data directory nor database. Errors: the database's; "no_master_key" and
  // "wrong_master_key": provider keys are stored, and none of them can be opened (promise 6).
  static Result<std::unique_ptr<State>> open(const proxy::Settings& settings, const Clock& clock);
  ~State();
  // Nothing of it calls anybody afterwards; executor() and keeper() stay valid and answer errors.
  void stop();

  const sql::Target& target() const { return target_; }
  sql::Executor& executor() { return *executor_; }
  store::DirectoryKeeper& keeper() { return *keeper_; }
  const std::shared_ptr<const vault::Vault>& vault() const { return vault_shown_; }
  // Of the hashes that stand for redacted values: made of the master key that seals, or, without
  // one, of what the database keeps. The same after every start.
  const Secret& redaction_secret() const { return redaction_secret_; }
  // The token of a first start, once: afterwards nothing.
  std::optional<Secret> take_bootstrap_token();

  // Provider keys are wiped from memory, and master keys with them; calls that need them get 503.
  // Loops forget them with the keeper's next poke, which this does.
  void seal();
  // Reads the master keys anew. "environment_key": they came from the environment, which was wiped;
  // only a restart brings them back.
  Status unseal();
  bool sealed() const;
  // Provider keys and kept contents that are sealed under an older master key, sealed under the
  // first one; how many there were. On the thread of the connection; loops notice nothing.
  Result<std::uint64_t> rewrap(sql::Connection& connection);

 private:
  State(const proxy::Settings& settings, sql::Target target)
      : settings_(settings.vault), target_(std::move(target)) {}
  Status check_secrets(sql::Connection& connection) const;

  const proxy::VaultSettings settings_;
  const sql::Target target_;
  std::shared_ptr<vault::Vault> vault_;
  std::shared_ptr<const vault::Vault> vault_shown_;
  bool key_of_environment_ = false;
  Secret redaction_secret_;  // constant after open()
  mutable std::mutex lock_;  // guards the two below
  bool sealed_ = false;
  std::optional<Secret> bootstrap_token_;
  std::unique_ptr<store::DirectoryKeeper> keeper_;
  std::unique_ptr<sql::Executor> executor_;
};

}  // namespace capsem::app
