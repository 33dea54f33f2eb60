// R37: provider keys at rest.
#include "server/vault/vault.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace capsem::vault {
namespace {

constexpr std::string_view kPlain = "sk-proj-0123456789abcdefghijklmnopqrstuvwxyz";
constexpr Place kPlace{.tenant = "acme", .provider = "openai", .row = "sec_1"};

Secret key_of(char first) {
  std::string bytes(kMasterKeyBytes, 'k');
  bytes[0] = first;
  return Secret(bytes);
}
template <class... Keys>
Vault vault_of(Keys... first) {
  std::vector<Secret> keys;
  (keys.push_back(key_of(first)), ...);
  return Vault(std::move(keys));
}
std::string code_of(const Result<Secret>& opened) {
  return opened ? "opened" : opened.error().code;
}

TEST(Vault, SealedAndOpenedAgain) {
  const Vault vault = vault_of('a');
  for (const std::string& plain : {std::string(), std::string("x"), std::string(kPlain),
                                   std::string(100'000, 'z'), std::string("\0\xff\n", 3)}) {
    const auto blob = vault.seal(plain, kPlace);
    ASSERT_TRUE(blob);
    const auto opened = vault.open(*blob, kPlace);
    ASSERT_TRUE(opened) << opened.error().detail;
    EXPECT_EQ(opened->reveal(), plain);
  }
}

TEST(Vault, R37_BlobDoesNotContainTheKeyAndTwoDiffer) {
  const Vault vault = vault_of('a');
  std::set<std::string> blobs, nonces;
  for (int i = 0; i < 1'000; ++i) {
    const auto blob = vault.seal(kPlain, kPlace);
    ASSERT_TRUE(blob);
    EXPECT_EQ(blob->size(), 1 + 8 + 12 + kPlain.size() + 16);
    for (std::size_t at = 0; at + 6 <= kPlain.size(); ++at) {
      ASSERT_EQ(blob->find(kPlain.substr(at, 6)), std::string::npos);
    }
    blobs.insert(*blob);
    nonces.insert(blob->substr(9, 12));
  }
  EXPECT_EQ(blobs.size(), 1'000u);
  EXPECT_EQ(nonces.size(), 1'000u);
}

TEST(Vault, R37_EveryFlippedBitIsAnError) {
  const Vault vault = vault_of('a', 'b');
  const auto blob = vault.seal(kPlain, kPlace);
  ASSERT_TRUE(blob);
  for (std::size_t bit = 0; bit < blob->size() * 8; ++bit) {
    std::string changed = *blob;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    const auto opened = vault.open(changed, kPlace);
    ASSERT_FALSE(opened) << "bit " << bit;
    const std::size_t byte = bit / 8;
    EXPECT_EQ(opened.error().code, byte >= 1 && byte < 9 ? "unknown_master_key" : "damaged_secret")
        << "bit " << bit;
  }
}

TEST(Vault, R37_EveryCutAndEveryAdditionIsAnError) {
  const Vault vault = vault_of('a');
  const auto blob = vault.seal(kPlain, kPlace);
  ASSERT_TRUE(blob);
  for (std::size_t size = 0; size < blob->size(); ++size) {
    EXPECT_EQ(code_of(vault.open(blob->substr(0, size), kPlace)), "damaged_secret") << size;
  }
  EXPECT_EQ(code_of(vault.open(*blob + '\0', kPlace)), "damaged_secret");
}

TEST(Vault, T39_MovedToAnotherPlaceItDoesNotOpen) {
  const Vault vault = vault_of('a');
  const auto blob = vault.seal(kPlain, kPlace);
  ASSERT_TRUE(blob);
  const Place places[] = {
      {.tenant = "other", .provider = "openai", .row = "sec_1"},
      {.tenant = "acme", .provider = "gemini", .row = "sec_1"},
      {.tenant = "acme", .provider = "openai", .row = "sec_2"},
      // The same letters, cut elsewhere.
      {.tenant = "acmeo", .provider = "penai", .row = "sec_1"},
      {.tenant = "acme", .provider = "openais", .row = "ec_1"},
      {.tenant = "", .provider = "", .row = ""},
  };
  for (const Place& place : places) {
    EXPECT_EQ(code_of(vault.open(*blob, place)), "damaged_secret");
  }
  EXPECT_EQ(code_of(vault.open(*blob, kPlace)), "opened");
}

TEST(Vault, T39_TwoTenantsBlobsSwapped) {
  const Vault vault = vault_of('a');
  const Place one{.tenant = "one", .provider = "openai", .row = "sec_1"};
  const Place two{.tenant = "two", .provider = "openai", .row = "sec_2"};
  const auto first = vault.seal("first", one), second = vault.seal("second", two);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(code_of(vault.open(*first, two)), "damaged_secret");
  EXPECT_EQ(code_of(vault.open(*second, one)), "damaged_secret");
}

TEST(Vault, FirstKeySealsAllOpen) {
  const Vault old_one = vault_of('a'), both = vault_of('b', 'a'), new_one = vault_of('b');
  const auto before = old_one.seal(kPlain, kPlace);
  ASSERT_TRUE(before);
  EXPECT_EQ(code_of(both.open(*before, kPlace)), "opened");
  EXPECT_EQ(code_of(new_one.open(*before, kPlace)), "unknown_master_key");
  const auto after = both.seal(kPlain, kPlace);
  ASSERT_TRUE(after);
  EXPECT_EQ(code_of(new_one.open(*after, kPlace)), "opened");
  EXPECT_EQ(code_of(old_one.open(*after, kPlace)), "unknown_master_key");
  EXPECT_EQ(Vault::key_id_of(*before), old_one.key_id());
  EXPECT_EQ(Vault::key_id_of(*after), both.key_id());
  EXPECT_EQ(both.key_id(), new_one.key_id());
  EXPECT_NE(old_one.key_id(), new_one.key_id());
  EXPECT_EQ(old_one.key_id().size(), 16u);
}

TEST(Vault, WithoutMasterKey) {
  const Vault none;
  EXPECT_FALSE(none.has_key());
  EXPECT_EQ(none.key_id(), "");
  const auto sealed = none.seal(kPlain, kPlace);
  ASSERT_FALSE(sealed);
  EXPECT_EQ(sealed.error().code, "no_master_key");
  const auto blob = vault_of('a').seal(kPlain, kPlace);
  ASSERT_TRUE(blob);
  EXPECT_EQ(code_of(none.open(*blob, kPlace)), "no_master_key");
  EXPECT_FALSE(Vault(std::vector<Secret>{}).has_key());
}

TEST(Vault, KeyedDigests) {
  const Vault a = vault_of('a'), again = vault_of('a', 'b'), b = vault_of('b');
  const Vault none, none_again;
  EXPECT_EQ(a.keyed_digest("review", "x").size(), 64u);
  EXPECT_EQ(a.keyed_digest("review", "x"), again.keyed_digest("review", "x"));
  EXPECT_NE(a.keyed_digest("review", "x"), a.keyed_digest("review", "y"));
  EXPECT_NE(a.keyed_digest("review", "x"), a.keyed_digest("content", "x"));
  EXPECT_NE(a.keyed_digest("review", "x"), b.keyed_digest("review", "x"));
  EXPECT_NE(a.keyed_digest("review", "x"), none.keyed_digest("review", "x"));
  EXPECT_EQ(none.keyed_digest("review", "x"), none_again.keyed_digest("review", "x"));
}

TEST(Vault, ErrorsTellNothingOfTheSecret) {
  const Vault vault = vault_of('a');
  auto blob = vault.seal(kPlain, kPlace);
  ASSERT_TRUE(blob);
  blob->back() = static_cast<char>(blob->back() ^ 1);
  const auto opened = vault.open(*blob, kPlace);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().detail.find("sk-"), std::string::npos);
}

TEST(Vault, OtherKeysWhileItIsUsed) {
  Vault vault = vault_of('a');
  const auto blob = vault.seal(kPlain, kPlace);
  ASSERT_TRUE(blob);
  vault.use({});
  EXPECT_FALSE(vault.has_key());
  EXPECT_EQ(code_of(vault.open(*blob, kPlace)), "no_master_key");
  std::vector<Secret> keys;
  keys.push_back(key_of('b'));
  vault.use(std::move(keys));
  EXPECT_EQ(code_of(vault.open(*blob, kPlace)), "unknown_master_key");
  keys.clear();
  keys.push_back(key_of('b'));
  keys.push_back(key_of('a'));
  vault.use(std::move(keys));
  EXPECT_EQ(code_of(vault.open(*blob, kPlace)), "opened");
}

TEST(Vault, MovesKeepTheKeys) {
  Vault vault = vault_of('a');
  const auto blob = vault.seal(kPlain, kPlace);
  ASSERT_TRUE(blob);
  Vault other = std::move(vault);
  EXPECT_EQ(code_of(other.open(*blob, kPlace)), "opened");
}

}  // namespace
}  // namespace capsem::vault
