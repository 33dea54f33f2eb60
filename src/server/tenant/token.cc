#include "server/tenant/token.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <cstdlib>

namespace capsem::tenant {
namespace {

constexpr std::string_view kAlphabet =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::size_t kRandomCharacters = 40;
constexpr std::size_t kShownCharacters = 4;

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
  Mac mac{};
  unsigned int length = 0;
  HMAC(EVP_sha256(), pepper.data(), static_cast<int>(pepper.size()),
       reinterpret_cast<const unsigned char*>(token.data()), token.size(), mac.data(), &length);
  return mac;
}

}  // namespace capsem::tenant
