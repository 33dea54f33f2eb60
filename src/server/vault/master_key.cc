#include <fcntl.h>
#include <openssl/crypto.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "server/vault/vault.h"

namespace capsem::vault {
namespace {

constexpr std::size_t kFileBytesMax = 4096;
constexpr std::size_t kPassphraseBytesMin = 12;
constexpr unsigned long long kArgonPasses = 3;
constexpr std::size_t kArgonBytes = 64u << 20;

// Memory that held a secret in the clear and is wiped when it goes, however that happens.
struct Wiped {
  std::string bytes;
  ~Wiped() { OPENSSL_cleanse(bytes.data(), bytes.size()); }
};

std::unexpected<Error> unreadable(const std::string& path, std::string_view why) {
  return gateway_error("unreadable_master_key", path + ": " + std::string(why));
}

enum class Readers : std::uint8_t { Owner, Group };

Status check_mode(int file, const std::string& path, Readers readers) {
  struct stat status{};
  if (fstat(file, &status) != 0) return unreadable(path, std::strerror(errno));
  if (!S_ISREG(status.st_mode)) return unreadable(path, "is not a regular file");
  if (status.st_uid != geteuid() && status.st_uid != 0) {
    return unreadable(path, "belongs to another user");
  }
  // systemd gives the service its credentials by an access list, which shows as the group's mode.
  const mode_t others = readers == Readers::Owner ? 077 : 027;
  if ((status.st_mode & others) != 0) {
    return unreadable(path, "others may read or write it; its mode must be 0600 or 0400");
  }
  return {};
}

Result<Secret> read_whole(const std::string& path, Readers readers) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (file < 0) return unreadable(path, std::strerror(errno));
  Wiped text{std::string(kFileBytesMax + 1, '\0')};
  std::size_t size = 0;
  Status checked = check_mode(file, path, readers);
  while (checked && size < text.bytes.size()) {
    const ssize_t n = ::read(file, text.bytes.data() + size, text.bytes.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) checked = unreadable(path, std::strerror(errno));
    if (n <= 0) break;
    size += static_cast<std::size_t>(n);
  }
  ::close(file);
  if (!checked) return std::unexpected(checked.error());
  if (size > kFileBytesMax) return unreadable(path, "is larger than a key");
  return Secret(std::string_view(text.bytes).substr(0, size));
}

std::string_view without_line_end(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

// `raw`: 32 bytes may also stand there as they are.
Result<Secret> parse_key(std::string_view text, bool raw, const std::string& where) {
  std::array<unsigned char, kMasterKeyBytes> key{};
  const auto made = [&]() -> Result<Secret> {
    Secret secret(std::string_view(reinterpret_cast<const char*>(key.data()), key.size()));
    OPENSSL_cleanse(key.data(), key.size());
    const std::string_view bytes = secret.reveal();
    if (std::ranges::all_of(bytes, [&](char c) { return c == bytes.front(); })) {
      return gateway_error("bad_master_key", where + ": is one byte repeated, not a random key");
    }
    return secret;
  };
  if (raw && text.size() == kMasterKeyBytes) {
    std::memcpy(key.data(), text.data(), key.size());
    return made();
  }
  const std::string_view line = without_line_end(text);
  std::size_t size = 0;
  if (line.size() == 2 * kMasterKeyBytes &&
      sodium_hex2bin(key.data(), key.size(), line.data(), line.size(), nullptr, &size, nullptr) ==
          0 &&
      size == key.size()) {
    return made();
  }
  if (line.size() == 44 &&
      sodium_base642bin(key.data(), key.size(), line.data(), line.size(), nullptr, &size, nullptr,
                        sodium_base64_VARIANT_ORIGINAL) == 0 &&
      size == key.size()) {
    return made();
  }
  OPENSSL_cleanse(key.data(), key.size());
  return gateway_error("bad_master_key",
                       where + ": holds no key: " + (raw ? "32 raw bytes, " : "") +
                           "64 hexadecimal digits or 44 characters of base64 are one");
}

Result<Secret> from_file(const std::string& path, Readers readers) {
  const auto text = read_whole(path, readers);
  if (!text) return std::unexpected(text.error());
  return parse_key(text->reveal(), true, path);
}

// The block that /proc/PID/environ shows is overwritten in place, then the name goes as well
// (T42).
Result<Secret> from_environment(const std::string& name) {
  char* value = std::getenv(name.c_str());
  if (value == nullptr) {
    return gateway_error("unreadable_master_key", name + ": is not in the environment");
  }
  const Secret text{std::string_view(value)};
  OPENSSL_cleanse(value, text.reveal().size());
  ::unsetenv(name.c_str());
  return parse_key(text.reveal(), false, name);
}

Result<Secret> from_credential(const std::string& name) {
  const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
  if (directory == nullptr) {
    return gateway_error("unreadable_master_key",
                         name + ": systemd gave this process no credentials");
  }
  return from_file(std::string(directory) + "/" + name, Readers::Group);
}

Result<Secret> from_passphrase(const std::string& path, const std::string& salt) {
  if (salt.size() != crypto_pwhash_SALTBYTES) {
    return gateway_error("bad_master_key", "the salt of a passphrase has 16 bytes");
  }
  const auto text = read_whole(path, Readers::Owner);
  if (!text) return std::unexpected(text.error());
  const std::string_view passphrase = without_line_end(text->reveal());
  if (passphrase.size() < kPassphraseBytesMin) {
    return gateway_error("bad_master_key", path + ": a passphrase has 12 characters at least");
  }
  std::array<unsigned char, kMasterKeyBytes> key{};
  if (crypto_pwhash(key.data(), key.size(), passphrase.data(), passphrase.size(),
                    reinterpret_cast<const unsigned char*>(salt.data()), kArgonPasses, kArgonBytes,
                    crypto_pwhash_ALG_ARGON2ID13) != 0) {
    return gateway_error("bad_master_key", path + ": no memory to derive a key from it");
  }
  Secret secret(std::string_view(reinterpret_cast<const char*>(key.data()), key.size()));
  OPENSSL_cleanse(key.data(), key.size());
  return secret;
}

}  // namespace

Result<Secret> read_master_key(const MasterKeySource& source) {
  if (sodium_init() < 0) {
    return gateway_error("bad_master_key", "the cryptographic library did not start");
  }
  if (!source.file.empty()) return from_file(source.file, Readers::Owner);
  if (!source.environment.empty()) return from_environment(source.environment);
  if (!source.credential.empty()) return from_credential(source.credential);
  if (!source.passphrase_file.empty()) {
    return from_passphrase(source.passphrase_file, source.salt);
  }
  return gateway_error("bad_master_key", "no source of a master key is named");
}

Secret make_master_key() {
  std::array<unsigned char, kMasterKeyBytes> key{};
  if (sodium_init() < 0) std::abort();
  randombytes_buf(key.data(), key.size());
  Secret secret(std::string_view(reinterpret_cast<const char*>(key.data()), key.size()));
  OPENSSL_cleanse(key.data(), key.size());
  return secret;
}

}  // namespace capsem::vault
