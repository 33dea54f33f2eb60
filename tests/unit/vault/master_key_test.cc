// Where master keys come from, each source from both sides (T42).
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "server/vault/vault.h"

namespace capsem::vault {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kHex =
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
constexpr std::string_view kBase64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

std::string raw_key() {
  std::string key;
  for (int i = 0; i < 32; ++i) key += static_cast<char>(i);
  return key;
}

class MasterKey : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "capsem-key-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { fs::remove_all(directory_); }

  std::string write(std::string_view text, mode_t mode = 0600, std::string_view name = "key") {
    const std::string path = (directory_ / name).string();
    std::ofstream(path, std::ios::binary) << text;
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    return path;
  }
  static std::string outcome(const MasterKeySource& source) {
    const auto key = read_master_key(source);
    if (!key) return key.error().code;
    return key->reveal() == raw_key() ? "the key" : "another key";
  }

  fs::path directory_;
};

TEST_F(MasterKey, FilesInEverySpelling) {
  EXPECT_EQ(outcome({.file = write(raw_key())}), "the key");
  EXPECT_EQ(outcome({.file = write(kHex)}), "the key");
  EXPECT_EQ(outcome({.file = write(std::string(kHex) + "\n")}), "the key");
  EXPECT_EQ(
      outcome({.file = write("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F"
                             "\r\n")}),
      "the key");
  EXPECT_EQ(outcome({.file = write(kBase64)}), "the key");
  EXPECT_EQ(outcome({.file = write(std::string(kBase64) + "\n")}), "the key");
  // 32 bytes are a key as they are, whatever the last one looks like.
  EXPECT_EQ(outcome({.file = write(raw_key().substr(0, 31) + "\n")}), "another key");
}

TEST_F(MasterKey, FilesThatHoldNoKey) {
  const std::string hex(kHex), base64(kBase64);
  for (const std::string& text :
       {std::string(), raw_key().substr(1), raw_key() + "x", hex.substr(2), hex + "00",
        "g" + hex.substr(1), base64.substr(1), base64 + "=", "!" + base64.substr(1), hex + "\n\n",
        std::string(32, '\0'), std::string(64, '7'), std::string(5'000, 'a')}) {
    const std::string got = outcome({.file = write(text)});
    EXPECT_TRUE(got == "bad_master_key" || got == "unreadable_master_key") << text.size() << got;
  }
}

TEST_F(MasterKey, ModesOfFiles) {
  for (const mode_t mode : {0600, 0400}) {
    EXPECT_EQ(outcome({.file = write(kHex, mode)}), "the key") << mode;
  }
  for (const mode_t mode : {0640, 0604, 0644, 0660, 0606, 0620, 0602, 0666, 0610, 0601}) {
    EXPECT_EQ(outcome({.file = write(kHex, mode)}), "unreadable_master_key") << mode;
  }
  EXPECT_EQ(outcome({.file = (directory_ / "missing").string()}), "unreadable_master_key");
  EXPECT_EQ(outcome({.file = directory_.string()}), "unreadable_master_key");
}

TEST_F(MasterKey, T42_EnvironmentIsWipedOnceRead) {
  ASSERT_EQ(setenv("CAPSEM_TEST_KEY", std::string(kHex).c_str(), 1), 0);
  const char* block = std::getenv("CAPSEM_TEST_KEY");
  EXPECT_EQ(outcome({.environment = "CAPSEM_TEST_KEY"}), "the key");
  EXPECT_EQ(std::getenv("CAPSEM_TEST_KEY"), nullptr);
  EXPECT_EQ(std::string_view(block, kHex.size()), std::string(kHex.size(), '\0'));
  EXPECT_EQ(outcome({.environment = "CAPSEM_TEST_KEY"}), "unreadable_master_key");
}

TEST_F(MasterKey, EnvironmentThatHoldsNoKeyIsWipedAsWell) {
  for (const std::string& text : {std::string("short"), std::string(32, 'x'), std::string()}) {
    ASSERT_EQ(setenv("CAPSEM_TEST_KEY", text.c_str(), 1), 0);
    EXPECT_EQ(outcome({.environment = "CAPSEM_TEST_KEY"}), "bad_master_key");
    EXPECT_EQ(std::getenv("CAPSEM_TEST_KEY"), nullptr);
  }
  ASSERT_EQ(setenv("CAPSEM_TEST_KEY", std::string(kBase64).c_str(), 1), 0);
  EXPECT_EQ(outcome({.environment = "CAPSEM_TEST_KEY"}), "the key");
}

TEST_F(MasterKey, CredentialsOfSystemd) {
  unsetenv("CREDENTIALS_DIRECTORY");
  EXPECT_EQ(outcome({.credential = "key"}), "unreadable_master_key");
  ASSERT_EQ(setenv("CREDENTIALS_DIRECTORY", directory_.c_str(), 1), 0);
  EXPECT_EQ(outcome({.credential = "key"}), "unreadable_master_key");
  for (const mode_t mode : {0400, 0440, 0600}) {
    write(kHex, mode);
    EXPECT_EQ(outcome({.credential = "key"}), "the key") << mode;
  }
  for (const mode_t mode : {0444, 0460, 0404}) {
    write(kHex, mode);
    EXPECT_EQ(outcome({.credential = "key"}), "unreadable_master_key") << mode;
  }
  unsetenv("CREDENTIALS_DIRECTORY");
}

TEST_F(MasterKey, Passphrases) {
  const std::string salt(16, 's'), other(16, 't');
  const std::string path = write("correct horse battery\n");
  const auto derive = [&](const std::string& file, const std::string& with) {
    const auto key = read_master_key({.passphrase_file = file, .salt = with});
    return key ? std::string(key->reveal()) : key.error().code;
  };
  const std::string key = derive(path, salt);
  EXPECT_EQ(key.size(), kMasterKeyBytes);
  EXPECT_EQ(derive(path, salt), key);
  EXPECT_EQ(derive(write("correct horse battery"), salt), key);  // with its line end or without
  EXPECT_NE(derive(path, other), key);
  EXPECT_NE(derive(write("correct horse batterz"), salt), key);
  EXPECT_EQ(derive(write("12 character"), salt).size(), kMasterKeyBytes);
  EXPECT_EQ(derive(write("11 characte"), salt), "bad_master_key");
  EXPECT_EQ(derive(path, "short"), "bad_master_key");
  EXPECT_EQ(derive(write("correct horse battery", 0644), salt), "unreadable_master_key");
}

TEST_F(MasterKey, NoSourceAndMadeKeys) {
  EXPECT_EQ(outcome({}), "bad_master_key");
  const Secret one = make_master_key(), two = make_master_key();
  EXPECT_EQ(one.reveal().size(), kMasterKeyBytes);
  EXPECT_NE(one.reveal(), two.reveal());
}

TEST_F(MasterKey, ErrorsNameThePlaceAndNotTheText) {
  const auto key = read_master_key({.file = write("hunter2-hunter2-hunter2")});
  ASSERT_FALSE(key);
  EXPECT_NE(key.error().detail.find("key"), std::string::npos);
  EXPECT_EQ(key.error().detail.find("hunter2"), std::string::npos);
}

}  // namespace
}  // namespace capsem::vault
