#include "server/webhook/signature.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace capsem::webhook {
namespace {

// Computed apart: printf '1795000000.{"event":"x"}' | openssl dgst -sha256 -hmac 'a secret of
// tests'
TEST(Signatures, AreWhatAReceiverComputes) {
  const Secret secret("a secret of tests");
  EXPECT_EQ(signature_field(secret, 1'795'000'000, R"({"event":"x"})"),
            "t=1795000000,v1=200e413f39acd589b12c4942fe73ec94e86d9c7f6d07785b3fe38657a22cc01a");
  EXPECT_NE(signature_field(secret, 1'795'000'001, R"({"event":"x"})").substr(13),
            signature_field(secret, 1'795'000'000, R"({"event":"x"})").substr(13));
}

TEST(SigningSecrets, ComeFromAFileThatOnlyItsOwnerReads) {
  struct Case {
    std::string_view bytes;
    mode_t mode;
    std::string_view secret;  // empty: refused
  };
  constexpr Case kCases[] = {
      {"0123456789abcdef", 0600, "0123456789abcdef"},
      {" \n0123456789abcdef\r\n", 0640, "0123456789abcdef"},
      {"0123456789abcde", 0600, ""},
      {"  0123456789abcde  ", 0600, ""},
      {"", 0600, ""},
      {"0123456789abcdef", 0644, ""},
      {"0123456789abcdef", 0602, ""},
  };
  std::string folder = (std::filesystem::temp_directory_path() / "capsem-key-XXXXXX").string();
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const std::string file = folder + "/secret";
  for (const Case& c : kCases) {
    SCOPED_TRACE(testing::Message() << "'" << c.bytes << "' mode " << std::oct << c.mode);
    std::ofstream(file, std::ios::binary) << c.bytes;
    ASSERT_EQ(::chmod(file.c_str(), c.mode), 0);
    const auto secret = read_signing_secret(file);
    EXPECT_EQ(secret ? secret->reveal() : "", c.secret);
    const std::string said = secret ? "" : secret.error().detail;
    EXPECT_EQ(said.find("01234"), std::string::npos);
  }
  std::filesystem::remove_all(folder);
  EXPECT_FALSE(read_signing_secret(file));
}

}  // namespace
}  // namespace capsem::webhook
