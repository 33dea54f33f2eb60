#include "server/app/doctor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>

namespace capsem::app {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

namespace fs = std::filesystem;

class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "capsem-doctor-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() { fs::remove_all(path_); }
  std::string file(const std::string& name, const std::string& text, mode_t mode = 0600) const {
    const fs::path path = path_ / name;
    std::ofstream(path) << text;
    ::chmod(path.c_str(), mode);
    return path.string();
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// "ok data directory", ...: grade and subject of each.
std::vector<std::string> grades(const Checks& checks) {
  std::vector<std::string> out;
  for (const Check& check : checks) {
    out.push_back(std::string(to_string(check.grade)) + ' ' + check.what);
  }
  return out;
}

template <class Act>
Checks checked(const Act& act) {
  Checks checks;
  act(checks);
  return checks;
}

TEST(Doctor, LooksAtTheDataDirectory) {
  const Folder folder;
  proxy::Settings settings;
  const auto look = [&] {
    return grades(checked([&](Checks& c) { check_data_directory(settings, c); }));
  };
  EXPECT_THAT(look(), ElementsAre("warn data directory"));  // none
  settings.store.database_url = "postgres://x";
  EXPECT_THAT(look(), IsEmpty());  // and none is needed
  settings.data_dir = (folder.path() / "later").string();
  EXPECT_THAT(look(), ElementsAre("ok data directory"));
  settings.data_dir = folder.path().string();
  EXPECT_THAT(look(), Contains("ok data directory"));
  EXPECT_THAT(look(), Contains(HasSubstr("free space")));
  ::chmod(folder.path().c_str(), 0750);
  EXPECT_THAT(look(), Contains("warn data directory"));
  settings.data_dir = folder.file("a-file", "");
  EXPECT_THAT(look(), ElementsAre("FAIL data directory"));
}

TEST(Doctor, LooksAtSecretFiles) {
  const Folder folder;
  proxy::Settings settings;
  settings.vault.master_key_files = {folder.file("good", "k"), folder.file("open", "k", 0640),
                                     (folder.path() / "missing").string()};
  settings.webhooks.urls = {"https://hooks.example"};
  EXPECT_THAT(grades(checked([&](Checks& c) { check_secret_files(settings, c); })),
              ElementsAre("ok master key file", "FAIL master key file", "FAIL master key file",
                          "warn webhook secret"));
}

struct Pem {
  std::string certificate, key;
};

// A self-signed certificate that is good from `from_s` to `until_s`, relative to now.
Pem make_pem(long from_s, long until_s) {
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(::EVP_EC_gen("P-256"), ::EVP_PKEY_free);
  const std::unique_ptr<X509, void (*)(X509*)> made(::X509_new(), ::X509_free);
  ::X509_gmtime_adj(X509_getm_notBefore(made.get()), from_s);
  ::X509_gmtime_adj(X509_getm_notAfter(made.get()), until_s);
  ::X509_set_pubkey(made.get(), key.get());
  ::X509_sign(made.get(), key.get(), ::EVP_sha256());
  const auto text = [](const auto& write) {
    const std::unique_ptr<BIO, int (*)(BIO*)> bio(::BIO_new(::BIO_s_mem()), ::BIO_free);
    write(bio.get());
    std::string out(static_cast<std::size_t>(::BIO_ctrl_pending(bio.get())), '\0');
    ::BIO_read(bio.get(), out.data(), static_cast<int>(out.size()));
    return out;
  };
  return {text([&](BIO* bio) { ::PEM_write_bio_X509(bio, made.get()); }), text([&](BIO* bio) {
            ::PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
          })};
}

TEST(Doctor, LooksAtCertificates) {
  const Folder folder;
  const std::int64_t now = ::time(nullptr);
  constexpr long kDay = 86'400;
  const Pem good = make_pem(-kDay, 40 * kDay), ending = make_pem(-kDay, 29 * kDay),
            ended = make_pem(-2 * kDay, -kDay), early = make_pem(kDay, 2 * kDay);
  const struct {
    const char* name;
    std::string certificate, key, first, second;
  } cases[] = {
      {"good", good.certificate, good.key, "ok certificate", "ok private key"},
      {"ends within 30 days", ending.certificate, ending.key, "warn certificate", "ok private key"},
      {"has ended", ended.certificate, ended.key, "FAIL certificate", "ok private key"},
      {"has not begun", early.certificate, early.key, "FAIL certificate", "ok private key"},
      {"another's key", good.certificate, ending.key, "ok certificate", "FAIL private key"},
      {"no certificate", "", good.key, "FAIL certificate", ""},
      {"no key", good.certificate, good.certificate, "FAIL certificate", ""},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    proxy::Settings settings;
    settings.tls_cert = folder.file("cert.pem", c.certificate);
    settings.tls_key = folder.file("key.pem", c.key);
    const auto found =
        grades(checked([&](Checks& checks) { check_certificates(settings, now, checks); }));
    ASSERT_FALSE(found.empty());
    EXPECT_EQ(found[0], c.first);
    EXPECT_EQ(found.size() > 1 ? found[1] : "", c.second);
  }
  proxy::Settings settings;
  settings.tls_cert = folder.file("cert.pem", good.certificate);
  EXPECT_THAT(grades(checked([&](Checks& c) { check_certificates(settings, now, c); })),
              ElementsAre("FAIL certificate"));  // without its key
  proxy::Settings trusting;
  trusting.ca_file = folder.file("ca.pem", good.certificate + ending.certificate);
  EXPECT_THAT(grades(checked([&](Checks& c) { check_certificates(trusting, now, c); })),
              ElementsAre("ok trusted certificates"));
  trusting.ca_file = folder.file("empty.pem", "no certificate");
  EXPECT_THAT(grades(checked([&](Checks& c) { check_certificates(trusting, now, c); })),
              ElementsAre("FAIL trusted certificates"));
}

TEST(Doctor, LooksAtPorts) {
  const int taken = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(::bind(taken, raw, size), 0);
  ASSERT_EQ(::listen(taken, 1), 0);
  ASSERT_EQ(::getsockname(taken, raw, &size), 0);
  proxy::Settings settings;
  settings.port = ntohs(address.sin_port);
  settings.admin_port = 0;
  const DoctorOptions options{.time = std::chrono::milliseconds(50)};
  const auto look = [&] {
    return grades(checked([&](Checks& c) { check_ports(settings, options, c); }));
  };
  EXPECT_THAT(look(), ElementsAre("FAIL gateway port"));  // another program's
  ::close(taken);
  EXPECT_THAT(look(), ElementsAre("ok gateway port"));
  settings.host = "192.0.2.1";  // of documentation, nobody's
  EXPECT_THAT(look(), ElementsAre("FAIL gateway port"));
}

TEST(Doctor, ReadsDatesOfHttp) {
  EXPECT_EQ(seconds_of_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), 784'111'777);
  for (const char* text : {"", "yesterday", "Sun, 06 Nov 1994 08:49:37", "784111777",
                           "Sun, 06 Nov 1994 08:49:37 GMT "}) {
    EXPECT_FALSE(seconds_of_http_date(text)) << text;
  }
}

TEST(Doctor, FiveSecondsOfTwoClocksAreFineT41) {
  EXPECT_EQ(clock_check("x", 100, 105).grade, Grade::Ok);
  EXPECT_EQ(clock_check("x", 105, 100).grade, Grade::Ok);
  EXPECT_EQ(clock_check("x", 100, 106).grade, Grade::Warn);
  EXPECT_THAT(clock_check("x", 100, 106).why, HasSubstr("6 s ahead of"));
  EXPECT_THAT(clock_check("x", 106, 100).why, HasSubstr("6 s behind"));
}

TEST(Doctor, SaysItInLinesAndInJson) {
  const Checks checks = {{Grade::Ok, "a", "fine"}, {Grade::Fail, "long", "\"bad\"", "mend it"}};
  EXPECT_EQ(doctor_text(checks), "ok    a     fine\nFAIL  long  \"bad\"  -> mend it\n");
  EXPECT_EQ(doctor_json(checks),
            "{\"checks\":[{\"grade\":\"ok\",\"what\":\"a\",\"why\":\"fine\",\"todo\":\"\"},"
            "{\"grade\":\"fail\",\"what\":\"long\",\"why\":\"\\\"bad\\\"\",\"todo\":\"mend it\"}],"
            "\"ok\":false}\n");
}

}  // namespace
}  // namespace capsem::app
