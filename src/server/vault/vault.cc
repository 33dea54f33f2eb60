#include "server/vault/vault.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>

#include <array>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <span>
#include <utility>

namespace capsem::vault {
namespace {

constexpr unsigned char kVersion = 1;
constexpr std::size_t kIdBytes = 8, kNonceBytes = 12, kTagBytes = 16, kKeyBytes = 32;
constexpr std::size_t kHeadBytes = 1 + kIdBytes + kNonceBytes;
// Of the columns that a place names: a blob of an older layout does not open as one of this.
constexpr std::string_view kSchema = "capsem secret 1";

using Id = std::array<unsigned char, kIdBytes>;

// What is derived from one master key; the master key itself is not kept.
struct Keys {
  Id id;
  std::array<unsigned char, kKeyBytes> sealing, digesting;
};

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes_of(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}

void hmac(std::span<const unsigned char> key, std::string_view text,
          std::array<unsigned char, 32>& out) {
  unsigned int length = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(text), text.size(),
       out.data(), &length);
}

// One block of HKDF-Expand (RFC 5869): a master key is uniform already, there is nothing to
// extract.
void expand(std::span<const unsigned char> master, std::string_view purpose,
            std::array<unsigned char, 32>& out) {
  std::string info(purpose);
  info += '\x01';
  hmac(master, info, out);
}

std::string hex(std::span<const unsigned char> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const unsigned char byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

// Every part behind its length, so that no two places share their bytes.
std::string associated_data(const Place& place, std::string_view head) {
  std::string data;
  for (const std::string_view part : {kSchema, place.tenant, place.provider, place.row, head}) {
    const auto size = static_cast<std::uint64_t>(part.size());
    for (int shift = 56; shift >= 0; shift -= 8) {
      data += static_cast<char>(static_cast<unsigned char>(size >> shift));
    }
    data += part;
  }
  return data;
}

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

bool encrypt(const Keys& keys, std::string_view nonce, std::string_view associated,
             std::string_view plain, std::string& out) {
  const Context context(EVP_CIPHER_CTX_new());
  const std::size_t begin = out.size();
  out.resize(begin + plain.size() + kTagBytes);
  unsigned char* text = bytes_of(out) + begin;
  int length = 0;
  return context != nullptr &&
         EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, keys.sealing.data(),
                            bytes_of(nonce)) == 1 &&
         EVP_EncryptUpdate(context.get(), nullptr, &length, bytes_of(associated),
                           static_cast<int>(associated.size())) == 1 &&
         EVP_EncryptUpdate(context.get(), text, &length, bytes_of(plain),
                           static_cast<int>(plain.size())) == 1 &&
         EVP_EncryptFinal_ex(context.get(), text + plain.size(), &length) == 1 &&
         EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, text + plain.size()) ==
             1;
}

bool decrypt(const Keys& keys, std::string_view nonce, std::string_view associated,
             std::string_view sealed, std::string& out) {
  const Context context(EVP_CIPHER_CTX_new());
  const std::size_t size = sealed.size() - kTagBytes;
  std::string tag(sealed.substr(size));
  out.resize(size);
  int length = 0;
  return context != nullptr &&
         EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, keys.sealing.data(),
                            bytes_of(nonce)) == 1 &&
         EVP_DecryptUpdate(context.get(), nullptr, &length, bytes_of(associated),
                           static_cast<int>(associated.size())) == 1 &&
         EVP_DecryptUpdate(context.get(), bytes_of(out), &length, bytes_of(sealed),
                           static_cast<int>(size)) == 1 &&
         EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag.data()) == 1 &&
         EVP_DecryptFinal_ex(context.get(), bytes_of(out) + size, &length) == 1;
}

// Nothing is as long as this; the interfaces above count in int.
constexpr std::size_t kPlainBytesMax = 64u << 20;

std::string digest_under(std::span<const unsigned char> key, std::string_view purpose,
                         std::string_view bytes) {
  std::array<unsigned char, 32> own{}, digest{};
  expand(key, purpose, own);
  hmac(own, bytes, digest);
  OPENSSL_cleanse(own.data(), own.size());
  return hex(digest);
}

const std::array<unsigned char, kKeyBytes>& process_key() {
  static const std::array<unsigned char, kKeyBytes> key = [] {
    std::array<unsigned char, kKeyBytes> made{};
    randombytes_buf(made.data(), made.size());
    return made;
  }();
  return key;
}

