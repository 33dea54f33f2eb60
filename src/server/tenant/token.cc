#include "server/tenant/token.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <cstdlib>

namespace capsem::tenant {
namespace {

constexpr std::string_view kAlphabet =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::size_t kRandomCharacters = 40;
constexpr std::size_t kShownCharacters = 4;

// HMAC-SHA-256. Looking the algorithms up takes locks and several times as long as the digest of a
// token, so each thread does it once.
class Hmac {
 public:
  Hmac() : algorithm_(EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_HMAC, nullptr)) {
    if (algorithm_ != nullptr) context_ = EVP_MAC_CTX_new(algorithm_);
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                 OSSL_PARAM_construct_end()};
    // Without it no caller is known.
    if (context_ == nullptr || EVP_MAC_CTX_set_params(context_, params) != 1) std::abort();
  }
  ~Hmac() {
    EVP_MAC_CTX_free(context_);
    EVP_MAC_free(algorithm_);
  }
  Hmac(const Hmac&) = delete;
  Hmac& operator=(const Hmac&) = delete;

  Mac of(std::string_view text, std::string_view key) {
    Mac mac{};
    std::size_t size = 0;
    const bool done = EVP_MAC_init(context_, bytes(key), key.size(), nullptr) == 1 &&
                      EVP_MAC_update(context_, bytes(text), text.size()) == 1 &&
                      EVP_MAC_final(context_, mac.data(), &size, mac.size()) == 1 &&
                      size == mac.size();
    if (!done) std::abort();
    return mac;
  }

 private:
  // Never null: the library takes a null key for the one before.
  static const unsigned char* bytes(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.empty() ? "" : text.data());
  }

  EVP_MAC* algorithm_ = nullptr;
  EVP_MAC_CTX* context_ = nullptr;
};

}  // namespace

Secret make_token(std::string_view prefix) {
  std::array<char, 64> text{};
  std::size_t size = 0;
  // What would make some characters likelier than others is thrown away.
  constexpr unsigned kEven = 256 / kAlphabet.size() * kAlphabet.size();
  while (size < kRandomCharacters) {
    unsigned char byte = 0;
    // Without randomness no token is worth giving out.
    if (RAND_bytes(&byte, 1) != 1) std::abort();
    if (byte < kEven) text[size++] = kAlphabet[byte % kAlphabet.size()];
  }
  std::string token(prefix);
  token.append(text.data(), size);
  Secret secret(token);
  OPENSSL_cleanse(text.data(), text.size());
  OPENSSL_cleanse(token.data(), token.size());
  return secret;
}

std::string shown_prefix(const Secret& token) {
  const std::string_view text = token.reveal();
  const std::size_t prefix = text.rfind('_') == std::string_view::npos ? 0 : text.rfind('_') + 1;
  return std::string(text.substr(0, prefix + kShownCharacters)) + "...";
}

bool looks_like_key(std::string_view token) {
  return token.starts_with(kKeyPrefix);
}

Mac mac_of(std::string_view token, std::string_view pepper) {
  thread_local Hmac hmac;
  return hmac.of(token, pepper);
}

}  // namespace capsem::tenant
