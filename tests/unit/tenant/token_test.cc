// R36: keys are shown once and known by a digest of the whole.
#include "server/tenant/token.h"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>

namespace capsem::tenant {
namespace {

TEST(Token, FormOfTokens) {
  std::set<std::string> tokens;
  for (int i = 0; i < 1'000; ++i) {
    const Secret token = make_token(kKeyPrefix);
    const std::string_view text = token.reveal();
    ASSERT_EQ(text.size(), kKeyPrefix.size() + 40);
    ASSERT_TRUE(text.starts_with("ag_live_"));
    for (const char c : text.substr(kKeyPrefix.size())) {
      ASSERT_TRUE((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'));
    }
    tokens.emplace(text);
  }
  EXPECT_EQ(tokens.size(), 1'000u);
  EXPECT_TRUE(make_token(kAdminPrefix).reveal().starts_with("ag_admin_"));
}

// All 62 characters are as likely as each other: with 40 000 of them each comes 645 times, give or
// take 25; a byte taken modulo 62 would give eight of them 781.
TEST(Token, CharactersAreEven) {
  std::array<int, 256> seen{};
  for (int i = 0; i < 1'000; ++i) {
    const Secret token = make_token("");
    for (const char c : token.reveal()) ++seen[static_cast<unsigned char>(c)];
  }
  for (const int count : seen) {
    if (count != 0) {
      EXPECT_GT(count, 480);
      EXPECT_LT(count, 810);
    }
  }
  int eight = 0;
  for (const char c : std::string_view("01234567")) eight += seen[static_cast<unsigned char>(c)];
  EXPECT_LT(eight, 5'700);  // 5 161 expected; 6 250 if taken modulo
}

TEST(Token, R36_ShownPrefix) {
  const Secret token(std::string_view("ag_live_x7QzSECRETSECRETSECRET"));
  EXPECT_EQ(shown_prefix(token), "ag_live_x7Qz...");
  EXPECT_EQ(shown_prefix(Secret(std::string_view("ag_admin_ab12rest"))), "ag_admin_ab12...");
}

TEST(Token, LooksLikeKey) {
  EXPECT_TRUE(looks_like_key("ag_live_x"));
  EXPECT_TRUE(looks_like_key("ag_live_"));
  for (const char* other : {"", "ag_live", "AG_LIVE_x", "ag_admin_x", "sk-x", " ag_live_x"}) {
    EXPECT_FALSE(looks_like_key(other)) << other;
  }
}

TEST(Token, T44_TheWholeTokenCounts) {
  const std::string pepper(32, 'p'), stem(40, 's');
  EXPECT_EQ(mac_of(stem + "a", pepper), mac_of(stem + "a", pepper));
  EXPECT_NE(mac_of(stem + "a", pepper), mac_of(stem + "b", pepper));
  EXPECT_NE(mac_of(stem, pepper), mac_of(stem + "a", pepper));
  EXPECT_NE(mac_of(stem, pepper), mac_of(stem + std::string(1, '\0'), pepper));
  EXPECT_NE(mac_of(stem, pepper), mac_of(stem, std::string(32, 'q')));
}

}  // namespace
}  // namespace capsem::tenant
