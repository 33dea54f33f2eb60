#include <errno.h>
#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <memory>

#include "server/app/disk.h"
#include "server/app/doctor.h"

namespace capsem::app {
namespace {

constexpr std::uint64_t kFreeBytesFail = 64u << 20, kFreeBytesWarn = std::uint64_t{1} << 30;
constexpr std::int64_t kDayS = 86'400, kExpiryWarnDays = 30;
constexpr std::size_t kPemBytesMax = 8u << 20;
constexpr mode_t kOthers = S_IRWXG | S_IRWXO;

struct Free {
  void operator()(BIO* bio) const { ::BIO_free(bio); }
  void operator()(X509* certificate) const { ::X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { ::EVP_PKEY_free(key); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

Owned<BIO> reader_of(const std::string& text) {
  return Owned<BIO>(::BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// The first certificate of a PEM text.
Owned<X509> first_certificate(const std::string& text) {
  return Owned<X509>(::PEM_read_bio_X509(reader_of(text).get(), nullptr, nullptr, nullptr));
}

std::size_t count_certificates(const std::string& text) {
  const auto bio = reader_of(text);
  std::size_t count = 0;
  while (Owned<X509>(::PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) != nullptr) ++count;
  return count;
}

// Seconds from `now_s` until `time`; negative: it has passed.
std::int64_t seconds_until(const ASN1_TIME* time, std::int64_t now_s) {
  int days = 0, seconds = 0;
  const std::unique_ptr<ASN1_TIME, void (*)(ASN1_TIME*)> now(
      ::ASN1_TIME_set(nullptr, static_cast<time_t>(now_s)), ::ASN1_TIME_free);
  if (now == nullptr || ::ASN1_TIME_diff(&days, &seconds, now.get(), time) != 1) return 0;
  return days * kDayS + seconds;
}

Check validity_check(const X509* certificate, const std::string& path, std::int64_t now_s) {
  constexpr std::string_view kWhat = "certificate";
  const std::int64_t begins = seconds_until(::X509_get0_notBefore(certificate), now_s);
  const std::int64_t ends = seconds_until(::X509_get0_notAfter(certificate), now_s);
  if (begins > 0) {
    return {Grade::Fail, std::string(kWhat), path + ": is not valid yet",
            "check the clock, or install the right one"};
  }
  if (ends <= 0) {
    return {Grade::Fail, std::string(kWhat),
            fmt::format("{}: expired {} day(s) ago", path, -ends / kDayS), "renew it and restart"};
  }
  const Grade grade = ends < kExpiryWarnDays * kDayS ? Grade::Warn : Grade::Ok;
  return {grade, std::string(kWhat), fmt::format("{}: good for {} day(s)", path, ends / kDayS),
          grade == Grade::Ok ? "" : "renew it and restart"};
}

void check_server_certificate(const proxy::Settings& settings, std::int64_t now_s, Checks& checks) {
  const std::string &cert = settings.tls_cert, &key = settings.tls_key;
  if (cert.empty() != key.empty()) {
    checks.push_back({Grade::Fail, "certificate", "tls_cert and tls_key: only one is set",
                      "set both, or neither"});
    return;
  }
  const auto text = read_file(cert, kPemBytesMax);
  const auto key_text = read_file(key, kPemBytesMax);
  if (!text || !key_text) {
    checks.push_back({Grade::Fail, "certificate",
                      text ? key_text.error().detail : text.error().detail,
                      "make it readable for the gateway's user"});
    return;
  }
  const auto certificate = first_certificate(*text);
  const Owned<EVP_PKEY> private_key(
      ::PEM_read_bio_PrivateKey(reader_of(*key_text).get(), nullptr, nullptr, nullptr));
  if (certificate == nullptr || private_key == nullptr) {
    checks.push_back(
        {Grade::Fail, "certificate",
         (certificate == nullptr ? cert + ": no certificate" : key + ": no private key") +
             " in PEM form",
         "name the right file"});
    return;
  }
  checks.push_back(validity_check(certificate.get(), cert, now_s));
  const bool matches = ::X509_check_private_key(certificate.get(), private_key.get()) == 1;
  checks.push_back({matches ? Grade::Ok : Grade::Fail, "private key",
                    key + (matches ? ": belongs to the certificate"
                                   : ": belongs to another certificate than " + cert),
                    matches ? "" : "name the key that the certificate was made for"});
}

// A file that must be there and be nobody else's to read.
Check secret_file_check(std::string_view what, const std::string& path) {
  struct stat file{};
  if (::stat(path.c_str(), &file) != 0) {
    return {Grade::Fail, std::string(what), path + ": " + ::strerror(errno),
            "make it, or name another one"};
  }
  if ((file.st_mode & kOthers) != 0) {
    return {Grade::Fail, std::string(what),
            fmt::format("{}: mode {:04o} lets others at it", path, file.st_mode & 07777u),
            "chmod 600 " + path};
  }
  if (::access(path.c_str(), R_OK) != 0) {
    return {Grade::Fail, std::string(what), path + ": " + ::strerror(errno),
            "give it to the gateway's user"};
  }
  return {Grade::Ok, std::string(what), path + ": readable, for its owner only"};
}

}  // namespace

void check_data_directory(const proxy::Settings& settings, Checks& checks) {
  const std::string& path = settings.data_dir;
  const std::string what = "data directory";
  if (path.empty()) {
    if (settings.store.database_url.empty()) {
      checks.push_back({Grade::Warn, what,
                        "none is set, and no database: no audit, no integrations, no approvals",
                        "set [server] data_dir (--data-dir)"});
    }
    return;
  }
  struct stat directory{};
  if (::stat(path.c_str(), &directory) != 0) {
    if (errno == ENOENT) {
      checks.push_back({Grade::Ok, what, path + ": does not exist yet; the first start makes it"});
    } else {
      checks.push_back({Grade::Fail, what, path + ": " + ::strerror(errno), "name another one"});
    }
    return;
  }
  if (!S_ISDIR(directory.st_mode)) {
    checks.push_back({Grade::Fail, what, path + ": is no directory", "name another one"});
    return;
  }
  if (directory.st_uid != ::geteuid() && ::geteuid() != 0) {
    checks.push_back(
        {Grade::Fail, what,
         fmt::format("{}: belongs to user {}, not to {}", path, directory.st_uid, ::geteuid()),
         "run doctor as the gateway's user, or chown it"});
    return;
  }
  if (::access(path.c_str(), W_OK | X_OK) != 0) {
    checks.push_back({Grade::Fail, what, path + ": " + ::strerror(errno),
                      "give it to the gateway's user, mode 0700"});
    return;
  }
  if ((directory.st_mode & kOthers) != 0) {
    checks.push_back(
        {Grade::Warn, what,
         fmt::format("{}: mode {:04o} lets others look into it", path, directory.st_mode & 07777u),
         "chmod 700 " + path});
  } else {
    checks.push_back({Grade::Ok, what, path + ": writable, for its owner only"});
  }
  struct statvfs disk{};
  if (::statvfs(path.c_str(), &disk) != 0) return;
  const std::uint64_t free_bytes = std::uint64_t{disk.f_bavail} * disk.f_frsize;
  const Grade grade = free_bytes < kFreeBytesFail   ? Grade::Fail
                      : free_bytes < kFreeBytesWarn ? Grade::Warn
                                                    : Grade::Ok;
  checks.push_back({grade, "free space", fmt::format("{}: {} MiB", path, free_bytes >> 20),
                    grade == Grade::Ok ? "" : "make room: a full disk stops the audit"});
}

void check_certificates(const proxy::Settings& settings, std::int64_t now_s, Checks& checks) {
  if (!settings.tls_cert.empty() || !settings.tls_key.empty()) {
    check_server_certificate(settings, now_s, checks);
  }
  if (settings.ca_file.empty()) return;
  const auto text = read_file(settings.ca_file, kPemBytesMax);
  const std::size_t count = text ? count_certificates(*text) : 0;
  if (count > 0) {
    checks.push_back({Grade::Ok, "trusted certificates",
                      fmt::format("{}: {} of them", settings.ca_file, count)});
  } else {
    checks.push_back({Grade::Fail, "trusted certificates",
                      text ? settings.ca_file + ": none in PEM form" : text.error().detail,
                      "name the right file, or none for the system's"});
  }
}

void check_secret_files(const proxy::Settings& settings, Checks& checks) {
  for (const std::string& file : settings.vault.master_key_files) {
    checks.push_back(secret_file_check("master key file", file));
  }
  if (!settings.vault.passphrase_file.empty()) {
    checks.push_back(secret_file_check("passphrase file", settings.vault.passphrase_file));
  }
  if (!settings.webhooks.secret_file.empty()) {
    checks.push_back(secret_file_check("webhook secret", settings.webhooks.secret_file));
  } else if (!settings.webhooks.urls.empty() || !settings.webhooks.hosts.empty()) {
    checks.push_back({Grade::Warn, "webhook secret", "none: deliveries are not signed",
                      "set [webhooks] secret_file"});
  }
}

void check_descriptors(const proxy::Settings& settings, Checks& checks) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  // A client's connection and its provider's, and what the program keeps for itself.
  constexpr std::uint64_t kReserve = 64;
  const std::uint64_t wanted = 2ull * settings.http.connections_max + kReserve;
  if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= wanted) {
    checks.push_back({Grade::Ok, "open files", fmt::format("limit {}", limit.rlim_cur)});
    return;
  }
  checks.push_back({Grade::Warn, "open files",
                    fmt::format("limit {}, while http.connections_max = {} may need {}",
                                limit.rlim_cur, settings.http.connections_max, wanted),
                    fmt::format("LimitNOFILE={} (systemd), ulimit -n {} (shell)", 65'536, 65'536)});
}

}  // namespace capsem::app
