#include "core/base/ascii.h"

#include <gtest/gtest.h>

namespace capsem {
namespace {

TEST(Ascii, LettersAloneChange) {
  for (int i = 0; i < 256; ++i) {
    const char c = static_cast<char>(i);
    EXPECT_EQ(ascii_lower(c), c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c) << i;
  }
  EXPECT_EQ(ascii_lower("MiXed_09[\\]^ \xC3\x84"), "mixed_09[\\]^ \xC3\x84");
}

TEST(Ascii, TextsAreTheSameButForTheCaseOfLetters) {
  EXPECT_TRUE(same_ascii_letters("HTTPS", "https"));
  EXPECT_TRUE(same_ascii_letters("", ""));
  EXPECT_FALSE(same_ascii_letters("http", "https"));
  EXPECT_FALSE(same_ascii_letters("@", "`"));  // 32 apart, as letters are
}

}  // namespace
}  // namespace capsem
