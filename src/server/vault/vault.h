// Provider keys and other secrets at rest: AES-256-GCM under a master key (R37, promise 6).
//
// A blob: version (1), master key id (8 bytes), nonce (12, random), ciphertext, tag (16). The
// associated data binds it to its place: tenant, provider, row id and schema version, so that a
// blob that is moved to another row does not open (T39). A flipped byte anywhere is an error.
// What is derived from the master keys is in locked memory (T42).
//
// Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/base/secret.h"

namespace capsem::vault {

inline constexpr std::size_t kMasterKeyBytes = 32;

// Where the secret is that everything else is sealed under. Several, the first one is sealed under
// and the others still open: that is how a master key is replaced while the gateway runs.
struct MasterKeySource {
  // Exactly one of these. Files must not be readable by others (mode 0600 or 0400), hold 32 raw
  // bytes, 64 hexadecimal digits or 44 characters of base64.
  std::string file{};
  // The variable's name; hexadecimal or base64. It is overwritten and removed from the environment
  // once read, so before other threads look at the environment.
  std::string environment{};
  std::string credential{};       // systemd: $CREDENTIALS_DIRECTORY/<name>; as files
  std::string passphrase_file{};  // Argon2id, 64 MiB, t = 3; 12 characters at least
  std::string salt{};             // of the passphrase: 16 bytes that the installation keeps
};
// Errors: "unreadable_master_key" (not there, or others may read it), "bad_master_key".
Result<Secret> read_master_key(const MasterKeySource& source);
Secret make_master_key();  // 32 random bytes

// What a blob is bound to.
struct Place {
  std::string_view tenant, provider, row;
};

class Vault {
 public:
  // No key: nothing can be sealed, and what is sealed cannot be opened.
  Vault();
  explicit Vault(std::vector<Secret> master_keys);
  // Other keys from now on; none: as a vault without a key. What was derived from the old ones is
  // wiped when the calls that use it have ended.
  void use(std::vector<Secret> master_keys);
  ~Vault();
  Vault(Vault&&) noexcept;
  Vault& operator=(Vault&&) noexcept;

  bool has_key() const;
  std::string key_id() const;  // 16 hexadecimal digits of the first master key; "" without one

  // Errors: "no_master_key".
  Result<std::string> seal(std::string_view plain, const Place& place) const;
  // Errors: "no_master_key", "unknown_master_key", "damaged_secret": it was changed, moved, or
  // sealed for another place.
  Result<Secret> open(std::string_view blob, const Place& place) const;
  // The master key a blob wants; "" when it is no blob.
  static std::string key_id_of(std::string_view blob);

  // A keyed digest for things that must match again without being kept: approvals' requests, the
  // content level "hash". Under the first master key; without one, under a key that dies with the
  // process.
  std::string keyed_digest(std::string_view purpose,
                           std::string_view bytes) const;  // 64 hex digits

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace capsem::vault
