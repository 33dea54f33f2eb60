#include "server/webhook/signature.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/stat.h>

#include <array>
#include <fstream>

namespace capsem::webhook {
namespace {

constexpr std::size_t kSecretBytesMax = 4'096;

std::unexpected<Error> bad(const std::string& file, std::string_view why) {
  return gateway_error("invalid_setting", "webhooks.secret_file " + file + ": " + std::string(why));
}

}  // namespace

Result<Secret> read_signing_secret(const std::string& file) {
  struct stat about{};
  if (::stat(file.c_str(), &about) != 0) return bad(file, "cannot be read");
  if ((about.st_mode & (S_IROTH | S_IWOTH)) != 0) {
    return bad(file, "everybody may read it; chmod 0600");
  }
  std::ifstream in(file, std::ios::binary);
  std::array<char, kSecretBytesMax> buffer{};
  in.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
  std::string_view bytes(buffer.data(), static_cast<std::size_t>(in.gcount()));
  constexpr std::string_view kWhite = " \t\r\n";
  const std::size_t begin = bytes.find_first_not_of(kWhite);
  bytes = begin == std::string_view::npos
              ? std::string_view()
              : bytes.substr(begin, bytes.find_last_not_of(kWhite) - begin + 1);
  if (bytes.size() < kSecretBytesMin) return bad(file, "holds fewer than 16 bytes");
  Secret secret(bytes);
  volatile char* wiped = buffer.data();
  for (std::size_t i = 0; i < buffer.size(); ++i) wiped[i] = 0;
  return secret;
}

std::string signature_field(const Secret& secret, std::int64_t unix_s, std::string_view body) {
  const std::string time = std::to_string(unix_s);
  const std::string signed_text = std::string(time).append(".").append(body);
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned size = 0;
  HMAC(EVP_sha256(), secret.reveal().data(), static_cast<int>(secret.reveal().size()),
       reinterpret_cast<const unsigned char*>(signed_text.data()), signed_text.size(), mac.data(),
       &size);
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string field = "t=" + time + ",v1=";
  for (unsigned i = 0; i < size; ++i) {
    field += kDigits[mac[i] >> 4];
    field += kDigits[mac[i] & 15];
  }
  return field;
}

}  // namespace capsem::webhook