// In locked memory with a guard page on either side, read-only once filled, wiped when it goes
// (T42).
struct KeyRing {
  explicit KeyRing(std::span<const Secret> master_keys) {
    if (sodium_init() < 0) throw std::bad_alloc();
    keys = {static_cast<Keys*>(sodium_allocarray(master_keys.size(), sizeof(Keys))),
            master_keys.size()};
    if (keys.data() == nullptr) throw std::bad_alloc();
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const std::string_view master = master_keys[i].reveal();
      const std::span<const unsigned char> bytes(bytes_of(master), master.size());
      std::array<unsigned char, 32> id{};
      expand(bytes, "capsem master key id", id);
      std::memcpy(keys[i].id.data(), id.data(), kIdBytes);
      expand(bytes, "capsem sealing key", keys[i].sealing);
      expand(bytes, "capsem digest key", keys[i].digesting);
    }
    sodium_mprotect_readonly(keys.data());
  }
  ~KeyRing() { sodium_free(keys.data()); }
  KeyRing(const KeyRing&) = delete;
  KeyRing& operator=(const KeyRing&) = delete;

  std::span<Keys> keys;
};

}  // namespace

struct Vault::Impl {
  // Null: there is no key.
  std::shared_ptr<const KeyRing> current() const {
    const std::scoped_lock guard(lock);
    return ring;
  }

  mutable std::mutex lock;  // guards `ring`
  std::shared_ptr<const KeyRing> ring;
};

Vault::Vault() : impl_(std::make_unique<Impl>()) {}
Vault::Vault(std::vector<Secret> master_keys) : Vault() {
  use(std::move(master_keys));
}
Vault::~Vault() = default;
Vault::Vault(Vault&&) noexcept = default;
Vault& Vault::operator=(Vault&&) noexcept = default;

void Vault::use(std::vector<Secret> master_keys) {
  auto ring = master_keys.empty() ? nullptr : std::make_shared<const KeyRing>(master_keys);
  const std::scoped_lock guard(impl_->lock);
  impl_->ring.swap(ring);
}

bool Vault::has_key() const {
  return impl_->current() != nullptr;
}

std::string Vault::key_id() const {
  const auto ring = impl_->current();
  return ring ? hex(ring->keys.front().id) : std::string();
}

Result<std::string> Vault::seal(std::string_view plain, const Place& place) const {
  const auto ring = impl_->current();
  if (!ring) return gateway_error("no_master_key", "there is no master key to seal with");
  if (plain.size() > kPlainBytesMax) {
    return client_error("secret_too_large", "more than can be sealed at once");
  }
  const Keys& keys = ring->keys.front();
  std::string blob(kHeadBytes, '\0');
  blob[0] = static_cast<char>(kVersion);
  std::memcpy(blob.data() + 1, keys.id.data(), kIdBytes);
  randombytes_buf(blob.data() + 1 + kIdBytes, kNonceBytes);
  const std::string head = blob.substr(0, kHeadBytes);
  if (!encrypt(keys, std::string_view(head).substr(1 + kIdBytes),
               associated_data(place, std::string_view(head).substr(0, 1 + kIdBytes)), plain,
               blob)) {
    return gateway_error("sealing_failed", "the cryptographic library refused to seal");
  }
  return blob;
}

Result<Secret> Vault::open(std::string_view blob, const Place& place) const {
  const auto ring = impl_->current();
  if (!ring) return gateway_error("no_master_key", "there is no master key to open with");
  const auto damaged = [] {
    return gateway_error("damaged_secret",
                         "a sealed secret was changed, or sealed for another place");
  };
  if (key_id_of(blob).empty() || blob.size() > kHeadBytes + kPlainBytesMax + kTagBytes) {
    return damaged();
  }
  const Keys* keys = nullptr;
  for (const Keys& known : ring->keys) {
    if (std::memcmp(known.id.data(), blob.data() + 1, kIdBytes) == 0) keys = &known;
  }
  if (keys == nullptr) {
    return gateway_error("unknown_master_key",
                         "sealed under master key " + key_id_of(blob) + ", which is not here");
  }
  std::string plain;
  const bool opened =
      decrypt(*keys, blob.substr(1 + kIdBytes, kNonceBytes),
              associated_data(place, blob.substr(0, 1 + kIdBytes)), blob.substr(kHeadBytes), plain);
  Secret secret(opened ? std::string_view(plain) : std::string_view());
  OPENSSL_cleanse(plain.data(), plain.size());
  if (!opened) return damaged();
  return secret;
}

std::string Vault::key_id_of(std::string_view blob) {
  if (blob.size() < kHeadBytes + kTagBytes || static_cast<unsigned char>(blob[0]) != kVersion) {
    return {};
  }
  return hex({bytes_of(blob) + 1, kIdBytes});
}

std::string Vault::keyed_digest(std::string_view purpose, std::string_view bytes) const {
  if (const auto ring = impl_->current()) {
    return digest_under(ring->keys.front().digesting, purpose, bytes);
  }
  return digest_under(process_key(), purpose, bytes);
}

}  // namespace capsem::vault
